"""Times are shown in the reader's zone: the browser names it in a cookie (static/attribution/zone.js)."""

import zoneinfo
from urllib.parse import unquote

from django.utils import timezone

COOKIE = "timezone"


class ReaderTimezone:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        with timezone.override(zone_named(request.COOKIES.get(COOKIE))):
            return self.get_response(request)


def zone_named(name):
    """The zone of this IANA name, or None (the site's own, UTC) for what is not one."""
    try:
        return zoneinfo.ZoneInfo(unquote(name)) if name else None
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None
