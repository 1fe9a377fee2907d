"""Writes of conversions."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from attribution_site.errors import DomainError
from conversions import currencies
from conversions.announcing import announce
from conversions.models import Conversion, Reversal, default_currency
from touchpoints.models import CLOCK_SKEW


class OtherContent(DomainError):
    """The external id is taken by a conversion with other content."""


class MoreThanIsLeft(DomainError):
    """Of the conversion's value less is left than is to be reversed, or nothing."""

    code = "more_than_is_left"


@transaction.atomic
def create_conversion(*, values: Mapping[str, Any]) -> tuple[Conversion, bool]:
    """Store one conversion; one with an external id only once. True says that it is new."""
    conversion = Conversion(**{"currency": default_currency(), **values})
    if conversion.commission_amount is None:
        conversion.commission_amount = _default_commission(conversion)
    _check_amounts(conversion)
    if conversion.external_id is None:
        conversion.save(force_insert=True)
        announce(conversion, "conversion.created")
        return conversion, True
    content = {name: getattr(conversion, name) for name in CONTENT}
    stored, is_new = Conversion.objects.get_or_create(
        external_id=conversion.external_id, defaults=content | {"id": conversion.id}
    )
    # Left out, the time means "now", and now is another time at each sending.
    compared = [name for name in CONTENT if name != "occurred_at" or name in values]
    if any(getattr(stored, name) != content[name] for name in compared):
        raise OtherContent(f"Conversion {stored.id} has the externalId {stored.external_id} and other content.")
    if is_new:
        announce(stored, "conversion.created")
    return stored, is_new


CONTENT = [
    "lead_id",
    "type",
    "value",
    "currency",
    "policy_id",
    "policy_number",
    "commission_rate",
    "commission_amount",
    "occurred_at",
]


@transaction.atomic
def change_conversion(*, conversion_id: UUID, changes: Mapping[str, Any]) -> Conversion:
    """Change the named columns. A commission that was value × rate follows them; one that was set stays.

    The database refuses to change what approved, disputed or paid records were made from.
    """
    conversion = Conversion.objects.select_for_update().get(pk=conversion_id)
    follows = conversion.commission_amount == _default_commission(conversion)
    for name, value in changes.items():
        setattr(conversion, name, value)
    amount = changes.get("commission_amount")
    if amount is None and (follows or "commission_amount" in changes):
        conversion.commission_amount = _default_commission(conversion)
    _check_amounts(conversion)
    if changes:
        conversion.save(update_fields=[*{*changes, "commission_amount", "updated_at"}])
        announce(conversion, "conversion.updated")
    return conversion


def reversal_of(*, conversion: Conversion, values: Mapping[str, Any], by: Any = None) -> Reversal:
    """A reversal, not stored yet; `values` by the names of its columns. Without an amount it takes all that is left.

    Raises MoreThanIsLeft, and ValidationError by field.
    """
    # A conversion may be ahead of our clock.
    now = max(timezone.now(), conversion.occurred_at)
    occurred_at = values.get("occurred_at") or now
    if occurred_at < conversion.occurred_at:
        message = f"Before the conversion, which occurred at {conversion.occurred_at:%Y-%m-%dT%H:%M:%SZ}."
        raise ValidationError({"occurred_at": ValidationError(message, code="before_conversion")})
    if occurred_at > now + CLOCK_SKEW:
        raise ValidationError({"occurred_at": ValidationError("In the future.", code="in_the_future")})
    amount, commission = _taken(conversion, values.get("amount"))
    return Reversal(
        conversion=conversion,
        reason=values["reason"],
        note=values.get("note"),
        amount=amount,
        commission_amount=commission,
        occurred_at=occurred_at,
        created_by=by,
    )


def _taken(conversion: Conversion, amount: Decimal | None) -> tuple[Decimal, Decimal]:
    """Of the value and of the commission.

    Of the commission all reversals so far have taken the part that they took of the value, rounded once: the last one
    leaves no cent of it behind.
    """
    left, commission = conversion.remaining_value, conversion.remaining_commission or Decimal(0)
    if not (left or commission):
        raise MoreThanIsLeft("Nothing is left to reverse: the conversion is reversed in full, or worth nothing.")
    if amount is None or amount == left > 0:
        return left, commission
    if amount <= 0:
        raise ValidationError(
            {"amount": ValidationError("Reverse something, or leave it out for all.", code="min_value")}
        )
    if amount > left:
        raise MoreThanIsLeft(f"{left} {conversion.currency} is left to reverse, {amount} is more.")
    if not currencies.fits(amount, conversion.currency):
        raise ValidationError({"amount": _too_precise(conversion.currency)})
    exact = (conversion.commission_amount or Decimal(0)) * (conversion.reversed_amount + amount) / conversion.value
    so_far = exact.quantize(currencies.smallest_unit(conversion.currency), ROUND_HALF_EVEN)
    return amount, so_far - conversion.reversed_commission


@transaction.atomic
def store_reversal(*, conversion_id: UUID, values: Mapping[str, Any], by: Any) -> Reversal:
    """Store one reversal; the database lessens the conversion by it.

    Its records are another matter: doors call `attribution.operations.reverse_conversion`, which brings them along.
    """
    conversion = Conversion.objects.select_for_update().get(pk=conversion_id)
    reversal = reversal_of(conversion=conversion, values=values, by=by)
    reversal.save(force_insert=True)
    return reversal


def _default_commission(conversion: Conversion) -> Decimal | None:
    if conversion.commission_rate is None:
        return None
    exact = Decimal(conversion.value) * conversion.commission_rate
    return exact.quantize(currencies.smallest_unit(conversion.currency), ROUND_HALF_EVEN)


def _check_amounts(conversion: Conversion) -> None:
    errors = {
        name: _too_precise(conversion.currency)
        for name in ("value", "commission_amount")
        if (amount := getattr(conversion, name)) is not None and not currencies.fits(amount, conversion.currency)
    }
    if errors:
        raise ValidationError(errors)


def _too_precise(currency: str) -> ValidationError:
    unit = currencies.smallest_unit(currency)
    return ValidationError(f"{currency} has amounts in steps of {unit}.", code="too_precise")
