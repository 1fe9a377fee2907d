"""How much each asker may ask of each kind, counted in Redis for all web processes together.

A window's count is one number in Redis. Where much is allowed, a process takes a lease of many requests at once, so
that the hot path asks Redis once in a while and not each time; what of a lease is not used is lost to the window.
"""

import logging
import threading
import time
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from rest_framework.throttling import BaseThrottle

from attribution_site.signing_in.addresses import address_of

logger = logging.getLogger(__name__)
SECONDS = {"s": 1, "min": 60, "h": 3600}
LEASES_A_WINDOW = 50
MOST_KNOWN = 10_000


@dataclass(frozen=True)
class Rate:
    limit: int
    seconds: int

    @classmethod
    def of(cls, text):
        """`100/s`, `60/min` or `10/h`."""
        number, _, unit = text.partition("/")
        return cls(int(number), SECONDS[unit])

    @property
    def lease(self):
        return max(1, self.limit // LEASES_A_WINDOW)


class _Leases:
    def __init__(self):
        self.held = {}
        self.lock = threading.Lock()

    def take(self, name, rate, now):
        """Whether one more request is within the rate."""
        window = int(now // rate.seconds)
        with self.lock:
            of_window, left = self.held.get(name, (window, 0))
            if of_window == window and left > 0:
                self.held[name] = window, left - 1
                return True
        granted = _grant(f"throttle:{name}:{window}", rate)
        if granted < 1:
            return False
        with self.lock:
            if len(self.held) >= MOST_KNOWN:
                self.held.clear()
            of_window, left = self.held.get(name, (window, 0))
            self.held[name] = window, granted - 1 + (left if of_window == window else 0)
        return True


leases = _Leases()


@cache
def _redis():
    return redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def _grant(name, rate):
    """How many requests of the lease that was asked for are within the window's limit."""
    try:
        with _redis().pipeline(transaction=False) as together:
            together.incrby(name, rate.lease)
            together.expire(name, 2 * rate.seconds)
            [total, _] = together.execute()
    except redis.RedisError:
        # Redis holds no truth, and nobody is refused for its sake.
        logger.warning("Requests are not counted: Redis does not answer.")
        return rate.lease
    return min(rate.lease, rate.limit - (total - rate.lease))


class Throttle(BaseThrottle):
    """The rate of the view's action: its `throttle_scopes` name it, else it is reading or writing."""

    def allow_request(self, request, view):
        scope = getattr(view, "throttle_scopes", {}).get(getattr(view, "action", None))
        scope = scope or ("read" if request.method in {"GET", "HEAD", "OPTIONS"} else "write")
        self.rate, self.now = Rate.of(settings.THROTTLES[scope]), time.time()
        return leases.take(f"{scope}:{_asker(request)}", self.rate, self.now)

    def wait(self):
        return self.rate.seconds - self.now % self.rate.seconds


def _asker(request):
    """Who makes keys of its own, as a partner or broker does, gets no more by having many."""
    payee = getattr(request.user, "payee", None)
    if payee is not None:
        return f"{payee.kind}:{payee.id}"
    return request.auth or getattr(request.user, "pk", None) or address_of(request)
