"""Many payouts that are paid together, as the bank's answer to a file says: in a few statements, however many."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from attribution.models import AttributionRecord
from payouts import announcing
from payouts.models import Entry, Kind, Payout, PayoutLine, Status
from payouts.operations.payouts import PayoutChanged

AT_ONCE = 500


@dataclass(frozen=True)
class Payment:
    payout: Payout
    paid_at: dt.datetime
    reference: str


def pay_together(payments: Sequence[Payment], by: Any) -> None:
    """As `mark_paid` does with one. Its caller holds the locks of all of them, in order of number, and knows that they
    are approved. Raises PayoutChanged if somebody went round us; then none is paid."""
    Entry.objects.bulk_create([_entry(each, by) for each in payments], batch_size=2000)
    for each in payments:
        each.payout.status, each.payout.paid_at = Status.PAID, each.paid_at
        each.payout.payment_reference = each.reference
    payouts = [each.payout for each in payments]
    try:
        with transaction.atomic():
            Payout.objects.bulk_update(payouts, ["status", "paid_at", "payment_reference"], batch_size=AT_ONCE)
    except IntegrityError as error:
        if "not those that were submitted" not in str(error):
            raise
        raise PayoutChanged("The lines of a payout are not those that were submitted. Send it back.") from None
    earned = Entry.objects.filter(kind=Kind.EARNING, pk__in=_lines(payouts).values("entry_id"))
    approved = AttributionRecord.objects.filter(status=AttributionRecord.Status.APPROVED)
    approved.filter(pk__in=earned.values("record_id")).update(status=AttributionRecord.Status.PAID)
    announcing.announce_all(payouts)


def _lines(payouts: Sequence[Payout]) -> Any:
    return PayoutLine.objects.filter(payout__in=payouts, live=True)


def _entry(payment: Payment, by: Any) -> Entry:
    payout = payment.payout
    return Entry(
        kind=Kind.PAYMENT,
        payee_type=payout.payee_type,
        payee_id=payout.payee_id,
        currency=payout.currency,
        amount=-payout.total,
        payout_id=payout.pk,
        note=payment.reference[:500],
        created_by=by,
    )
