"""Two people, or two workers, at one payout or at one payee's money at the same moment: one outcome that is legal, and
books that tie out."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from attribution.models import AttributionRecord
from disputes.actors import Actor
from disputes.models import Dispute
from disputes.operations import file_dispute, withdraw_dispute
from payouts import operations
from payouts.models import Entry, Export, Exported, OpenEntry, Payout, PayoutLine, PayoutRun, ToBook
from payouts.operations import building
from tests.attribution.test_reversals_at_once import at_once
from tests.disputes.test_at_once import Beside
from tests.factories import AttributionRecordFactory
from tests.payouts import books
from tests.payouts.agreements import approve, record_of, sell

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = 3


@pytest.fixture(autouse=True)
def books_tie_out(transactional_db):
    books.partner()
    yield
    assert books.off() == {}


def kinds(errors):
    return sorted(type(error).__name__ for error in errors)


def approving(payout):
    by = books.finance()
    return lambda: operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=by)


def paying(payout):
    by = books.finance()
    return lambda: operations.mark_paid(payout_id=payout.pk, reference="ref", by=by)


def voiding(payout):
    by = books.finance()
    return lambda: operations.void_payout(payout_id=payout.pk, reason="Wrong", by=by)


def starting():
    by = books.finance()
    return lambda: operations.start_run(period_end=books.today(), by=by)


def exporting(*payouts, days=0):
    """As a list: it asks for no bank account."""
    by, on = books.finance(), books.today() + timedelta(days=days)
    ids = [each.pk for each in payouts]
    return lambda: operations.export_payouts(payout_ids=ids, format="csv", execute_on=on, by=by)


@pytest.mark.parametrize("_", range(TIMES))
def test_of_two_approvers_the_second_finds_it_approved(_):
    books.earned("100.00")
    payout = books.submitted()
    assert kinds(at_once(approving(payout), approving(payout))) == ["NotInThisState"]
    payout.refresh_from_db()
    assert (payout.status, payout.approvals.count()) == ("approved", 1)


@pytest.mark.parametrize("_", range(TIMES))
def test_two_approvers_at_once_are_the_two_that_a_large_payout_asks_for(_, settings):
    settings.PAYOUT_TWO_APPROVERS_FROM = Decimal(50)
    books.earned("100.00")
    payout = books.submitted()
    assert at_once(approving(payout), approving(payout)) == []
    payout.refresh_from_db()
    assert (payout.status, payout.approvals.count()) == ("approved", 2)


@pytest.mark.parametrize("_", range(TIMES))
def test_one_approver_twice_at_once_counts_once(_, settings):
    settings.PAYOUT_TWO_APPROVERS_FROM = Decimal(50)
    books.earned("100.00")
    payout = books.submitted()
    twice = approving(payout)
    assert at_once(twice, twice) == []
    payout.refresh_from_db()
    assert (payout.status, payout.approvals.count()) == ("awaiting_approval", 1)


@pytest.mark.parametrize("_", range(TIMES))
def test_of_two_who_start_a_run_one_is_told(_):
    books.earned("100.00")
    assert kinds(at_once(starting(), starting())) == ["RunInProgress"]
    operations.build_run(PayoutRun.objects.get().pk)
    assert Payout.objects.get().total == Decimal("100.00")


@pytest.mark.parametrize("_", range(TIMES))
def test_two_workers_build_one_run_once(_, monkeypatch):
    monkeypatch.setattr(building, "SLICE", 2)
    names = [f"partner-{number}" for number in range(9)]
    for name in names:
        if name != "partner-1":
            books.partner(name)
        books.earned("100.00", payee=name)
    run = starting()()
    assert at_once(*[lambda: operations.build_run(run.pk)] * 3) == []
    run.refresh_from_db()
    assert (run.status, run.payees_done) == ("built", 9)
    assert sorted(run.payouts.values_list("payee_id", flat=True)) == names
    assert not OpenEntry.objects.exists()


@pytest.mark.parametrize("_", range(TIMES))
def test_a_dispute_filed_while_a_run_is_built_is_left_out_or_stops_the_draft(_):
    conversion = sell()
    approve(conversion)
    record, run = record_of(conversion), starting()()

    def filing():
        file_dispute(
            record_id=record.pk,
            claim={"dispute_type": "amount", "reason": "Too little"},
            by=Actor(payee=("partner", "partner-1")),
        )

    assert at_once(filing, lambda: operations.build_run(run.pk)) == []
    assert Dispute.objects.open().count() == 1
    for payout in run.payouts.all():
        with pytest.raises(operations.HasDisputes):
            operations.submit_payout(payout_id=payout.pk, by=payout.prepared_by)
    # It was booked before it was disputed, and then a run took or left it; or it waits for the end of its dispute.
    earned = Entry.objects.filter(kind="earning").count()
    assert earned == PayoutLine.objects.count() + run.left_out.filter(code="disputed").count()


@pytest.mark.parametrize("_", range(TIMES))
def test_a_payout_is_void_or_paid_never_both(_):
    entry = books.earned("100.00")
    payout = books.approved()
    assert kinds(at_once(voiding(payout), paying(payout))) == ["NotInThisState"]
    payout.refresh_from_db()
    is_paid = payout.status == "paid"
    assert Entry.objects.filter(kind="payment").count() == is_paid
    assert OpenEntry.objects.filter(entry_id=entry.pk).count() == (not is_paid)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_payment_told_twice_at_once_is_booked_once(_):
    books.earned("100.00")
    payout = books.approved()
    assert at_once(paying(payout), paying(payout)) == []
    assert Entry.objects.get(kind="payment").amount == Decimal("-100.00")


@pytest.mark.parametrize("_", range(TIMES))
def test_a_line_is_held_back_before_it_is_submitted_or_not_at_all(_):
    entries = [books.earned(amount) for amount in ("100.00", "30.00")]
    payout, by = books.draft(), books.finance()
    errors = at_once(
        lambda: operations.submit_payout(payout_id=payout.pk, by=by),
        lambda: operations.hold_back(payout_id=payout.pk, entry_ids=[entries[1].pk], reason="Later", by=by),
    )
    payout.refresh_from_db()
    assert payout.status == "awaiting_approval"
    assert (kinds(errors), payout.total) in [([], Decimal("100.00")), (["NotInThisState"], Decimal("130.00"))]
    assert approving(payout)().status == "approved"


@pytest.mark.parametrize("_", range(TIMES))
def test_two_workers_book_what_was_approved_once(_):
    records = [AttributionRecordFactory(payee_id="partner-1", partner_id="partner-1") for _ in range(20)]
    AttributionRecord.objects.filter(pk__in=[record.pk for record in records]).update(status="approved")
    assert at_once(operations.book, operations.book, operations.book) == []
    assert Entry.objects.filter(kind="earning").count() == 20
    assert not ToBook.objects.exists()


@pytest.mark.parametrize("_", range(TIMES))
def test_two_exports_of_one_payout_are_one_file(_):
    books.earned("100.00")
    payout = books.approved()
    assert at_once(exporting(payout), exporting(payout)) == []
    assert Export.objects.count() == Exported.objects.count() == 1


@pytest.mark.parametrize("_", range(TIMES))
def test_of_two_other_files_of_one_payout_the_second_is_refused(_):
    books.earned("100.00")
    payout = books.approved()
    assert kinds(at_once(exporting(payout), exporting(payout, days=1))) == ["NotExported"]
    assert Export.objects.count() == 1


@pytest.mark.parametrize("_", range(TIMES))
def test_a_payout_goes_out_or_is_void(_):
    books.earned("100.00")
    payout = books.approved()
    [refused] = kinds(at_once(exporting(payout), voiding(payout)))
    payout.refresh_from_db()
    assert (refused, payout.status, Export.objects.count()) in [
        ("MayBePaid", "approved", 1),
        ("NotExported", "void", 0),
    ]


@pytest.mark.parametrize("_", range(TIMES))
def test_what_was_void_is_issued_again_or_taken_by_a_run(_):
    for _number in range(5):
        books.earned("100.00")
    void, by = voiding(books.draft())(), books.finance()
    run = starting()()
    errors = at_once(lambda: operations.reissue_payout(payout_id=void.pk, by=by), lambda: operations.build_run(run.pk))
    assert kinds(errors) in ([], ["NothingLeft"])
    run.refresh_from_db()
    assert run.status == "built"
    assert Payout.objects.get(status="draft").total == Decimal("500.00")


def test_of_two_who_issue_again_while_a_run_takes_it_the_later_is_told():
    """Who looks at what is open, and inserts its lines once another has taken them, is refused in words."""
    entry = books.earned("100.00")
    void, by = voiding(books.draft())(), books.finance()
    reissuing = Beside(lambda: operations.reissue_payout(payout_id=void.pk, by=by))
    with transaction.atomic():
        other = Payout(payee_type="partner", payee_id="partner-1", currency="USD", prepared_by=by)
        other.period_end, other.total, other.line_count = books.today(), entry.amount, 1
        other.save(force_insert=True)
        PayoutLine.objects.create(payout=other, entry_id=entry.pk, amount=entry.amount)
        assert reissuing.begin()
    assert kinds(reissuing.end()) == ["NothingLeft"]


def test_a_record_that_comes_back_from_its_dispute_while_its_payout_is_paid_is_paid():
    """The withdrawal has not committed when the payment looks; the booking comes before the payment commits."""
    conversion = sell()
    approve(conversion)
    payout, record = books.approved(), record_of(conversion)
    claim = {"dispute_type": "amount", "reason": "Too little"}
    actor = Actor(payee=("partner", "partner-1"))
    dispute = file_dispute(record_id=record.pk, claim=claim, by=actor)
    payment = Beside(paying(payout))
    with transaction.atomic():
        withdraw_dispute(dispute_id=dispute.pk, by=actor)
        assert payment.begin(), "it paid without the record that comes back"
    assert payment.end() == []
    operations.book()
    assert record_of(conversion).status == "paid"


def test_the_records_of_a_payout_are_locked_in_the_order_of_their_ids():
    """A decision about a conversion locks them so: it would wait for a payment that waits for it."""
    first, *_, last = sorted((books.earned("10.00") for _ in range(20)), key=lambda entry: entry.record_id)
    payment = Beside(paying(books.approved()))
    with transaction.atomic():
        AttributionRecord.objects.select_for_update().get(pk=first.record_id)
        assert payment.begin()
        AttributionRecord.objects.select_for_update(nowait=True).get(pk=last.record_id)
    assert payment.end() == []
