"""Two people do something about one dispute, record or conversion at the same moment: one comes first, the other is
told, and nobody waits for ever."""

import datetime as dt
import threading
import time
from decimal import Decimal

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction

import attribution.operations
from attribution import shards, store
from attribution.models import Adjustment, AttributionRecord
from attribution.settling import Decision, NewTouch, Way
from attribution.shards import RecordsMoved
from conversions.models import Conversion
from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from tests.attribution.test_reversals_at_once import at_once
from tests.attribution.worlds import NOW
from tests.disputes.invariants import breaches
from tests.disputes.worlds import approve, claim, file, house, net_by_payee, records, sold
from tests.factories import PartnerFactory, UserFactory
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db(transaction=True)
CLOSED = operations.DisputeClosed
TIMES = 3


def resolving(dispute, decision=None):
    by = house()
    return lambda: operations.resolve_dispute(
        dispute_id=dispute.pk, resolution="It is in the log.", decision=decision, by=by
    )


def rejecting(dispute):
    by = house()
    return lambda: operations.reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=by)


def withdrawing(dispute):
    return lambda: operations.withdraw_dispute(dispute_id=dispute.pk, by=Actor(payee=dispute.claimant))


def giving(record, payee="partner-new"):
    return Decision(Way.REASSIGN, record.touchpoint_id, ("partner", payee))


