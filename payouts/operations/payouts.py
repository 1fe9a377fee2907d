"""The steps of one payout. Each reads it again under its lock, checks, and writes; the database checks once more."""

import datetime as dt
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Sum
from django.utils import timezone

from attribution.models import AttributionRecord
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from disputes.models import Dispute
from payouts import announcing
from payouts.models import Approval, Entry, Kind, OpenEntry, Payout, PayoutLine, Status
from payouts.operations.reconciling import check_ledger

TRIES = 3


class NotInThisState(DomainError):
    code = "not_in_this_state"


class PayoutChanged(DomainError):
    """The lines are others than those that the approver saw."""

    code = "payout_changed"


class OwnPayout(DomainError):
    """Who prepared it, or decided a dispute in it, is not who approves it."""

    code = "own_payout"


class HasDisputes(DomainError):
    """A record in it is disputed."""

    code = "has_disputes"


class MayBePaid(DomainError):
    """It is in a bank file: the bank may have paid it."""

    code = "may_be_paid"


class NothingLeft(DomainError):
    code = "nothing_left"


def submit_payout(*, payout_id: UUID, by: Any) -> Payout:
    """Hand a draft to its approvers: its lines are summed and hashed, and don't change any more.

    Raises NotInThisState, HasDisputes, OwnPayout where a preparer decided a dispute in it, LedgerOff."""
    with transaction.atomic():
        payout = _locked(payout_id, Status.DRAFT)
        check_ledger()
        check_disputes(payout)
        for preparer in {payout.prepared_by_id, by.pk}:
            _check_decided_nothing(payout, preparer, "prepared")
        total = payout.lines.filter(live=True).aggregate(total=Sum("amount"))["total"] or Decimal(0)
        if total <= 0:
            raise NothingLeft("Nothing is left to be paid in it. Void it.")
        payout.approvals_needed = approvals_for(total)
        payout.submitted_by, payout.submitted_at, payout.status = by, timezone.now(), Status.AWAITING_APPROVAL
        payout.save(update_fields=["approvals_needed", "submitted_by", "submitted_at", "status"])
        payout.refresh_from_db()
    return payout


def approvals_for(total: Decimal) -> int:
    """Two from an amount on, in whatever currency; it is the house's own rule."""
    return 2 if total >= settings.PAYOUT_TWO_APPROVERS_FROM else 1


@transaction.atomic
def send_back(*, payout_id: UUID, reason: str, by: Any) -> Payout:
    """To draft again, for whoever prepares it. What was approved before counts no more."""
    payout = _locked(payout_id, Status.AWAITING_APPROVAL)
    with because(reason=_said(reason)):
        payout.status = Status.DRAFT
        payout.save(update_fields=["status"])
    return payout


@transaction.atomic
def hold_back(*, payout_id: UUID, entry_ids: Collection[UUID], reason: str, by: Any) -> Payout:
    """Take lines out of a draft: they are open again, for the next run."""
    payout = _locked(payout_id, Status.DRAFT)
    with because(reason=_said(reason)):
        released = payout.lines.filter(live=True, entry_id__in=entry_ids).update(live=False)
        if released != len(set(entry_ids)):
            raise ValidationError(
                {"entries": ValidationError(f"{payout} has not all of these lines.", code="does_not_exist")}
            )
        sums = payout.lines.filter(live=True).aggregate(total=Sum("amount"), count=Count("pk"))
        payout.total, payout.line_count = sums["total"] or Decimal(0), sums["count"]
        payout.save(update_fields=["total", "line_count"])
    return payout


def disputed_lines(payout: Payout) -> Sequence[UUID]:
    """Entries of it whose record is disputed now."""
    disputed = Dispute.objects.open().exclude(record_id=None).values("record_id")
    entries = Entry.objects.filter(record_id__in=disputed, pk__in=_lines(payout).values("entry_id"))
    return list(entries.values_list("pk", flat=True))


def check_disputes(payout: Payout) -> None:
    if found := disputed_lines(payout):
        raise HasDisputes(
            f"{len(found)} of its lines {'is' if len(found) == 1 else 'are'} of records that are disputed now."
            " Hold them back in the draft; they are paid once the disputes are decided."
        )


