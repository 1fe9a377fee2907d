"""Calculating one lead: the same engine, seen through the operations that the API calls."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from attribution import holds, operations, shards, store
from attribution.engine.models import MODELS
from attribution.models import AttributionRecord, Run, Shard
from attribution.reading import Selection, read
from tests.attribution.worlds import NOW
from tests.factories import ConversionFactory, TouchpointFactory
from touchpoints.models import Touchpoint


def journey(lead="lead-123", days=(9, 5, 1), until=NOW):
    for number, before in enumerate(days):
        TouchpointFactory(
            lead_id=lead,
            channel=["paid_search", "email", "direct"][number % 3],
            timestamp=until - dt.timedelta(days=before),
        )


@pytest.mark.django_db
def test_the_users_own_example_comes_out_to_the_cent():
    """phase-12.4.md, usage example 3: 1500 under position_based is 600, 300, 600."""
    journey(until=timezone.now())
    calculation = operations.calculate(
        lead_id="lead-123",
        model="position_based",
        conversion_value=Decimal("1500.00"),
        commission_rate=Decimal("0.10"),
    )
    shares = [(s.channel, s.percentage, s.revenue, s.commission) for s in calculation.attributions]
    assert shares == [
        ("paid_search", Decimal(40), Decimal("600.00"), Decimal("60.00")),
        ("email", Decimal(20), Decimal("300.00"), Decimal("30.00")),
        ("direct", Decimal(40), Decimal("600.00"), Decimal("60.00")),
    ]
    assert calculation.conversion_id is None


@pytest.mark.django_db
def test_with_no_conversion_named_it_is_the_leads_latest():
    journey()
    ConversionFactory(lead_id="lead-123", occurred_at=NOW - dt.timedelta(days=3), value=Decimal("10.00"))
    latest = ConversionFactory(lead_id="lead-123", occurred_at=NOW, value=Decimal("100.00"))
    calculation = operations.calculate(lead_id="lead-123", model="linear")
    assert calculation.conversion_id == latest.pk
    assert [share.revenue for share in calculation.attributions] == [
        Decimal("33.34"),
        Decimal("33.33"),
        Decimal("33.33"),
    ]
    assert calculation.config_version == 1


@pytest.mark.django_db
def test_trying_parameters_stores_nothing_and_claims_no_version():
    journey()
    ConversionFactory(lead_id="lead-123", occurred_at=NOW)
    calculation = operations.calculate(lead_id="lead-123", model="linear", config={"lookback_days": 6})
    assert len(calculation.attributions) == 2
    assert calculation.config_version is None
    assert not AttributionRecord.objects.exists()


@pytest.mark.django_db
def test_without_a_journey_the_whole_value_is_unattributed():
    ConversionFactory(lead_id="lead-123", occurred_at=NOW, value=Decimal("12.34"))
    calculation = operations.calculate(lead_id="lead-123", model="linear")
    assert (calculation.attributions, calculation.unattributed) == ([], Decimal("12.34"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"model": "astrology"}, "model"),
        ({"model": "linear", "config": {"lookback_days": 0}}, "config"),
        ({"model": "linear", "config": {"lookback": 7}}, "config"),
        ({"model": "linear", "commission_rate": Decimal("0.1")}, "commission_rate"),
    ],
)
def test_bad_arguments_are_named(arguments, field):
    ConversionFactory(lead_id="lead-123", occurred_at=NOW)
    with pytest.raises(ValidationError) as refused:
        operations.calculate(lead_id="lead-123", **arguments)
    assert set(refused.value.message_dict) == {field}


@pytest.mark.django_db
def test_a_lead_without_conversion_cannot_be_calculated():
    journey()
    with pytest.raises(operations.NothingToCalculate):
        operations.calculate(lead_id="lead-123", model="linear")


@pytest.mark.django_db(transaction=True)
def test_saving_one_lead_gives_the_records_of_a_batch():
    journey()
    ConversionFactory(lead_id="lead-123", occurred_at=NOW, value=Decimal("100.01"))
    operations.calculate_and_save(lead_id="lead-123")
    alone = list(AttributionRecord.objects.order_by("pk").values())
    run = operations.start_run(queue=False)
    for shard in run.shards.all():
        operations.calculate_shard(shard.pk)
    assert {record["model"] for record in alone} == set(MODELS)
    assert list(AttributionRecord.objects.order_by("pk").values()) == alone


@pytest.mark.django_db(transaction=True)
def test_saving_waits_for_a_batch_that_has_the_lead():
    """Without the lock on the lead's bucket both would insert the same records, and one would crash."""
    journey()
    conversion = ConversionFactory(lead_id="lead-123", occurred_at=NOW)
    [bucket] = type(conversion).objects.with_bucket().values_list("bucket", flat=True)
    outcome = []

    def save():
        try:
            outcome.append(len(operations.calculate_and_save(lead_id="lead-123", model_names=["linear"]).records))
        finally:
            connection.close()

    saving = threading.Thread(target=save)
    with transaction.atomic():
        shards.lock_buckets(store.DjangoStore(), bucket, bucket)
        saving.start()
        saving.join(timeout=1)
        assert saving.is_alive()
        assert outcome == []
    saving.join(timeout=30)
    assert outcome == [3]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_on_one_shard_one_does_it():
    journey()
    ConversionFactory(lead_id="lead-123", occurred_at=NOW)
    run = operations.start_run(queue=False)
    shard = run.shards.get()
    gate, done = threading.Barrier(2), []

    def work():
        gate.wait()
        try:
            done.append(operations.calculate_shard(shard.pk))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert sorted(done) == [False, True]
    shard.refresh_from_db()
    assert (shard.status, shard.written) == ("done", AttributionRecord.objects.count())


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_run_leaves_its_waiting_shards_undone(settings):
    settings.SHARD_CONVERSIONS = 1
    for lead in ("lead-1", "lead-2", "lead-3"):
        journey(lead)
        ConversionFactory(lead_id=lead, occurred_at=NOW)
    run = operations.start_run(queue=False)
    first, *others = run.shards.all()
    operations.calculate_shard(first.pk)
    operations.cancel_run(run_id=run.pk)
    assert [operations.calculate_shard(shard.pk) for shard in others] == [False, False]
    run.refresh_from_db()
    assert (run.status, AttributionRecord.objects.values("lead_id").distinct().count()) == ("cancelled", 1)
    with pytest.raises(operations.RunIsOver):
        operations.cancel_run(run_id=run.pk)


