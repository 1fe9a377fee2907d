"""From when a version may apply: never where it would price decided money anew, whoever decides at that moment."""

import datetime as dt
import threading
import time

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from attribution import operations
from attribution.models import AttributionRecord, ModelConfig, PayableModel
from attribution.operations import scheduling
from attribution.schedule import Payments, Period
from tests.factories import AttributionRecordFactory, UserFactory

DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)
BASE = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PAYABLE = "position_based"


def create(model=PAYABLE, days=30, **arguments):
    return operations.create_model_config(model=model, parameters={"lookback_days": days}, **arguments)


def frozen(at, model=PAYABLE, status="approved"):
    return AttributionRecordFactory(model=model, status=status, occurred_at=at)


def refusal(**arguments):
    with pytest.raises(ValidationError) as refused:
        create(**arguments)
    [error] = refused.value.error_dict["effective_from"]
    return error


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["approved", "disputed", "paid"])
def test_decided_commission_is_never_priced_anew(status):
    frozen(BASE, status=status)
    for since in (BASE, BASE - 30 * DAY):
        assert refusal(effective_from=since).code == "reprices_approved"
    assert create(effective_from=BASE + SECOND).version == 2


@pytest.mark.django_db
def test_what_is_not_decided_may_be_priced_anew():
    AttributionRecordFactory(status="calculated", occurred_at=BASE)
    assert create(effective_from=BASE - DAY).version == 2
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.django_db
def test_only_the_period_of_the_version_counts():
    create(days=60, effective_from=BASE + 10 * DAY)
    frozen(BASE + 20 * DAY)
    assert create(days=30, effective_from=BASE).version == 3
    assert refusal(days=31, effective_from=BASE + 11 * DAY).code == "reprices_approved"


@pytest.mark.django_db
def test_other_models_go_back_as_far_as_they_like_unless_they_are_to_be_paid():
    frozen(BASE)
    assert create(model="linear", effective_from=BASE - DAY).version == 2
    assert refusal(model="linear", days=31, effective_from=BASE - 2 * DAY, payable=True).code == "reprices_approved"


@pytest.mark.django_db
def test_switching_the_payable_model_counts_up_to_the_next_switch():
    PayableModel.objects.create(model="time_decay", effective_from=BASE + 10 * DAY)
    frozen(BASE + 20 * DAY, model="time_decay")
    made = create(model="linear", effective_from=BASE, payable=True)
    payments = Payments.stored()
    assert payments.of("linear") == [Period(made.effective_from, BASE + 10 * DAY)]
    assert refusal(model="linear", days=31, effective_from=BASE + 15 * DAY, payable=True).code == "reprices_approved"


@pytest.mark.django_db
def test_the_earliest_moment_that_is_named_works_and_is_the_earliest():
    """Between two versions there is room after the last decided record of the first one's time."""
    frozen(BASE - 9 * DAY)
    frozen(BASE + dt.timedelta(microseconds=5))
    create(days=60, effective_from=BASE + 10 * DAY)
    frozen(BASE + 20 * DAY)
    error = refusal(effective_from=BASE - 30 * DAY)
    assert error.message == (
        "2 approved, disputed or paid records since 2026-02-20 12:00:00 UTC would be priced anew."
        " The earliest moment that leaves them alone is 2026-03-01 12:00:01 UTC."
    )
    assert create(effective_from=BASE + SECOND).version == 3


@pytest.mark.django_db
def test_where_the_earliest_moment_falls_to_the_next_version_its_time_counts_too():
    create(days=60, effective_from=BASE + 10 * DAY)
    frozen(BASE + 10 * DAY - dt.timedelta(microseconds=5))
    frozen(BASE + 20 * DAY)
    assert "is 2026-03-21 12:00:01 UTC." in refusal(effective_from=BASE).message


@pytest.mark.django_db
def test_the_earliest_moment_is_not_one_that_is_taken():
    frozen(BASE)
    create(effective_from=BASE + SECOND)
    assert "is 2026-03-01 12:00:02 UTC." in refusal(days=31, effective_from=BASE - DAY).message


@pytest.mark.django_db
def test_a_version_that_says_what_the_one_in_effect_says_is_refused():
    create(days=30, effective_from=BASE)
    with pytest.raises(ValidationError) as refused:
        create(days=30, effective_from=BASE + DAY)
    assert refused.value.message_dict == {
        "parameters": ["Nothing would change: version 2, in effect then, says the same."]
    }
    assert create(days=90, effective_from=BASE + DAY).version == 3