@transaction.atomic
def approve_payout(*, payout_id: UUID, lines_hash: str, by: Any) -> Payout:
    """One person's approval of the lines that they saw, by their hash. The last that it needs approves the payout.

    Raises PayoutChanged for another hash, OwnPayout, HasDisputes, NotInThisState, LedgerOff."""
    payout = _locked(payout_id, Status.AWAITING_APPROVAL)
    check_ledger()
    if lines_hash != payout.lines_hash:
        raise PayoutChanged(f"{payout} is not what you saw: its lines have another hash. Look at it again.")
    if by.pk in {payout.prepared_by_id, payout.submitted_by_id}:
        raise OwnPayout(f"You prepared {payout}. Somebody else approves it.")
    _check_decided_nothing(payout, by.pk, "approve")
    check_disputes(payout)
    approvals = Approval.objects.filter(payout=payout, submission=payout.submission)
    if not approvals.filter(by=by).exists():
        Approval.objects.create(payout=payout, submission=payout.submission, lines_hash=lines_hash, by=by)
    if approvals.count() >= payout.approvals_needed:
        payout.status, payout.approved_at = Status.APPROVED, timezone.now()
        _save_checked(payout, ["status", "approved_at"])
        announcing.announce(payout)
    return payout


def mark_paid(*, payout_id: UUID, paid_at: dt.datetime | None = None, reference: str = "", by: Any) -> Payout:
    """Book that the payee has the money: a payment in the ledger, and its records are paid. Repeating it changes
    nothing. `paid_at` None: now. Raises NotInThisState unless it is approved, ValidationError by field."""
    paid_at = paid_at or timezone.now()
    if paid_at > timezone.now():
        raise ValidationError({"paid_at": ValidationError("It is still to come.", code="in_the_future")})
    with transaction.atomic():
        payout = Payout.objects.select_for_update().get(pk=payout_id)
        if payout.status == Status.PAID:
            return payout
        _check_state(payout, Status.APPROVED)
        if payout.approved_at and paid_at < payout.approved_at and paid_at.date() < payout.approved_at.date():
            raise ValidationError({"paid_at": ValidationError("It was not approved then.", code="invalid")})
        with because(reason=f"Paid by {payout}"):
            _book(payout, Kind.PAYMENT, -payout.total, reference, by)
            payout.status, payout.paid_at, payout.payment_reference = Status.PAID, paid_at, reference
            _save_checked(payout, ["status", "paid_at", "payment_reference"])
            _pay_records(payout)
        announcing.announce(payout)
    return payout


def return_payment(*, payout_id: UUID, reason: str, by: Any) -> Entry:
    """The bank took a payment back: it is owed again, beside the payout that stays paid. Once a payout."""
    with transaction.atomic():
        payout = _locked(payout_id, Status.PAID)
        booked = Entry.objects.filter(payout_id=payout.pk, kind=Kind.RETURNED).first()
        return booked or _book(payout, Kind.RETURNED, payout.total, _said(reason), by)


def void_payout(*, payout_id: UUID, reason: str, bank_did_not_pay: bool = False, by: Any) -> Payout:
    """Undo a payout that is not paid: its entries are open again. Repeating it changes nothing.

    One that is in a bank file may have been paid: MayBePaid, unless somebody says that the bank did not."""
    _said(reason)
    with transaction.atomic():
        payout = Payout.objects.select_for_update().get(pk=payout_id)
        if payout.status == Status.VOID:
            return payout
        _check_state(payout, Status.DRAFT, Status.AWAITING_APPROVAL, Status.APPROVED)
        if payout.exported_at and not bank_did_not_pay:
            raise MayBePaid(f"{payout} is in a bank file. Void it once you know that the bank did not pay it.")
        was_told = payout.status == Status.APPROVED
        with because(reason=reason):
            payout.status, payout.voided_by, payout.voided_at = Status.VOID, by, timezone.now()
            payout.void_reason = reason.strip()
            payout.save(update_fields=["status", "voided_by", "voided_at", "void_reason"])
        if was_told:
            announcing.announce(payout)
    return payout


