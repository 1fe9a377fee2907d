"""What a request of a browser tells beside its address: who must not be counted, and how often somebody asks."""

import re

import redis
from django.core.cache import cache

from attribution_site.signing_in.addresses import address_of

MINUTE, DAY = 60, 86_400  # seconds
# Many people may share one address; nobody clicks that often.
MOST_A_MINUTE = 300
# Programs that follow links to look at them: search engines, previews in chats, scanners of mail.
MACHINES = re.compile(
    r"bot\b|bot[/;_-]|crawl|spider|slurp|preview|externalhit|headless|monitor|scanner|safelinks|curl/|wget/|python|"
    r"okhttp|go-http|java/|whatsapp/|telegram|discord|embedly|lighthouse",
    re.IGNORECASE,
)
PREFETCHING = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)


def objects_to_tracking(request):
    """Global Privacy Control, or Do Not Track before it."""
    return request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"


def is_machine(request):
    """No person is behind it: a program, or a browser that only gets ready."""
    agent = request.headers.get("User-Agent", "")
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    prefetches = any(map(PREFETCHING.search, purposes))
    return request.method == "HEAD" or prefetches or not agent or bool(MACHINES.search(agent))


def is_within_limit(request, what):
    """Whether this address has asked for this at most so often in this minute. Without Redis nothing is refused."""
    key = f"tracking:{what}:{address_of(request)}"
    try:
        cache.add(key, 0, MINUTE)
        return cache.incr(key) <= MOST_A_MINUTE
    except (redis.RedisError, ValueError):
        # ValueError: it ended between the two calls.
        return True


def is_first_today(what):
    try:
        return cache.add(f"tracking:{what}", 1, DAY)
    except redis.RedisError:
        return True