@pytest.mark.django_db(transaction=True)
def test_a_record_approved_while_its_shard_is_calculated_is_not_lost():
    """The plan was made, the approval came between: nothing of the shard may be written."""
    journey()
    conversion = ConversionFactory(lead_id="lead-123", occurred_at=NOW)
    operations.calculate_and_save(lead_id="lead-123", model_names=["position_based"])
    Touchpoint.objects.filter(lead_id="lead-123", channel="direct").delete()
    rules = operations.rules_for(["position_based"])
    within = store.DjangoStore()
    [batch] = read(Selection(conversion_ids=[conversion.pk]), within=within, lookback_days=90, with_previous=False)
    planned = shards.plan(batch, rules, holds.stored(), within=within, run_id=None, at=NOW)
    AttributionRecord.objects.filter(channel="email").update(status="approved")
    before = list(AttributionRecord.objects.order_by("pk").values())
    with pytest.raises(shards.RecordsMoved), transaction.atomic():
        shards.write(planned, within=within)
    assert list(AttributionRecord.objects.order_by("pk").values()) == before


def three_shards(settings):
    settings.SHARD_CONVERSIONS = 1
    for lead in ("lead-1", "lead-2", "lead-3"):
        journey(lead)
        ConversionFactory(lead_id=lead, occurred_at=NOW)
    run = operations.start_run(queue=False)
    Shard.objects.filter(run=run).update(queued_at=NOW)
    return list(run.shards.order_by("number"))


