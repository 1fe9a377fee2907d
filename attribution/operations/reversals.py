"""A conversion is taken back, in full or in part, and its records follow to the cent."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

import conversions.operations
from attribution.announcing import announce_changed
from attribution.models import Adjustment, AttributionRecord, KeptJourney
from attribution.standing import hundredths, lock_conversion, shared, standing
from attribution_site.audit.context import because
from conversions.announcing import announce
from conversions.models import Conversion, Reversal

RECORDS = AttributionRecord._meta.db_table


@dataclass(frozen=True)
class Line:
    """What a record has, its adjustments included, and what it has of what is left."""

    record: AttributionRecord
    is_decided: bool
    revenue_before: Decimal
    commission_before: Decimal
    revenue: Decimal
    commission: Decimal

    @property
    def revenue_change(self) -> Decimal:
        return self.revenue - self.revenue_before

    @property
    def commission_change(self) -> Decimal:
        return self.commission - self.commission_before

    @property
    def changes(self) -> bool:
        return bool(self.revenue_change or self.commission_change)


def reverse_conversion(*, conversion_id: UUID, values: Mapping[str, Any], by: Any) -> Reversal:
    """Take a conversion back, or a part of it (`values`: reason, and if wanted amount, occurred_at and note), and have
    its records share what is left.

    Each record keeps its credit. One that is not decided yet is rewritten; for one that is approved, disputed or paid,
    or has adjustments, the difference is booked beside it. Waits for a calculation that has the lead. Raises
    MoreThanIsLeft, ValidationError by field, Conversion.DoesNotExist.
    """
    with transaction.atomic():
        lock_conversion(conversion_id)
        reversal = conversions.operations.store_reversal(conversion_id=conversion_id, values=values, by=by)
        conversion = Conversion.objects.get(pk=conversion_id)
        reversal.conversion = conversion
        lines = _lines(conversion, AttributionRecord.objects.select_for_update())
        why = {"reason": f"Reversal: {reversal.reason}", "reversal": str(reversal.pk), "user": by and by.pk}
        with because(**why):
            _rewrite([line for line in lines if line.changes and not line.is_decided])
        _adjust([line for line in lines if line.changes and line.is_decided], reversal)
        _announce(conversion, reversal, [line.record for line in lines if line.changes])
        # The journeys that the records were made from, so that they are what comes out of them again.
        KeptJourney.objects.filter(conversion_id=conversion_id).update(
            value_cents=hundredths(conversion.remaining_value),
            commission_cents=hundredths(conversion.remaining_commission),
        )
    return reversal


def _announce(conversion: Conversion, reversal: Reversal, changed: list[AttributionRecord]) -> None:
    told = {"reversal_id": reversal.pk, "reason": reversal.reason, "reversed_amount": reversal.amount}
    announce(conversion, "conversion.reversed", **told)
    if changed:
        announce_changed(conversion.pk, {(record.payee_type, record.payee_id) for record in changed})


def plan_reversal(*, conversion_id: UUID, values: Mapping[str, Any]) -> tuple[Reversal, list[Line]]:
    """The reversal as it would be, and what it would do to each record. Nothing is written."""
    conversion = Conversion.objects.get(pk=conversion_id)
    reversal = conversions.operations.reversal_of(conversion=conversion, values=values)
    conversion.reversed_amount += reversal.amount
    conversion.reversed_commission += reversal.commission_amount
    return reversal, _lines(conversion, AttributionRecord.objects.all())


def _lines(conversion: Conversion, records: QuerySet[AttributionRecord]) -> list[Line]:
    """In order of model and position: what is left, shared by the credits that each model's records have."""
    lines = []
    for _, group in groupby(standing(conversion, records), key=lambda each: each.record.model):
        stands = list(group)
        shares = shared(conversion, [each.credit for each in stands])
        lines += [
            Line(each.record, each.is_decided, each.revenue, each.commission, revenue, commission)
            for each, (revenue, commission) in zip(stands, shares, strict=True)
        ]
    return lines


def _rewrite(lines: list[Line]) -> None:
    """In one statement, however many records there are."""
    if not lines:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {RECORDS} r SET revenue_attributed = new.revenue, commission_amount = new.commission
                FROM unnest(%s::uuid[], %s::numeric[], %s::numeric[]) AS new (id, revenue, commission)
                WHERE r.id = new.id""",
            [
                [line.record.pk for line in lines],
                [line.revenue for line in lines],
                [line.commission for line in lines],
            ],
        )


def _adjust(lines: list[Line], reversal: Reversal) -> None:
    Adjustment.objects.bulk_create(
        Adjustment(
            kind=Adjustment.Kind.REVERSAL,
            reversal=reversal,
            record_id=line.record.pk,
            conversion_id=line.record.conversion_id,
            payee_type=line.record.payee_type,
            payee_id=line.record.payee_id,
            currency=line.record.currency,
            revenue_amount=line.revenue_change,
            commission_amount=line.commission_change,
            created_by=reversal.created_by,
        )
        for line in lines
    )
