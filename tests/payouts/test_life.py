"""A payout from draft to the bank and back, and what each step refuses."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from attribution.models import AttributionRecord
from payouts import operations
from payouts.models import Entry, LeftOut, OpenEntry, Payout, PayoutLine
from tests.factories import DisputeFactory
from tests.payouts import books

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def payee():
    return books.partner()


def test_what_is_open_is_one_payout_and_open_no_more():
    entries = [books.earned("100.00"), books.earned("50.01"), books.owed("-20.00")]
    payout = books.draft()
    assert (payout.status, payout.total, payout.line_count) == ("draft", Decimal("130.01"), 3)
    assert set(payout.lines.values_list("entry_id", flat=True)) == {entry.pk for entry in entries}
    assert not OpenEntry.objects.exists()
    assert books.off() == {}


def test_a_paid_payout_is_a_payment_and_its_records_are_paid():
    entry = books.earned("100.00")
    payout = books.paid()
    assert payout.status == "paid"
    assert Entry.objects.get(kind="payment").amount == Decimal("-100.00")
    assert AttributionRecord.objects.get(pk=entry.record_id).status == "paid"
    assert books.off() == {}


def test_a_void_payout_opens_its_entries_and_is_issued_again_once():
    books.earned("100.00")
    payout = books.approved()
    void = operations.void_payout(payout_id=payout.pk, reason="Wrong account", by=books.finance())
    assert void.status == "void"
    assert OpenEntry.objects.count() == 1
    again = operations.reissue_payout(payout_id=payout.pk, by=books.finance())
    assert (again.reissue_of, again.total, again.status) == (void, Decimal("100.00"), "draft")
    with pytest.raises(operations.NothingLeft):
        operations.reissue_payout(payout_id=payout.pk, by=books.finance())
    assert books.off() == {}


def test_repeating_a_step_changes_nothing():
    books.earned("100.00")
    payout = books.paid()
    again = operations.mark_paid(payout_id=payout.pk, paid_at=timezone.now(), reference="other", by=books.finance())
    assert again.payment_reference == "ref-1"
    assert Entry.objects.filter(kind="payment").count() == 1
    returned = [operations.return_payment(payout_id=payout.pk, reason="Closed", by=books.finance()) for _ in "12"]
    assert returned[0].pk == returned[1].pk
    assert books.draft().total == Decimal("100.00")
    assert books.off() == {}


def test_who_prepared_it_does_not_approve_it():
    books.earned("100.00")
    payout = books.submitted()
    with pytest.raises(operations.OwnPayout):
        operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=payout.prepared_by)


def test_who_decided_a_dispute_in_it_does_not_approve_it():
    judge = books.finance()
    entry = books.earned("100.00")
    DisputeFactory(
        record=AttributionRecord.objects.get(pk=entry.record_id),
        status="rejected",
        rejection="not_proven",
        resolution="No.",
        resolved_by=judge,
        closed_at=timezone.now(),
    )
    payout = books.submitted()
    with pytest.raises(operations.OwnPayout, match="decided"):
        operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=judge)


def test_a_large_one_takes_two_approvers_each_of_whom_counts_once(settings):
    settings.PAYOUT_TWO_APPROVERS_FROM = Decimal(100)
    books.earned("100.00")
    payout, one = books.submitted(), books.finance()
    for _ in range(2):
        step = operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=one)
        assert step.status == "awaiting_approval"
    step = operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=books.finance())
    assert step.status == "approved"


def test_what_was_approved_before_it_was_sent_back_counts_no_more(settings):
    settings.PAYOUT_TWO_APPROVERS_FROM = Decimal(100)
    books.earned("100.00")
    payout, one = books.submitted(), books.finance()
    operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=one)
    operations.send_back(payout_id=payout.pk, reason="Look again", by=one)
    payout = books.submitted(payout)
    step = operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=books.finance())
    assert step.status == "awaiting_approval"


def test_a_payout_that_is_another_than_was_seen_is_not_approved():
    books.earned("100.00")
    second = books.earned("50.00")
    payout = books.submitted()
    seen = payout.lines_hash
    operations.send_back(payout_id=payout.pk, reason="One too many", by=books.finance())
    operations.hold_back(payout_id=payout.pk, entry_ids=[second.pk], reason="Not yet", by=books.finance())
    payout = books.submitted(payout)
    assert payout.total == Decimal("100.00")
    with pytest.raises(operations.PayoutChanged):
        operations.approve_payout(payout_id=payout.pk, lines_hash=seen, by=books.finance())


def test_lines_that_somebody_changed_past_us_void_the_approval():
    books.earned("100.00")
    payout = books.submitted()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_payoutline SET amount = 900 WHERE payout_id = %s", [payout.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
    with pytest.raises(operations.PayoutChanged):
        operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=books.finance())
    assert set(books.off()) >= {"lines_of_entries", "payouts_add_up"}


def test_a_void_payout_is_not_paid_and_a_paid_one_not_voided():
    books.earned("100.00")
    payout = books.approved()
    operations.void_payout(payout_id=payout.pk, reason="Wrong", by=books.finance())
    with pytest.raises(operations.NotInThisState):
        operations.mark_paid(payout_id=payout.pk, paid_at=timezone.now(), by=books.finance())
    again = books.paid(operations.reissue_payout(payout_id=payout.pk, by=books.finance()))
    with pytest.raises(operations.NotInThisState):
        operations.void_payout(payout_id=again.pk, reason="Wrong", by=books.finance())


def test_one_that_is_in_a_bank_file_is_void_only_when_the_bank_did_not_pay():
    books.earned("100.00")
    payout = books.approved()
    Payout.objects.filter(pk=payout.pk).update(exported_at=timezone.now())
    with pytest.raises(operations.MayBePaid):
        operations.void_payout(payout_id=payout.pk, reason="Wrong", by=books.finance())
    operations.void_payout(payout_id=payout.pk, reason="Rejected", bank_did_not_pay=True, by=books.finance())


def test_what_is_disputed_is_left_out_and_the_rest_is_paid():
    books.earned("100.00")
    disputed = books.earned("50.00", status="disputed")
    DisputeFactory(record=AttributionRecord.objects.get(pk=disputed.record_id), claimant_id="partner-1")
    run = books.run()
    assert run.payouts.get().total == Decimal("100.00")
    assert list(run.left_out.values_list("code", "amount", "entries")) == [("disputed", Decimal("50.00"), 1)]


def test_a_dispute_after_the_draft_stops_it_until_the_line_is_held_back():
    books.earned("100.00")
    late = books.earned("50.00")
    payout = books.draft()
    record = AttributionRecord.objects.get(pk=late.record_id)
    AttributionRecord.objects.filter(pk=record.pk).update(status="disputed")
    DisputeFactory(record=record, claimant_id="partner-1", record_status_before="approved")
    with pytest.raises(operations.HasDisputes):
        operations.submit_payout(payout_id=payout.pk, by=payout.prepared_by)
    held = operations.disputed_lines(payout)
    operations.hold_back(payout_id=payout.pk, entry_ids=held, reason="Disputed", by=books.finance())
    assert books.submitted(payout).total == Decimal("100.00")
    assert books.off() == {}


@pytest.mark.parametrize(
    ("status", "amount", "code"),
    [("suspended", "100.00", "inactive"), ("active", "-5.00", "negative"), ("active", "0.00", "under_minimum")],
)
def test_who_is_not_paid_is_told_why(payee, status, amount, code):
    payee.status = status
    payee.save()
    books.earned("10.00")
    books.owed("-15.00") if amount == "-5.00" else books.owed("-10.00") if amount == "0.00" else books.owed("90.00")
    run = books.run()
    assert not run.payouts.exists()
    assert [(each.code, each.amount) for each in LeftOut.objects.all()] == [(code, Decimal(amount))]
    assert OpenEntry.objects.count() == 2


def test_a_reason_has_to_be_given():
    books.earned("100.00")
    payout = books.submitted()
    for step in (operations.send_back, operations.void_payout):
        with pytest.raises(ValidationError, match="Say why"):
            step(payout_id=payout.pk, reason="  ", by=books.finance())


def test_a_ledger_that_is_off_stops_all_payouts():
    entry = books.earned("100.00")
    payout = books.submitted()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_entry SET amount = 99 WHERE id = %s", [entry.pk])
    assert books.off()
    for step in (
        lambda: operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=books.finance()),
        books.run,
    ):
        with pytest.raises(operations.LedgerOff):
            step()


FORBIDDEN = {
    "an entry is changed": ("UPDATE payouts_entry SET amount = 1", "Cannot update"),
    "an entry is deleted": ("DELETE FROM payouts_entry", "Cannot update or delete"),
    "a line is changed": ("UPDATE payouts_payoutline SET amount = 1", "stays as it is"),
    "a line is released past the draft": ("UPDATE payouts_payoutline SET live = false", "stays as it is"),
    "a line is deleted": ("DELETE FROM payouts_payoutline", "Cannot delete"),
    "an open entry is taken": ("DELETE FROM payouts_openentry", "it is not written"),
    "a total is changed": ("UPDATE payouts_payout SET total = 1", "submitted does not change"),
    "a payee is changed": ("UPDATE payouts_payout SET payee_id = 'x'", "does not change"),
    "it is approved by nobody": ("UPDATE payouts_payout SET status = 'approved'", "who did not prepare"),
    "it is paid at once": ("UPDATE payouts_payout SET status = 'paid', paid_at = now()", "Invalid transition"),
    "it is deleted": ("DELETE FROM payouts_payout", "Cannot delete"),
}


@pytest.mark.parametrize(("statement", "says"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_database_itself_refuses(statement, says):
    books.earned("100.00")
    books.submitted()
    books.earned("1.00")
    with pytest.raises(Exception, match=says), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_books_a_payment_with_the_payout_or_neither():
    books.earned("100.00")
    payout = books.approved()
    with pytest.raises(IntegrityError, match="booked"), transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(status="paid", paid_at=timezone.now())


def test_an_entry_is_in_one_live_payout_at_most():
    entry = books.earned("100.00")
    first = books.draft()
    other = Payout.objects.create(
        payee_type="partner",
        payee_id="partner-1",
        currency="USD",
        period_end=books.today(),
        total=100,
        line_count=1,
        prepared_by=books.finance(),
    )
    with pytest.raises(IntegrityError, match=r"one live payout|one_live_line"), transaction.atomic():
        PayoutLine.objects.create(payout=other, entry_id=entry.pk, amount=entry.amount)
    assert first.lines.count() == 1
