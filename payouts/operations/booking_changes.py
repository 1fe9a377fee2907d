"""What reversals and disputes change of records that were booked: each adjustment is an entry beside the earning."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from attribution.models import Adjustment, AttributionRecord
from conversions import currencies
from partners.models import uuid7
from payouts.models import Entry, Kind
from payouts.terms.clawback import LAPSE, Change, EarnOut, Whole, clawback, whole_months
from payouts.terms.snapshot import plain


def book_changes(*, adjustments: Collection[UUID], records: Collection[UUID]) -> int:
    """Book these adjustments, and all there are of these records. Those of a record that is not booked wait until it
    is. Answers how many entries it made."""
    of_noted = Adjustment.objects.filter(pk__in=adjustments).values_list("record_id", flat=True)
    concerned = {*of_noted, *records}
    booked_records = Entry.objects.filter(kind=Kind.EARNING, record_id__in=concerned)
    earnings = {entry.record_id: entry for entry in booked_records if entry.record_id}
    by_record: dict[UUID, list[Adjustment]] = defaultdict(list)
    for each in Adjustment.objects.filter(record_id__in=earnings).select_related("reversal").order_by("pk"):
        by_record[each.record_id].append(each)
    booked = _booked(by_record)
    whole = AttributionRecord.objects.in_bulk(by_record)
    entries = [
        entry
        for pk, changes in by_record.items()
        for entry in _entries(earnings[pk], whole[pk], changes, booked.get(pk, []))
    ]
    return len(Entry.objects.bulk_create(entries, batch_size=2000))


def _booked(records: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The adjustments that are booked, by record, in the order in which they were."""
    known: dict[UUID, list[UUID]] = defaultdict(list)
    entries = Entry.objects.filter(record_id__in=records, adjustment_id__isnull=False).order_by("booked_at", "pk")
    for record_id, adjustment_id in entries.values_list("record_id", "adjustment_id"):
        if record_id and adjustment_id:
            known[record_id].append(adjustment_id)
    return known


def _entries(
    earning: Entry, record: AttributionRecord, adjustments: Sequence[Adjustment], booked: Sequence[UUID]
) -> list[Entry]:
    """What is booked stays, so it comes first, in its own order: an amount is a step from where the one before led."""
    place = {pk: number for number, pk in enumerate(booked)}
    ordered = sorted(adjustments, key=lambda each: (place.get(each.pk, len(place)), each.pk))
    earn_out = _earn_out(earning)
    amounts = clawback(
        earning.amount,
        Whole(record.commission_amount, record.revenue_attributed, record.credit),
        [_change(each) for each in ordered],
        unit=currencies.smallest_unit(earning.currency),
        earn_out=earn_out,
    )
    new = zip(ordered, amounts, strict=True)
    return [_entry(earning, each, amount, earn_out) for each, amount in new if each.pk not in place]


def _earn_out(earning: Entry) -> EarnOut | None:
    months = earning.working.get("terms", {}).get("earn_out_months")
    return EarnOut(months, earning.earned_on) if months and earning.earned_on else None


def _change(adjustment: Adjustment) -> Change:
    return Change(
        share=adjustment.commission_amount,
        revenue=adjustment.revenue_amount,
        credit=adjustment.credit,
        reason=adjustment.cause,
        on=_day(adjustment),
    )


def _day(adjustment: Adjustment) -> dt.date:
    moment: dt.datetime = adjustment.caused_at
    return moment.astimezone(dt.UTC).date()


def _entry(earning: Entry, adjustment: Adjustment, amount: Decimal, earn_out: EarnOut | None) -> Entry:
    return Entry(
        pk=uuid7(),
        kind=adjustment.kind,
        payee_type=earning.payee_type,
        payee_id=earning.payee_id,
        currency=earning.currency,
        amount=amount,
        record_id=earning.record_id,
        adjustment_id=adjustment.pk,
        conversion_id=earning.conversion_id,
        lead_id=earning.lead_id,
        earned_on=earning.earned_on,
        share=adjustment.commission_amount,
        terms_id=earning.terms_id,
        working=_working(earning, adjustment, earn_out),
        note=str(adjustment),
        created_by_id=adjustment.created_by_id,
    )


def _working(earning: Entry, adjustment: Adjustment, earn_out: EarnOut | None) -> dict[str, Any]:
    """`share`: what the conversion's share changed by; of a lapse also how many months were earned."""
    working: dict[str, Any] = {"earned": plain(earning.amount), "share": plain(adjustment.commission_amount)}
    if earn_out and adjustment.cause == LAPSE:
        months = min(earn_out.months, whole_months(earn_out.since, _day(adjustment)))
        working |= {"earn_out_months": earn_out.months, "earned_months": months}
    return working
