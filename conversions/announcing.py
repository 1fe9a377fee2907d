"""What webhooks are told of conversions."""

from decimal import Decimal
from typing import Any

from django.db.models import DecimalField

from conversions.models import Conversion
from partners.webhooks import outbox

FIELDS = [
    "id",
    "external_id",
    "lead_id",
    "type",
    "value",
    "currency",
    "policy_id",
    "policy_number",
    "commission_rate",
    "commission_amount",
    "occurred_at",
    "created_at",
    "updated_at",
]


def announce(conversion: Conversion, event: str, **more: Any) -> None:
    """Tell of a conversion as it is now, in the transaction that made it so; `more` stands beside its columns."""
    outbox.publish(event=event, data={name: _exact(conversion, name) for name in FIELDS} | more)


def _exact(conversion: Conversion, name: str) -> Any:
    """With the decimals of its column, whatever it was given with."""
    value, field = getattr(conversion, name), Conversion._meta.get_field(name)
    if value is not None and isinstance(field, DecimalField):
        return Decimal(value).quantize(Decimal(1).scaleb(-field.decimal_places))
    return value