@pytest.mark.django_db(transaction=True)
def test_lost_messages_are_sent_again_and_only_once_a_minute(settings):
    three_shards(settings)
    assert operations.resume_lost_shards() == 3
    assert operations.resume_lost_shards() == 0


@pytest.mark.django_db(transaction=True)
def test_what_waits_is_left_alone_while_a_worker_is_at_the_run(settings):
    held, *_ = three_shards(settings)
    Shard.objects.filter(pk=held.pk).update(status="running")
    with store.arrow_connection() as worker, worker.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM attribution_shard WHERE id = {held.pk} FOR UPDATE")
        cursor.fetchone()
        assert operations.resume_lost_shards() == 0
    # The worker is gone, and its transaction with it.
    assert operations.resume_lost_shards() == 3


@pytest.mark.django_db(transaction=True)
def test_a_shard_that_keeps_failing_fails_its_run_with_the_reason(settings, monkeypatch):
    shard, *others = three_shards(settings)

    def out_of_space(*_, **__):
        raise OSError("no space left on device")

    for other in others:
        operations.calculate_shard(other.pk)
    monkeypatch.setattr(shards, "calculate", out_of_space)
    for _ in range(5):
        with pytest.raises(OSError, match="no space"):
            operations.calculate_shard(shard.pk)
    shard.refresh_from_db()
    assert (shard.status, shard.attempts, shard.error) == ("failed", 5, "OSError: no space left on device")
    assert Run.objects.get(pk=shard.run_id).status == "failed"


@pytest.mark.django_db(transaction=True)
def test_a_shard_whose_workers_die_without_a_word_is_given_up(settings):
    """An out-of-memory kill reaches no `except`: only the count of attempts tells."""
    shard, *others = three_shards(settings)
    for other in others:
        operations.calculate_shard(other.pk)
    Shard.objects.filter(pk=shard.pk).update(status="running", attempts=5)
    assert operations.calculate_shard(shard.pk) is False
    shard.refresh_from_db()
    assert (shard.status, shard.error) == ("failed", "Its worker died 5 times while at it.")
    assert Run.objects.get(pk=shard.run_id).status == "failed"


@pytest.mark.django_db(transaction=True)
def test_a_shard_of_a_cancelled_run_is_not_taken_up_again(settings):
    shard, *_ = three_shards(settings)
    Shard.objects.filter(pk=shard.pk).update(status="running")
    operations.cancel_run(run_id=shard.run_id)
    assert operations.calculate_shard(shard.pk) is False
    shard.refresh_from_db()
    assert (shard.status, AttributionRecord.objects.count()) == ("cancelled", 0)


@pytest.mark.django_db(transaction=True)
def test_saving_tells_what_frozen_records_forbid():
    journey()
    conversion = ConversionFactory(lead_id="lead-123", occurred_at=NOW, value=Decimal("100.00"))
    operations.calculate_and_save(lead_id="lead-123", model_names=["position_based"])
    AttributionRecord.objects.filter(channel="email").update(status="approved")
    TouchpointFactory(lead_id="lead-123", channel="chat", timestamp=NOW)
    saved = operations.calculate_and_save(lead_id="lead-123", model_names=["position_based"])
    assert len(saved.records) == 3
    [told] = saved.disagreements
    assert (told["conversion_id"], told["model"]) == (conversion.pk, "position_based")
    assert told["new"]["house:"]["revenue"] == "100.00"


@pytest.mark.django_db(transaction=True)
def test_a_day_that_ends_a_period_is_in():
    journey(until=NOW)
    ConversionFactory(lead_id="lead-123", occurred_at=NOW)
    day = NOW.date().isoformat()
    call_command("calculate_attribution", "--start", day, "--end", day, "--model", "linear", "--in-process")
    assert AttributionRecord.objects.count() == 3


@pytest.mark.parametrize("moment", ["foo", "2026-11-01T00:00:00", "01.11.2026"])
def test_a_period_that_is_no_date_and_no_time_with_offset_is_refused(moment):
    with pytest.raises(CommandError, match="neither a date"):
        call_command("calculate_attribution", "--start", moment)
