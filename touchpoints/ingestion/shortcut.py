"""Middleware in front of the door: turns away what is too much, and shows programs the short way in."""

import threading

from django.conf import settings
from django.middleware.gzip import GZipMiddleware
from django.urls import resolve, reverse
from django.utils.functional import cached_property

from attribution_site.api.errors import answer_of
from attribution_site.api.short_way import complete, go_straight, is_plain
from touchpoints.ingestion import sharing

LONG = 4096  # bytes; the answer to one touch is shorter, but for very long names


class ToTheDoor:
    """For `POST /touchpoints` alone; it stands right behind Django's SecurityMiddleware and the
    refusal of bodies without a length.

    At most `INGEST_AT_ONCE` of them are let in at a time. Beyond that the answer is a 503, at once: waiting in line
    would make everybody late and help nobody.

    A program that asks with a key of the house goes straight to the view: see `attribution_site.api.short_way`. The
    answer to an array is squeezed for who takes it; that to one touch is not worth the time.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.gzip = GZipMiddleware(get_response)
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
            return complete(answer_of(503, sharing.OVERLOADED, sharing.TOO_MUCH), retry_after="1")
        try:
            return self._straight(request) if is_plain(request) else self.get_response(request)
        finally:
            self.at_once.release()

    def _straight(self, request):
        response = go_straight(request, self.door)
        return response if len(response.content) < LONG else self.gzip.process_response(request, response)
