"""Writes of conversions."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from attribution_site.errors import DomainError
from conversions import currencies
from conversions.models import Conversion, default_currency


class OtherContent(DomainError):
    """The external id is taken by a conversion with other content."""


def create_conversion(*, values: Mapping[str, Any]) -> tuple[Conversion, bool]:
    """Store one conversion; one with an external id only once. True says that it is new."""
    conversion = Conversion(**{"currency": default_currency(), **values})
    if conversion.commission_amount is None:
        conversion.commission_amount = _default_commission(conversion)
    _check_amounts(conversion)
    if conversion.external_id is None:
        conversion.save(force_insert=True)
        return conversion, True
    content = {name: getattr(conversion, name) for name in CONTENT}
    stored, is_new = Conversion.objects.get_or_create(
        external_id=conversion.external_id, defaults=content | {"id": conversion.id}
    )
    # Left out, the time means "now", and now is another time at each sending.
    compared = [name for name in CONTENT if name != "occurred_at" or name in values]
    if any(getattr(stored, name) != content[name] for name in compared):
        raise OtherContent(f"Conversion {stored.id} has the externalId {stored.external_id} and other content.")
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
    return conversion


def _default_commission(conversion: Conversion) -> Decimal | None:
    if conversion.commission_rate is None:
        return None
    exact = Decimal(conversion.value) * conversion.commission_rate
    return exact.quantize(currencies.smallest_unit(conversion.currency), ROUND_HALF_EVEN)


def _check_amounts(conversion: Conversion) -> None:
    errors = {
        name: ValidationError(
            f"{conversion.currency} has amounts in steps of {currencies.smallest_unit(conversion.currency)}.",
            code="too_precise",
        )
        for name in ("value", "commission_amount")
        if (amount := getattr(conversion, name)) is not None and not currencies.fits(amount, conversion.currency)
    }
    if errors:
        raise ValidationError(errors)
