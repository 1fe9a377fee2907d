"""What the payees of one conversion have now, adjustments included: read, and locked, for those who change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import numpy as np
from django.db.models import QuerySet, Sum

from attribution import shards, store
from attribution.engine import cents
from attribution.models import FROZEN, Adjustment, AttributionRecord
from attribution_site.errors import DomainError
from conversions import currencies
from conversions.models import Conversion

_NOTHING = (Decimal(0), Decimal(0), Decimal(0))


class ConversionMoved(DomainError):
    """The conversion went to another lead while a change of its shares waited for that lead's calculation."""

    code = "conversion_moved"


class OtherCurrency(DomainError):
    """The conversion has records in a currency that is its own no more."""

    code = "other_currency"


@dataclass(frozen=True)
class Standing:
    """A record with its adjustments. `is_decided`: its own amounts are fixed, a change is booked beside it."""

    record: AttributionRecord
    is_decided: bool
    credit: Decimal
    revenue: Decimal
    commission: Decimal


def lock_conversion(conversion_id: UUID) -> Conversion:
    """The lead's calculations first, then the conversion: a batch that has read what is changed now must have written
    before, or read again. Raises ConversionMoved, Conversion.DoesNotExist."""
    place = Conversion.objects.with_bucket().values_list("bucket", flat=True)
    bucket = place.get(pk=conversion_id)
    shards.lock_buckets(store.DjangoStore(), bucket, bucket)
    conversion = Conversion.objects.select_for_update().get(pk=conversion_id)
    if place.get(pk=conversion_id) != bucket:
        raise ConversionMoved("The conversion went to another lead meanwhile. Nothing was changed; try again.")
    return conversion


def lock_record(record_id: UUID) -> AttributionRecord:
    """One that a calculation replaces meanwhile comes back under its id, as a row that is found by asking again.
    Raises AttributionRecord.DoesNotExist."""
    records = AttributionRecord.objects.select_for_update()
    return records.filter(pk=record_id).first() or records.get(pk=record_id)


def lock_records(conversion_id: UUID) -> None:
    """Those that money hangs on, in order of id, for who would else begin with one in the middle."""
    records = AttributionRecord.objects.select_for_update().filter(conversion_id=conversion_id, payable=True)
    list(records.order_by("pk").values_list("pk"))


def standing(
    conversion: Conversion, records: QuerySet[AttributionRecord], *, statuses: Mapping[UUID, str] | None = None
) -> list[Standing]:
    """In order of model and position. The records are read, and locked, in order of id. Raises OtherCurrency.

    statuses: of records that are taken to be in another one than they are in, by id.
    """
    stored = sorted(
        records.filter(conversion_id=conversion.pk).order_by("pk"),
        key=lambda record: (record.model, record.position, record.part),
    )
    if others := {record.currency for record in stored} - {conversion.currency}:
        raise OtherCurrency(
            f"The conversion's records are in {', '.join(sorted(others))}, it is in {conversion.currency}:"
            " have it calculated first."
        )
    adjusted = _adjusted(conversion.pk)
    for record in stored:
        record.status = (statuses or {}).get(record.pk, record.status)
    return [_standing(record, adjusted.get(record.pk)) for record in stored]


def _standing(record: AttributionRecord, adjustments: tuple[Decimal, Decimal, Decimal] | None) -> Standing:
    credit, revenue, commission = adjustments or _NOTHING
    return Standing(
        record=record,
        is_decided=record.status in FROZEN or adjustments is not None,
        credit=record.credit + credit,
        revenue=record.revenue_attributed + revenue,
        commission=record.commission_amount + commission,
    )


def _adjusted(conversion_id: UUID) -> dict[UUID, tuple[Decimal, Decimal, Decimal]]:
    """By record, of those that have adjustments: what they add up to."""
    sums = Adjustment.objects.filter(conversion_id=conversion_id).order_by().values_list("record_id")
    by_record = sums.annotate(Sum("credit"), Sum("revenue_amount"), Sum("commission_amount"))
    return {record_id: (credit, revenue, commission) for record_id, credit, revenue, commission in by_record}


def shared(conversion: Conversion, credits: Sequence[Decimal]) -> list[tuple[Decimal, Decimal]]:
    """Revenue and commission of each credit: what is left of the conversion, shared as `engine.cents` shares. The
    credits, of one model, sum to 1."""
    totals = [hundredths(conversion.remaining_value), hundredths(conversion.remaining_commission)]
    unit = int(currencies.smallest_unit(conversion.currency) * 100)
    if any(total % unit for total in totals):
        unit = 1
    units = np.array([int(credit.scaleb(10)) for credit in credits], dtype=np.int64)
    offsets = np.array([0, len(units)], dtype=np.int64)
    shares = [cents.share(np.array([total // unit], dtype=np.int64), units, offsets) * unit for total in totals]
    return [
        (Decimal(revenue).scaleb(-2), Decimal(commission).scaleb(-2))
        for revenue, commission in zip(*(each.tolist() for each in shares), strict=True)
    ]


def hundredths(amount: Decimal | None) -> int:
    return int((amount or Decimal(0)).scaleb(2))
