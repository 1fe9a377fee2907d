"""A conversion is taken back, in full or in part, and its records follow to the cent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet, Sum

import conversions.operations
from attribution import shards, store
from attribution.announcing import announce_changed
from attribution.engine import cents
from attribution.models import FROZEN, Adjustment, AttributionRecord, KeptJourney
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions import currencies
from conversions.announcing import announce
from conversions.models import Conversion, Reversal

RECORDS = AttributionRecord._meta.db_table
NOTHING = (Decimal(0), Decimal(0))


class ConversionMoved(DomainError):
    """The conversion went to another lead while its reversal waited for that lead's calculation."""

    code = "conversion_moved"


class OtherCurrency(DomainError):
    """The conversion has records in a currency that is its own no more."""

    code = "other_currency"


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
        _lock(conversion_id)
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
            value_cents=_hundredths(conversion.remaining_value),
            commission_cents=_hundredths(conversion.remaining_commission),
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


def _lock(conversion_id: UUID) -> None:
    """The lead's calculations first, then the conversion: a batch that has read what is reversed now must have written
    before, or read again."""
    place = Conversion.objects.with_bucket().values_list("bucket", flat=True)
    bucket = place.get(pk=conversion_id)
    shards.lock_buckets(store.DjangoStore(), bucket, bucket)
    Conversion.objects.select_for_update().get(pk=conversion_id)
    if place.get(pk=conversion_id) != bucket:
        raise ConversionMoved("The conversion went to another lead meanwhile. Nothing was reversed; try again.")


def _lines(conversion: Conversion, records: QuerySet[AttributionRecord]) -> list[Line]:
    """In order of model and position. The records are read, and locked, in order of id."""
    stored = sorted(
        records.filter(conversion_id=conversion.pk).order_by("pk"), key=lambda record: (record.model, record.position)
    )
    if others := {record.currency for record in stored} - {conversion.currency}:
        raise OtherCurrency(
            f"The conversion's records are in {', '.join(sorted(others))}, it is in {conversion.currency}:"
            " have it calculated first."
        )
    adjusted = _adjusted(conversion.pk)
    return [
        Line(
            record=record,
            is_decided=record.status in FROZEN or record.pk in adjusted,
            revenue_before=record.revenue_attributed + adjusted.get(record.pk, NOTHING)[0],
            commission_before=record.commission_amount + adjusted.get(record.pk, NOTHING)[1],
            revenue=revenue,
            commission=commission,
        )
        for record, revenue, commission in _shared(conversion, stored)
    ]


def _adjusted(conversion_id: UUID) -> dict[UUID, tuple[Decimal, Decimal]]:
    """By record, of those that have adjustments: what they add up to."""
    sums = Adjustment.objects.filter(conversion_id=conversion_id).order_by().values_list("record_id")
    by_record = sums.annotate(Sum("revenue_amount"), Sum("commission_amount"))
    return {record_id: (revenue, commission) for record_id, revenue, commission in by_record}


def _shared(
    conversion: Conversion, stored: Iterable[AttributionRecord]
) -> Iterator[tuple[AttributionRecord, Decimal, Decimal]]:
    """What is left, shared by the stored credits of each model's records, as `engine.cents` shares."""
    totals = [_hundredths(conversion.remaining_value), _hundredths(conversion.remaining_commission)]
    unit = int(currencies.smallest_unit(conversion.currency) * 100)
    if any(total % unit for total in totals):
        unit = 1
    for _, group in groupby(stored, key=lambda record: record.model):
        records = list(group)
        credits = np.array([int(record.credit.scaleb(10)) for record in records], dtype=np.int64)
        offsets = np.array([0, len(records)], dtype=np.int64)
        shares = [cents.share(np.array([total // unit], dtype=np.int64), credits, offsets) * unit for total in totals]
        for record, revenue, commission in zip(records, *(each.tolist() for each in shares), strict=True):
            yield record, Decimal(revenue).scaleb(-2), Decimal(commission).scaleb(-2)


def _hundredths(amount: Decimal | None) -> int:
    return int((amount or Decimal(0)).scaleb(2))


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
