"""Middleware in front of the door: turns away what is too much, and shows programs the short way in."""

import threading

from django.conf import settings
from django.urls import resolve, reverse
from django.utils.functional import cached_property

from attribution_site.api import keys
from attribution_site.api.errors import answer_of
from touchpoints.ingestion import sharing


class ToTheDoor:
    """For `POST /touchpoints` alone; it stands right behind Django's SecurityMiddleware.

    At most `INGEST_AT_ONCE` of them are let in at a time. Beyond that the answer is a 503, at once: waiting in line
    would make everybody late and help nobody.

    A program that asks with a key of the house needs none of what the rest of the middleware is for: no session, no
    CSRF token, no messages, no zone to read times in, no audit of rows that have none. It goes straight to the view.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.at_once = threading.BoundedSemaphore(settings.INGEST_AT_ONCE)

    @cached_property
    def door(self):
        return resolve(reverse("touchpoint-list"))

    @cached_property
    def path(self):
        return reverse("touchpoint-list")

    def __call__(self, request):
        if request.method != "POST" or request.path != self.path:
            return self.get_response(request)
        if not self.at_once.acquire(blocking=False):
            return _complete(answer_of(503, sharing.OVERLOADED, sharing.TOO_MUCH), retry_after="1")
        try:
            return self._straight(request) if _is_plain(request) else self.get_response(request)
        finally:
            self.at_once.release()

    def _straight(self, request):
        request.get_host()  # refuses a forged one
        request.resolver_match = self.door
        response = self.door.func(request, *self.door.args, **self.door.kwargs)
        return _complete(response.render() if hasattr(response, "render") else response)


def _complete(response, retry_after=None):
    """With what middleware further in would have seen to."""
    response["Content-Length"] = len(response.content)
    if retry_after:
        response["Retry-After"] = retry_after
    return response


def _is_plain(request):
    """By a key that is bound to nobody, and to be answered once."""
    holder = None if "HTTP_IDEMPOTENCY_KEY" in request.META else keys.holder_asking(request)
    return holder is not None and holder.payee is None