def reissue_payout(*, payout_id: UUID, by: Any) -> Payout:
    """A new draft of what a void payout held, as far as it is still open. Raises NothingLeft, NotInThisState.

    A run may take something of it meanwhile: then it looks again."""
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _reissued(payout_id, by)
        except IntegrityError as error:
            if not left or _constraint(error) != "one_live_line_an_entry":
                raise
    raise AssertionError("unreachable")


def _reissued(payout_id: UUID, by: Any) -> Payout:
    void = _locked(payout_id, Status.VOID)
    held = void.lines.values("entry_id")
    # In the order in which a run inserts them: of two who want the same, one waits for the other.
    entries = OpenEntry.objects.filter(entry_id__in=held).order_by("entry_id").values_list("entry_id", "amount")
    total = sum((amount for _, amount in entries), Decimal(0))
    if total <= 0:
        raise NothingLeft(f"Of what {void} held nothing is open any more that could be paid.")
    payout = Payout(
        reissue_of=void,
        **{name: getattr(void, name) for name in ("payee_type", "payee_id", "currency", "method")},
        **{name: getattr(void, name) for name in ("period_start", "period_end")},
        total=total,
        line_count=len(entries),
        prepared_by=by,
    )
    try:
        with transaction.atomic():
            payout.save(force_insert=True)
    except IntegrityError as error:
        if _constraint(error) != "reissued_once":
            raise
        raise NotInThisState(f"{void} was issued again already.") from None
    PayoutLine.objects.bulk_create(
        PayoutLine(payout=payout, entry_id=entry_id, amount=amount) for entry_id, amount in entries
    )
    payout.refresh_from_db()
    return payout


def _constraint(error: IntegrityError) -> str | None:
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)


def _locked(payout_id: UUID, *states: str) -> Payout:
    payout = Payout.objects.select_for_update().get(pk=payout_id)
    _check_state(payout, *states)
    return payout


def _check_state(payout: Payout, *states: str) -> None:
    if payout.status not in states:
        wanted = " or ".join(Status(state).label.lower() for state in states)
        raise NotInThisState(f"{payout} is {payout.get_status_display().lower()}; it would have to be {wanted}.")


def _save_checked(payout: Payout, fields: list[str]) -> None:
    """The database compares the lines with what was submitted; somebody who went round us is found here."""
    try:
        with transaction.atomic():
            payout.save(update_fields=fields)
    except IntegrityError as error:
        if _constraint(error) != "payout_lines_changed":
            raise
        raise PayoutChanged(f"The lines of {payout} are not those that were submitted. Send it back.") from None


def _check_decided_nothing(payout: Payout, person: int, verb: str) -> None:
    decided = Dispute.objects.filter(resolved_by=person, status__in=["resolved", "rejected"])
    conversions = decided.values("conversion_id")
    entries = Entry.objects.filter(pk__in=_lines(payout).values("entry_id"))
    found = entries.filter(conversion_id__in=conversions).values_list("conversion_id", flat=True).first()
    if found:
        dispute = decided.filter(conversion_id=found).first()
        who = "You" if verb == "approve" else "Who prepared it"
        raise OwnPayout(f"{who} decided {dispute}, which {payout} pays for. It takes somebody who did not.")


def _lines(payout: Payout) -> Any:
    return PayoutLine.objects.filter(payout=payout, live=True)


def _book(payout: Payout, kind: Kind, amount: Decimal, note: str, by: Any) -> Entry:
    return Entry.objects.create(
        kind=kind,
        payee_type=payout.payee_type,
        payee_id=payout.payee_id,
        currency=payout.currency,
        amount=amount,
        payout_id=payout.pk,
        note=note[:500],
        created_by=by,
    )


def _pay_records(payout: Payout) -> None:
    """Those that are disputed meanwhile are paid once the dispute gives them back (`booking`). All are locked, in order
    of id: one that comes back at this moment is waited for, or the booking would look before this is committed."""
    earned = Entry.objects.filter(kind=Kind.EARNING, pk__in=_lines(payout).values("entry_id"))
    records = AttributionRecord.objects.filter(pk__in=earned.values("record_id"))
    list(records.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    records.filter(status=AttributionRecord.Status.APPROVED).update(status=AttributionRecord.Status.PAID)


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValidationError({"reason": ValidationError("Say why: the audit log keeps it.", code="required")})
    return reason.strip()
