"""Writes of API keys."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from attribution_site import roles
from attribution_site.errors import DomainError
from partners.models import BOUND_SCOPES, ApiKey, Broker, Partner, Payee, Scope, payee_of

PREFIX_LENGTH = 12
OVERLAP = dt.timedelta(hours=24)
LONGEST_OVERLAP = dt.timedelta(days=30)


class KeyIsOver(DomainError):
    """The key is revoked, expired or replaced."""

    code = "key_is_over"


def digest_of(key: str) -> str:
    """The SHA-256 that is kept of a key, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(
    *,
    name: str,
    scopes: Sequence[str],
    payee: tuple[str, str] | None = None,
    expires_at: dt.datetime | None = None,
    created_by: Any = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is told this once. `payee`: kind and id of the partner or broker it is bound to.

    `created_by` is the person, or the holder of a key, that asks for it: nobody gives more than they have. None is
    the house itself.
    """
    payee = payee or payee_of(created_by)
    ends = getattr(created_by, "expires_at", None)
    if ends is not None:
        longest = dt.datetime.fromtimestamp(ends, dt.UTC)
        expires_at = expires_at or longest
        if expires_at > longest:
            message = "A key cannot make one that outlives it. Rotate it instead."
            raise ValidationError({"expires_at": ValidationError(message, code="more_than_yours")})
    _check(scopes, payee, expires_at)
    _check_payee(payee, created_by)
    return _create(name=name, scopes=scopes, payee=payee, expires_at=expires_at, created_by=created_by)


def _create(
    *,
    name: str,
    scopes: Sequence[str],
    payee: tuple[str, str] | None,
    expires_at: dt.datetime | None,
    created_by: Any,
) -> tuple[ApiKey, str]:
    _check_grant(scopes, payee, created_by)
    key = f"atk_{secrets.token_urlsafe(32)}"
    bound = {f"{payee[0]}_id": payee[1]} if payee else {}
    stored = ApiKey(
        name=name,
        scopes=sorted(set(scopes)),
        prefix=key[:PREFIX_LENGTH],
        digest=digest_of(key),
        expires_at=expires_at,
        # A program's key stands where a person would, and is none.
        created_by_id=getattr(created_by, "pk", None),
        **bound,
    )
    stored.save(force_insert=True)
    return stored, key


@transaction.atomic
def rotate_key(*, key_id: UUID, overlap: dt.timedelta = OVERLAP, created_by: Any = None) -> tuple[ApiKey, str]:
    """A new key like the given one, which goes on for `overlap` and then ends."""
    if not dt.timedelta(0) <= overlap <= LONGEST_OVERLAP:
        message = f"The old key can go on for 0 to {LONGEST_OVERLAP.days * 24} hours."
        raise ValidationError({"overlap_hours": ValidationError(message, code="out_of_range")})
    old = _usable(key_id)
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    now = timezone.now()
    new, key = _create(
        name=old.name,
        scopes=old.scopes,
        payee=old.payee,
        expires_at=_renewed(old, now + lifetime if lifetime else None, created_by),
        created_by=created_by,
    )
    old.expires_at = min(filter(None, (old.expires_at, now + overlap)))
    old.replaced_by = new
    old.save(update_fields=["expires_at", "replaced_by"])
    return new, key


@transaction.atomic
def revoke_key(*, key_id: UUID) -> ApiKey:
    """End a key for good; within seconds no process takes it any more. Revoking it again changes nothing."""
    key = ApiKey.objects.select_for_update().get(pk=key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    return key


def _renewed(old: ApiKey, end: dt.datetime | None, created_by: Any) -> dt.datetime | None:
    """A key renews its own time, that is what rotating is for; another's it lengthens beyond its own end no more than
    it makes one."""
    own_end = getattr(created_by, "expires_at", None)
    if own_end is None or created_by.key_id == old.pk:
        return end
    longest = dt.datetime.fromtimestamp(own_end, dt.UTC)
    return min(end or longest, longest)


def _usable(key_id: UUID) -> ApiKey:
    key = ApiKey.objects.select_for_update().get(pk=key_id)
    if key.replaced_by_id:
        raise KeyIsOver(f"The key {key} was replaced already.")
    if key.revoked_at or (key.expires_at and key.expires_at <= timezone.now()):
        raise KeyIsOver(f"The key {key} has ended. Make a new one.")
    return key


def _check(scopes: Sequence[str], payee: tuple[str, str] | None, expires_at: dt.datetime | None) -> None:
    errors = {}
    if not scopes or set(scopes) - set(Scope.values):
        errors["scopes"] = ValidationError(f"Give some of {', '.join(Scope.values)}.", code="invalid_choice")
    elif payee and set(scopes) - set(BOUND_SCOPES):
        message = "The key of a partner or broker has the scopes partner and ingest only."
        errors["scopes"] = ValidationError(message, code="not_for_payees")
    elif not payee and Scope.PARTNER in scopes:
        errors["scopes"] = ValidationError("For whom? Name the partner or broker.", code="payee_missing")
    if expires_at and expires_at <= timezone.now():
        errors["expires_at"] = ValidationError("This time has passed.", code="in_the_past")
    if errors:
        raise ValidationError(errors)


def _check_payee(payee: tuple[str, str] | None, created_by: Any) -> None:
    """Whoever is bound to a payee is told of another what they would be told of one that does not exist."""
    if payee is None:
        return
    kind, pk = payee
    own = payee_of(created_by)
    models: dict[str, type[Payee]] = {"partner": Partner, "broker": Broker}
    if (own and tuple(own) != (kind, pk)) or not models[kind]._default_manager.filter(pk=pk).exists():
        raise ValidationError({f"{kind}_id": ValidationError(f"There is no {kind} {pk}.", code="unknown")})


def _check_grant(scopes: Sequence[str], payee: tuple[str, str] | None, created_by: Any) -> None:
    if created_by is not None and not created_by.has_perms(roles.permissions_of(scopes, is_bound=payee is not None)):
        message = "These scopes allow more than you are allowed to do."
        raise ValidationError({"scopes": ValidationError(message, code="more_than_yours")})
