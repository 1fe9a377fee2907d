"""Bodies without a length: the web server hands them on as empty, and an empty body may mean "all"."""

from attribution_site.api.errors import answer_of

LENGTH_REQUIRED = "Send the body with its length (Content-Length), not in chunks (Transfer-Encoding)."


class LengthRequired:
    """Before everything that reads a body: one that is sent in chunks is refused, never taken for no body at all."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
            return answer_of(411, "length_required", LENGTH_REQUIRED)
        return self.get_response(request)
