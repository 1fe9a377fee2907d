"""Programs that ask with a key: `Authorization: Api-Key atk_…`."""

import datetime as dt
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from attribution_site import roles
from partners.models import ApiKey
from partners.operations import digest_of

SCHEME = "Api-Key"
# How long a process believes what it knows of a key: a revoked one ends everywhere within this.
BELIEVED = 5.0  # seconds
MOST_KNOWN = 10_000
USED_TO = 60  # seconds that "last used" is exact to


class Payee(NamedTuple):
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who asks with a key. It stands where Django's user stands: `request.user`."""

    key_id: UUID
    name: str
    scopes: frozenset[str]
    permissions: frozenset[str]
    payee: Payee | None
    expires_at: float | None

    pk = None
    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    def has_perm(self, permission, obj=None):
        return permission in self.permissions

    def has_perms(self, permissions, obj=None):
        return self.permissions.issuperset(permissions)

    def __str__(self):
        return f"key {self.name}"


class _Known:
    """What this process knows of keys, so that most requests ask nobody."""

    def __init__(self):
        self.holders = {}
        self.lock = threading.Lock()

    def holder(self, key):
        digest, now = digest_of(key), time.monotonic()
        holder, until = self.holders.get(digest, (None, 0.0))
        if until < now:
            holder = _look_up(digest)
            with self.lock:
                # What is no key is not kept: whoever tries many must not push the good ones out.
                if len(self.holders) >= MOST_KNOWN:
                    self.holders.clear()
                if holder is not None:
                    self.holders[digest] = holder, now + BELIEVED
                else:
                    self.holders.pop(digest, None)
        if holder is None or (holder.expires_at is not None and holder.expires_at <= time.time()):
            return None
        return holder

    def forget(self):
        with self.lock:
            self.holders.clear()


known = _Known()


def key_in(request):
    """The key that the request's `Authorization` header holds, if that is of our scheme; else None."""
    scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return key.strip() if scheme.lower() == SCHEME.lower() else None


def holder_asking(request):
    """Looked up once a request, so that all who ask are told the same."""
    request = getattr(request, "_request", request)
    if not hasattr(request, "key_holder"):
        key = key_in(request)
        request.key_holder = None if key is None else known.holder(key)
    return request.key_holder


def payee_asking(request):
    """The partner or broker whose key the request comes with, if it does."""
    holder = holder_asking(request)
    return None if holder is None else holder.payee


def _look_up(digest):
    key = ApiKey.objects.usable().filter(digest=digest).first()
    if key is None:
        return None
    stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - dt.timedelta(seconds=USED_TO))
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=Now())
    payee = Payee("partner", key.partner_id) if key.partner_id else Payee("broker", key.broker_id)
    bound = payee if payee.id else None
    scopes = frozenset(key.scopes)
    return KeyHolder(
        key_id=key.pk,
        name=key.name,
        scopes=scopes,
        permissions=roles.permissions_of(scopes, is_bound=bound is not None),
        payee=bound,
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
    )