class Beside:
    """Something that begins in a thread of its own, and waits for a lock that is held here."""

    def __init__(self, work):
        self.errors = []
        self.thread = threading.Thread(target=lambda: self.errors.extend(at_once(work)))

    def begin(self):
        self.thread.start()
        while self.thread.is_alive() and not self._waits():
            time.sleep(0.02)
        return self.thread.is_alive()

    def _waits(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            return cursor.rowcount

    def end(self):
        self.thread.join(timeout=60)
        return self.errors


def kinds(errors):
    return [type(error) for error in errors]


def is_right(conversion):
    assert breaches([conversion.pk]) == []


@pytest.mark.parametrize("_", range(TIMES))
@pytest.mark.parametrize("other", [resolving, rejecting, withdrawing])
def test_of_two_who_end_a_dispute_at_once_one_is_told_that_it_is_over(other, _):
    conversion = sold()
    PartnerFactory(id="partner-new")
    first = records(conversion)[0]
    approve(first, status="paid")
    dispute = file(first)
    errors = at_once(resolving(dispute, giving(first)), other(dispute))
    assert kinds(errors) == [CLOSED]
    dispute.refresh_from_db()
    assert str(errors[0]).startswith(f"{dispute} is {dispute.get_status_display().lower()} already")
    moved = 1 if dispute.settlement_id else 0
    assert Adjustment.objects.count() == moved
    is_right(conversion)


@pytest.mark.parametrize("_", range(TIMES))
def test_of_two_who_file_about_one_record_for_one_payee_one_is_told(_):
    conversion = sold()
    first = records(conversion)[0]
    assert kinds(at_once(lambda: file(first), lambda: file(first))) == [operations.AlreadyDisputed]
    assert Dispute.objects.count() == 1
    is_right(conversion)


@pytest.mark.parametrize("_", range(TIMES))
def test_of_two_who_file_for_a_missing_touch_one_is_told(_):
    conversion = sold()
    PartnerFactory(id="partner-late")

    def filing():
        operations.file_dispute(
            conversion_id=conversion.pk,
            claim=claim(dispute_type="missing"),
            by=Actor(payee=("partner", "partner-late")),
        )

    assert kinds(at_once(filing, filing)) == [operations.AlreadyDisputed]


@pytest.mark.parametrize("_", range(TIMES))
def test_disputes_of_two_payees_about_one_record_are_both_filed_and_hold_it_until_the_last_is_over(_):
    conversion = sold()
    first = records(conversion)[0]
    by = house()

    def for_another():
        operations.file_dispute(record_id=first.pk, claimant=("partner", "partner-1"), claim=claim(), by=by)

    assert at_once(lambda: file(first), for_another) == []
    one, other = Dispute.objects.all()
    assert {one.record_status_before, other.record_status_before} == {"calculated"}
    assert at_once(withdrawing(one), rejecting(other)) == []
    assert records(conversion)[0].status == "calculated"
    is_right(conversion)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_record_that_is_approved_while_it_is_disputed_goes_back_to_what_it_was(_):
    conversion = sold()
    first = records(conversion)[0]
    errors = at_once(lambda: file(first), lambda: approve(first))
    assert kinds(errors) in ([], [attribution.operations.NotAllowedNow])
    dispute = Dispute.objects.get()
    assert records(conversion)[0].status == "disputed"
    assert dispute.record_status_before == ("calculated" if errors else "approved")
    withdrawing(dispute)()
    assert records(conversion)[0].status == dispute.record_status_before


@pytest.mark.parametrize("_", range(TIMES))
def test_a_record_is_disputed_while_a_calculation_replaces_it(_):
    conversion = sold()
    first = records(conversion)[0]
    Touchpoint.objects.create(lead_id="lead-1", channel="email", timestamp=NOW - dt.timedelta(days=10))
    errors = at_once(lambda: file(first), lambda: attribution.operations.calculate_and_save(lead_id="lead-1"))
    assert kinds(errors) in ([], [RecordsMoved])
    assert AttributionRecord.objects.get(pk=first.pk).status == "disputed"
    is_right(conversion)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_calculation_that_was_at_it_first_leaves_a_record_that_can_be_disputed(_):
    """It deletes the record and stores it again under the same id: who waited for the row must ask again."""
    conversion = sold()
    first = records(conversion)[0]
    Touchpoint.objects.create(lead_id="lead-1", channel="email", timestamp=NOW - dt.timedelta(days=10))
    filing = Beside(lambda: file(first))
    with transaction.atomic():
        attribution.operations.calculate_and_save(lead_id="lead-1")
        assert filing.begin()
    assert filing.end() == []
    assert AttributionRecord.objects.get(pk=first.pk).status == "disputed"


@pytest.mark.parametrize("_", range(TIMES))
def test_of_two_appeals_of_one_payee_one_is_told(_):
    conversion = sold()
    dispute = file(records(conversion)[0])
    rejecting(dispute)()

    def appealing():
        operations.appeal_dispute(dispute_id=dispute.pk, reason="Look again.", by=Actor(payee=dispute.claimant))

    assert kinds(at_once(appealing, appealing)) == [operations.AlreadyDisputed]
    is_right(conversion)


@pytest.mark.parametrize("_", range(TIMES))
def test_two_disputes_of_one_conversion_are_settled_one_after_the_other(_):
    conversion = sold()
    PartnerFactory(id="partner-new")
    first, second, third = records(conversion)
    approve(first, status="paid")
    disputes = [file(first), file(third)]
    ways = [giving(first), Decision(Way.EXCLUDE, second.touchpoint_id)]
    assert at_once(*(resolving(*each) for each in zip(disputes, ways, strict=True))) == []
    assert net_by_payee(conversion) == {"partner-new": 5, "partner-2": 5}
    is_right(conversion)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_question_at_the_moment_of_the_decision_is_asked_before_it_or_refused(_):
    conversion = sold()
    dispute, by = file(records(conversion)[0]), house()

    def asking():
        operations.ask_information(dispute_id=dispute.pk, question="Which call?", by=by)

    errors = at_once(asking, resolving(dispute))
    assert kinds(errors) in ([], [CLOSED])
    dispute.refresh_from_db()
    assert dispute.status == "resolved"
    assert dispute.messages.filter(kind="question").count() == (0 if errors else 1)


@pytest.mark.parametrize("_", range(TIMES))
def test_everybody_at_once_and_nobody_waits_for_ever(_):
    """Whoever needs several locks takes them in the order of docs/locking.md."""
    conversion = sold(touches=5)
    PartnerFactory(id="partner-new")
    found = records(conversion)
    disputes = [file(each) for each in found[:2]]
    late = NewTouch("event", NOW - dt.timedelta(hours=5))
    insert = Decision(Way.INSERT, payee=disputes[1].claimant, touch=late)
    finance, run = UserFactory(), attribution.operations.start_run(queue=False)
    [shard] = run.shards.all()
    errors = at_once(
        resolving(disputes[0], giving(found[0])),
        resolving(disputes[1], insert),
        lambda: file(found[2]),
        lambda: file(found[3]),
        lambda: attribution.operations.calculate_shard(shard.pk),
        lambda: attribution.operations.calculate_and_save(lead_id="lead-1"),
        lambda: attribution.operations.change_record(
            record_id=found[4].pk, status="approved", reason="checked", by=finance
        ),
        lambda: attribution.operations.reverse_conversion(
            conversion_id=conversion.pk, values={"reason": "refund", "amount": Decimal(30)}, by=finance
        ),
    )
    assert not [error for error in errors if isinstance(error, ObjectDoesNotExist)], errors
    assert set(kinds(errors)) <= {RecordsMoved}, errors
    assert Dispute.objects.filter(status="resolved").count() == 2
    is_right(conversion)


def test_the_records_of_a_conversion_are_locked_in_their_order_before_one_in_the_middle_is_released():
    """A payout that locks records by id would wait for a decision that waits for it."""
    conversion = sold()
    PartnerFactory(id="partner-new")
    ordered = sorted(records(conversion), key=lambda record: record.pk)
    dispute = file(ordered[-1])
    deciding = Beside(resolving(dispute, giving(ordered[-1])))
    with transaction.atomic():
        AttributionRecord.objects.select_for_update().get(pk=ordered[0].pk)
        assert deciding.begin()
        # It waits for the first, and so does not hold the last.
        AttributionRecord.objects.select_for_update(nowait=True).get(pk=ordered[-1].pk)
    assert deciding.end() == []


@pytest.mark.parametrize("other", [resolving, rejecting])
def test_who_decides_waits_for_whoever_calculates_the_lead(other):
    """A calculation that has read the shares must have written before, or read them again."""
    conversion = sold()
    dispute = file(records(conversion)[0])
    [bucket] = Conversion.objects.with_bucket().values_list("bucket", flat=True)
    deciding = Beside(other(dispute))
    with transaction.atomic():
        shards.lock_buckets(store.DjangoStore(), bucket, bucket)
        assert deciding.begin()
    assert deciding.end() == []


def test_a_record_of_a_conversion_that_changed_meanwhile_is_not_frozen_as_it_was():
    """It would be worth something else than its conversion, and no calculation could put that right."""
    conversion = sold()
    Conversion.objects.filter(pk=conversion.pk).update(value=500)
    with pytest.raises(attribution.operations.RecordOutdated):
        file(records(conversion)[0])
    attribution.operations.calculate_and_save(lead_id="lead-1")
    file(records(conversion)[0])
