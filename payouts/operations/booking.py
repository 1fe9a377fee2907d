"""Records that were approved, and what was changed of them since, become entries of the ledger.

Triggers note both in the transaction that writes them (`ToBook`); the booking takes the notes away in the transaction
that writes the entries. So nothing is booked twice, and nothing is forgotten whoever approves and whatever dies.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from attribution.models import AttributionRecord
from attribution_site.audit.context import because
from partners.models import uuid7
from payouts.models import Entry, Kind, Payout, PayoutLine, ToBook
from payouts.operations.booking_changes import book_changes
from payouts.operations.recalculations import propose_differences
from payouts.terms import ledger
from payouts.terms.choosing import Chosen, agreements_of, first_sales, hold_terms
from payouts.terms.working import Earned, Share, SoFar, earn_each

SLICE = 10_000
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('payouts.book'))"
Status = AttributionRecord.Status


def book() -> int:
    """Book all that is noted, in the order in which it was decided; answers how many entries that made."""
    booked = 0
    while (some := _book_some()) is not None:
        booked += some
    return booked


@transaction.atomic
def _book_some() -> int | None:
    """One at a time: each amount follows from those that the payee's month had before. None: nothing was noted."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    hold_terms()
    notes = list(ToBook.objects.order_by("id")[:SLICE])
    if not notes:
        return None
    ToBook.objects.filter(pk__in=[note.pk for note in notes]).delete()
    earned = _book_records([note.record_id for note in notes if note.record_id])
    changed = book_changes(
        adjustments=[note.adjustment_id for note in notes if note.adjustment_id],
        records=[entry.record_id for entry in earned if entry.record_id],
    )
    propose_differences([note.finding_id for note in notes if note.finding_id])
    return len(earned) + changed


def _book_records(ids: Collection[UUID]) -> list[Entry]:
    """Those that are still approved. One that is disputed by now is noted again once it is not."""
    approved = AttributionRecord.objects.filter(pk__in=ids, status__in=[Status.APPROVED, Status.PAID])
    records = {record.pk: record for record in approved.order_by("pk").select_for_update(no_key=True)}
    earnings = Entry.objects.filter(kind=Kind.EARNING, record_id__in=records)
    known = {pk for pk in earnings.values_list("record_id", flat=True) if pk}
    _pay_again(known)
    new = [record for pk, record in records.items() if pk not in known]
    return Entry.objects.bulk_create(_entries(new), batch_size=2000)


def _pay_again(ids: Collection[UUID]) -> None:
    """A record whose payout was paid while it was disputed is paid as soon as the dispute gives it back."""
    paid = PayoutLine.objects.filter(live=True, payout__status=Payout.Status.PAID)
    entries = Entry.objects.filter(kind=Kind.EARNING, record_id__in=ids, pk__in=paid.values("entry_id"))
    given_back = AttributionRecord.objects.filter(pk__in=entries.values("record_id"), status=Status.APPROVED)
    with because(reason="Its payout was paid while it was disputed."):
        given_back.update(status=Status.PAID)


def _entries(records: Sequence[AttributionRecord]) -> list[Entry]:
    by_id = {str(record.pk): record for record in records}
    return [
        _entry(by_id[earned.share.record], chosen, earned)
        for month in _by_month(records, _chosen(records)).values()
        for chosen, earned in month
    ]


def _chosen(records: Sequence[AttributionRecord]) -> dict[UUID, Chosen]:
    """The terms of each record, by the day of its conversion."""
    agreements = agreements_of({(record.payee_type, record.payee_id) for record in records})
    sold = first_sales({record.conversion_id for record in records})
    return {
        record.pk: agreements.for_conversion(
            (record.payee_type, record.payee_id), record.currency, _day(record), sold.get(record.conversion_id)
        )
        for record in records
    }


def _by_month(
    records: Sequence[AttributionRecord], chosen: dict[UUID, Chosen]
) -> dict[ledger.MonthKey, list[tuple[Chosen, Earned]]]:
    """What the records earn, by payee, currency and month, in the order of their conversions."""
    by_month: dict[ledger.MonthKey, list[AttributionRecord]] = {}
    for record in sorted(records, key=lambda record: (record.occurred_at, str(record.pk))):
        key = (record.payee_type, record.payee_id, record.currency, _day(record).replace(day=1))
        by_month.setdefault(key, []).append(record)
    so_far = ledger.so_far_of(by_month)
    return {key: _earned(some, chosen, so_far[key]) for key, some in by_month.items()}


def _earned(
    records: Sequence[AttributionRecord], chosen: dict[UUID, Chosen], so_far: SoFar
) -> list[tuple[Chosen, Earned]]:
    under = [chosen[record.pk] for record in records]
    shares = [_share(record, each) for record, each in zip(records, under, strict=True)]
    snapshots = [each.terms.snapshot for each in under]
    return list(zip(under, earn_each(zip(snapshots, shares, strict=True), so_far), strict=True))


def _share(record: AttributionRecord, chosen: Chosen) -> Share:
    return Share(
        record=str(record.pk),
        conversion=str(record.conversion_id),
        conversion_type=record.conversion_type,
        occurred_at=record.occurred_at,
        credit=record.credit,
        amount=record.commission_amount,
        sold_on=chosen.sold_on,
    )


def _entry(record: AttributionRecord, chosen: Chosen, earned: Earned) -> Entry:
    return Entry(
        pk=uuid7(),
        kind=Kind.EARNING,
        payee_type=record.payee_type,
        payee_id=record.payee_id,
        currency=record.currency,
        amount=earned.amount,
        record_id=record.pk,
        conversion_id=record.conversion_id,
        lead_id=record.lead_id,
        earned_on=_day(record),
        share=record.commission_amount,
        terms_id=chosen.terms.pk,
        working=_whole(earned.working, record),
    )


def _whole(working: dict[str, Any], record: AttributionRecord) -> dict[str, Any]:
    """With what else it takes to work the amount out again: the share's own origin."""
    return working | {"credit": f"{record.credit:f}", "model": record.model, "touchpoint": str(record.touchpoint_id)}


def _day(record: AttributionRecord) -> dt.date:
    return record.occurred_at.astimezone(dt.UTC).date()
