"""A ledger to pay from: partners with records that were approved, and what was booked of them."""

import datetime as dt
from decimal import Decimal

from django.utils import timezone

from partners.models import uuid7
from payouts import operations
from payouts.models import Entry, Payout, PayoutLine, PayoutRun, Proposal
from tests.factories import AttributionRecordFactory, PartnerFactory, UserFactory


def today():
    return timezone.now().astimezone(dt.UTC).date()


def partner(pk="partner-1", **values):
    return PartnerFactory(pk=pk, **values)


def earned(amount="100.00", *, payee="partner-1", status="approved", **values):
    """The earning of a record that was approved, booked as it is without terms."""
    record = AttributionRecordFactory(
        payee_id=payee, partner_id=payee, status=status, commission_amount=Decimal(amount), **values
    )
    return Entry.objects.create(
        pk=record.pk,
        kind="earning",
        payee_type="partner",
        payee_id=payee,
        currency=record.currency,
        amount=record.commission_amount,
        record_id=record.pk,
        conversion_id=record.conversion_id,
        lead_id=record.lead_id,
        earned_on=record.occurred_at.astimezone(dt.UTC).date(),
        share=record.commission_amount,
    )


def owed(amount, *, payee="partner-1", currency="USD"):
    """What the payee owes, or is owed, by hand of two people."""
    proposal = Proposal.objects.create(
        kind="manual",
        payee_type="partner",
        payee_id=payee,
        currency=currency,
        amount=Decimal(amount),
        reason="Paid twice in spring",
        proposed_by=finance(),
    )
    return operations.accept_proposal(proposal_id=proposal.pk, by=finance())


def finance():
    return UserFactory(role="Finance")


def run(**values):
    """Built as a worker builds it."""
    begun = operations.start_run(**{"period_end": today(), "by": finance()} | values)
    operations.build_run(begun.pk)
    return PayoutRun.objects.get(pk=begun.pk)


def draft(**values):
    [payout] = run(**values).payouts.all()
    return payout


def submitted(payout=None):
    payout = payout or draft()
    return operations.submit_payout(payout_id=payout.pk, by=payout.prepared_by)


def approved(payout=None):
    payout = submitted(payout)
    for _ in range(payout.approvals_needed):
        payout = operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=finance())
    return payout


def paid(payout=None):
    payout = approved(payout)
    return operations.mark_paid(payout_id=payout.pk, paid_at=timezone.now(), reference="ref-1", by=finance())


def payout_of(payee, *, is_approved=False, entry=None):
    """One that waits for its approval, made without a run, of one entry: of a record if none is given."""
    entry, preparer = entry or earned(payee=payee), finance()
    payout = Payout(payee_type="partner", payee_id=payee, currency="USD", prepared_by=preparer)
    payout.period_end, payout.total, payout.line_count = today(), entry.amount, 1
    payout.save(force_insert=True)
    PayoutLine.objects.create(payout=payout, entry_id=entry.pk, amount=entry.amount)
    payout = operations.submit_payout(payout_id=payout.pk, by=preparer)
    if is_approved:
        payout = operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=finance())
    return payout


def off():
    """What the reconciliation finds, by identity."""
    return {name: each["off"] for name, each in operations.reconcile().checked.items() if each["off"]}


def new_id():
    return uuid7()
