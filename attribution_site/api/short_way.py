"""The short way of programs to the views that are asked most: past the middleware that is for browsers.

A program with a key of the house needs no session, no CSRF token, no messages, no zone to read times in. Nor, where
nothing that has one is written, an audit.
"""

from django.urls import resolve, reverse
from django.utils.functional import cached_property

from attribution_site.api import keys

# Each stores nothing. `POST /touchpoints` has a door of its own, further out: touchpoints/ingestion/shortcut.py.
SHORT = ["calculation-calculate"]


def is_plain(request):
    """By a key that is bound to nobody, and to be answered once."""
    holder = None if "HTTP_IDEMPOTENCY_KEY" in request.META else keys.holder_asking(request)
    return holder is not None and holder.payee is None


def go_straight(request, match):
    """The answer of the route's view, complete."""
    request.get_host()  # refuses a forged one
    request.resolver_match = match
    response = match.func(request, *match.args, **match.kwargs)
    return complete(response.render() if hasattr(response, "render") else response)


def complete(response, retry_after=None):
    """With what middleware further in would have seen to."""
    response["Content-Length"] = len(response.content)
    if retry_after:
        response["Retry-After"] = retry_after
    return response


class ShortWay:
    """Middleware: stands behind all that answers are changed by."""

    def __init__(self, get_response):
        self.get_response = get_response

    @cached_property
    def matches(self):
        return {path: resolve(path) for path in map(reverse, SHORT)}

    def __call__(self, request):
        match = self.matches.get(request.path) if request.method == "POST" else None
        if match is None or not is_plain(request):
            return self.get_response(request)
        return go_straight(request, match)