@pytest.mark.django_db
def test_a_plan_writes_nothing():
    plan = operations.plan_model_config(
        model="linear", parameters={"lookback_days": 30}, payable=True, effective_from=BASE
    )
    assert (plan.version, plan.period, plan.paid) == (2, Period(BASE, None), [Period(BASE, None)])
    assert (plan.replaces.version, plan.becomes_payable, plan.paid_before) == (1, True, PAYABLE)
    assert (ModelConfig.objects.filter(version=2).exists(), PayableModel.objects.count()) == (False, 1)


@pytest.mark.django_db
def test_a_record_of_a_version_that_is_no_longer_in_effect_is_outdated():
    record = AttributionRecordFactory(occurred_at=BASE)
    operations.check_in_effect(record)
    create(effective_from=BASE - DAY)
    with pytest.raises(operations.RecordOutdated):
        operations.check_in_effect(record)
    operations.check_in_effect(AttributionRecordFactory(occurred_at=BASE - 2 * DAY))


@pytest.mark.django_db
def test_a_record_of_a_model_that_is_no_longer_paid_is_outdated():
    record = AttributionRecordFactory(occurred_at=BASE)
    create(model="linear", effective_from=BASE, payable=True)
    with pytest.raises(operations.RecordOutdated):
        operations.check_in_effect(record)


def in_thread(work):
    """Runs it on a connection of its own; what it raises is kept in the list that comes back."""
    raised = []

    def run():
        try:
            work()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def wait_until_somebody_waits():
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM"
                " pg_database WHERE datname = current_database())"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    pytest.fail("Nobody waits.")


def approve(record):
    return operations.change_record(record_id=record.pk, status="approved", reason="Checked.", by=UserFactory())


@pytest.mark.django_db(transaction=True)
def test_a_record_that_is_being_approved_is_waited_for():
    record = AttributionRecordFactory(occurred_at=BASE)
    with transaction.atomic():
        approve(record)
        thread, raised = in_thread(lambda: create(effective_from=BASE - DAY))
        wait_until_somebody_waits()
    thread.join()
    assert [set(error.error_dict) for error in raised] == [{"effective_from"}]
    assert not ModelConfig.objects.filter(version=2).exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_begins_to_approve_waits_for_the_version_that_is_being_made():
    """Waiting with the change of status alone would be too late: what is in effect was looked up before."""
    record = AttributionRecordFactory(occurred_at=BASE)

    @transaction.atomic
    def begin_to_approve():
        operations.check_in_effect(AttributionRecord.objects.select_for_update().get(pk=record.pk))

    with transaction.atomic():
        create(effective_from=BASE - DAY)
        thread, raised = in_thread(begin_to_approve)
        wait_until_somebody_waits()
    thread.join()
    assert [type(error) for error in raised] == [operations.RecordOutdated]


@pytest.mark.django_db(transaction=True)
def test_a_version_from_now_on_waits_for_nobody_who_writes_records():
    record = AttributionRecordFactory(occurred_at=timezone.now() - DAY)
    with transaction.atomic():
        approve(record)
        thread, raised = in_thread(create)
        thread.join(timeout=5)
        assert (thread.is_alive(), raised) == (False, [])
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_calculation_that_keeps_the_records_too_long_is_told(monkeypatch):
    monkeypatch.setattr(scheduling, "LONGEST_WAIT", "100ms")
    record = AttributionRecordFactory(occurred_at=BASE)
    with transaction.atomic():
        AttributionRecord.objects.filter(pk=record.pk).update(payee_id="partner-xyz")
        thread, raised = in_thread(lambda: create(effective_from=BASE - DAY))
        thread.join()
    assert [type(error) for error in raised] == [operations.RecordsAreWritten]


@pytest.mark.django_db(transaction=True)
def test_two_versions_made_at_once_get_a_number_each_and_both_payments():
    with transaction.atomic():
        create(model="linear", effective_from=BASE, payable=True)
        # Commission is still paid by position as far as anybody else can see.
        thread, raised = in_thread(lambda: create(effective_from=BASE + DAY, payable=True))
        wait_until_somebody_waits()
    thread.join()
    assert raised == []
    assert list(PayableModel.objects.values_list("model", flat=True)) == [PAYABLE, "linear", PAYABLE]


def test_neighbouring_rows_of_one_model_are_one_period_of_payment():
    payments = Payments([(BASE, "linear"), (BASE + 2 * DAY, PAYABLE), (BASE + DAY, "linear")])
    assert payments.of("linear") == [Period(BASE, BASE + 2 * DAY)]
    assert payments.within(PAYABLE, Period(BASE, BASE + 3 * DAY)) == [Period(BASE + 2 * DAY, BASE + 3 * DAY)]
    assert payments.within("linear", Period(BASE + 2 * DAY, None)) == []
    assert [payments.model_at(moment) for moment in (BASE - DAY, BASE, BASE + 2 * DAY)] == [None, "linear", PAYABLE]
