"""Stored records are replayed from their journeys and versions: every cent that differs is found, and nothing else."""

import datetime as dt
import io
import logging
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from attribution import operations
from attribution.models import AttributionModel, AttributionRecord, KeptJourney, ModelConfig, Training, Verification
from attribution.operations.daily_credit import refresh_daily_credit
from conversions.models import Conversion
from tests.attribution.worlds import HOUR, NOW, make_world
from tests.factories import BrokerFactory, ConversionFactory, TouchpointFactory, UserFactory
from touchpoints.models import Channel, Touchpoint

pytestmark = pytest.mark.django_db(transaction=True)


def run_sql(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def tampered(statement):
    """As somebody does who may switch triggers off."""
    run_sql("SET session_replication_role = replica", statement, "SET session_replication_role = origin")


def calculate_all():
    run = operations.start_run(queue=False)
    for shard in run.shards.all():
        operations.calculate_shard(shard.pk)


def train(effective_from=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), first=0.05):
    """A stored training, as the training's own operation leaves it."""
    channels = enumerate(Channel.values)
    effects = [
        {"state": [channel], "removal_effect": first + place / 100, "removal_effect_value": 0.1}
        for place, channel in channels
    ]
    config = ModelConfig.objects.get(model="data_driven", version=1)
    return Training.objects.create(
        config=config,
        number=config.trainings.count() + 1,
        status="finished",
        start=effective_from - dt.timedelta(days=90),
        end=effective_from,
        effective_from=effective_from,
        order=1,
        effects=effects,
    )


@pytest.fixture
def world():
    train()
    make_world(40, currencies=("USD", "JPY"))
    calculate_all()


def verified(**options):
    verification = operations.verify_records(**options)
    assert verification == Verification.objects.first()
    return verification


def found(verification):
    return [(each["what"], each.get("record")) for each in verification.differences]


def paid_record():
    paid = AttributionRecord.objects.filter(model="position_based", commission_amount__gt=1)
    return paid.exclude(payee_type="house").order_by("pk").first()


def approve(record):
    return operations.change_record(record_id=record.pk, status="approved", reason="checked", by=UserFactory())


def test_what_was_calculated_verifies_under_every_model(world, caplog):
    with caplog.at_level(logging.ERROR):
        verification = verified()
    assert not caplog.text
    models = set(AttributionRecord.objects.values_list("model", flat=True))
    assert models == set(AttributionModel.values)
    assert verification.records_checked == AttributionRecord.objects.count() > 300
    assert (verification.differences, verification.records_without_journey) == ([], 0)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("commission_amount", "commission_amount + 0.01"),
        ("revenue_attributed", "revenue_attributed - 0.01"),
        ("credit", "credit - 0.0000000001"),
        ("payee_id", "'somebody'"),
        ("training_id", "gen_random_uuid()"),
        ("config_id", "999"),
    ],
)
def test_one_cent_that_was_tampered_with_is_found(world, caplog, column, change):
    record = paid_record()
    approve(record)
    tampered(f"UPDATE attribution_attributionrecord SET {column} = {change} WHERE id = '{record.pk}'")
    with caplog.at_level(logging.ERROR):
        verification = verified()
    mine = [each for each in verification.differences if each.get("record") == str(record.pk)]
    assert [each["fields"] for each in mine] in ([[column]], [[]])
    assert verification.records_differing >= 1
    assert f"of {verification.records_checked} records differ" in caplog.text


def test_what_differs_says_what_is_stored_and_what_came_out(world):
    record = paid_record()
    told = record.commission_amount
    refresh_daily_credit()
    tampered(f"UPDATE attribution_attributionrecord SET commission_amount = {told + 1} WHERE id = '{record.pk}'")
    verification = verified()
    [mine] = [each for each in verification.differences if "record" in each]
    assert (mine["stored"]["commission_amount"], mine["replayed"]["commission_amount"]) == (str(told + 1), str(told))
    # The sums by day did not see it either: no trigger ran.
    assert "sums by day" in {what for what, _ in found(verification)}


def test_a_record_that_is_missing_and_one_too_many_are_found(world):
    gone = AttributionRecord.objects.filter(model="linear", journey_length__gt=1).first()
    false = AttributionRecord.objects.filter(model="first_touch").first()
    copied = "gen_random_uuid()"
    columns = [field.column for field in AttributionRecord._meta.concrete_fields]
    values = [copied if name in {"id", "touchpoint_id"} else name for name in columns]
    tampered(
        f"INSERT INTO attribution_attributionrecord ({', '.join(columns)}) SELECT {', '.join(values)}"
        f" FROM attribution_attributionrecord WHERE id = '{false.pk}'"
    )
    tampered(f"DELETE FROM attribution_attributionrecord WHERE id = '{gone.pk}'")
    [added] = AttributionRecord.objects.filter(model="first_touch", conversion_id=false.conversion_id).exclude(
        pk=false.pk
    )
    records = {each for each in found(verified()) if each[1]}
    assert records == {("missing", str(gone.pk)), ("superfluous", str(added.pk))}


def test_it_verifies_after_its_touchpoints_were_dropped(world):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'touchpoints_touchpoint'::regclass"
        )
        partitions = [name for [name] in cursor.fetchall()]
        cursor.execute(
            "SELECT pg_get_expr(relpartbound, oid), oid::regclass::text FROM pg_class WHERE relispartition"
            " AND relkind = 'r' AND oid::regclass::text LIKE 'touchpoints_touchpoint%'"
        )
        bounds = {name: bound for bound, name in cursor.fetchall()}
    run_sql(*(f"DROP TABLE {name}" for name in partitions))
    try:
        assert not Touchpoint.objects.exists()
        verification = verified()
        assert (verification.records_differing, verification.records_without_journey) == (0, 0)
        assert verification.records_checked > 300
    finally:
        for name in partitions:
            run_sql(f"CREATE TABLE {name} PARTITION OF touchpoints_touchpoint {bounds[name]}")


def test_it_verifies_after_new_configurations_and_trainings(world):
    for model in AttributionModel.values:
        ModelConfig.objects.create(
            model=model,
            version=2,
            parameters={"lookback_days": 3, "half_life_days": 1.0, "position_weights": [0.1, 0.1, 0.8]},
            effective_from=NOW - dt.timedelta(days=400),
        )
    train(effective_from=dt.datetime(2021, 1, 1, tzinfo=dt.UTC), first=0.9)
    assert verified().records_differing == 0


def test_frozen_records_verify_from_their_older_journey():
    sale = ConversionFactory(lead_id="lead-1", occurred_at=NOW, value=Decimal(100), commission_amount=Decimal(10))
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - 5 * HOUR)
    calculate_all()
    paid = AttributionRecord.objects.get(model="position_based")
    approve(paid)
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - 4 * HOUR)
    calculate_all()
    assert KeptJourney.objects.filter(conversion_id=sale.pk).count() == 2
    verification = verified()
    assert (verification.records_differing, verification.records_checked) == (0, AttributionRecord.objects.count())
    KeptJourney.objects.filter(conversion_id=sale.pk).order_by("calculated_at").first().delete()
    assert {each for each in found(verified()) if each[0] == "differs"} == {("differs", str(paid.pk))}


def test_records_verify_after_a_calculation_of_one_model_with_a_late_touch():
    ConversionFactory(lead_id="lead-1", occurred_at=NOW)
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - 5 * HOUR)
    calculate_all()
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - 4 * HOUR)
    operations.calculate_and_save(lead_id="lead-1", model_names=["linear"])
    assert verified().records_differing == 0
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - 3 * HOUR)
    operations.calculate_and_save(lead_id="lead-1", model_names=["first_touch"])
    calculate_all()
    assert verified().records_differing == 0


def test_a_payee_that_was_set_by_hand_is_no_difference(world):
    record = paid_record()
    broker = BrokerFactory()
    operations.change_record(
        record_id=record.pk, payee_type="broker", payee_id=broker.pk, reason="wrong link", by=UserFactory()
    )
    assert found(verified()) == []


def test_records_from_before_journeys_were_kept_are_counted_as_not_checked(world):
    one = KeptJourney.objects.first()
    old = AttributionRecord.objects.filter(conversion_id=one.conversion_id).count()
    one.delete()
    verification = verified()
    assert verification.records_without_journey == old > 0
    assert verification.records_checked == AttributionRecord.objects.count() - old
    assert verification.records_differing == 0


def test_the_same_seed_draws_the_same_sample(world):
    def checked(seed):
        return verified(sample=5, seed=seed).records_checked

    assert len({checked(seed) for seed in range(8)}) > 1
    assert checked(3) == checked(3) < AttributionRecord.objects.count()


def test_since_leaves_out_what_occurred_before(world):
    since = NOW - 240 * HOUR
    assert verified(since=since).records_checked == AttributionRecord.objects.filter(occurred_at__gte=since).count()
    everything = verified(sample=10**6, since=since)
    assert everything.records_checked == AttributionRecord.objects.filter(occurred_at__gte=since).count()


def test_the_command_says_what_it_checked_and_ends_with_an_error_when_a_cent_differs(world):
    out = io.StringIO()
    call_command("verify_attribution", stdout=out)
    assert f"{AttributionRecord.objects.count():,} records checked" in out.getvalue()
    record = paid_record()
    tampered(f"UPDATE attribution_attributionrecord SET commission_amount = 0.77 WHERE id = '{record.pk}'")
    with pytest.raises(CommandError, match="differences"):
        call_command("verify_attribution", stdout=out)
    assert f"commission_amount: 0.77 stored, {record.commission_amount} replayed" in out.getvalue()


@pytest.mark.parametrize("arguments", [["--sample", "0"], ["--sample", "x"], ["--since", "yesterday"]])
def test_the_command_refuses_what_it_cannot_read(arguments):
    with pytest.raises(CommandError):
        call_command("verify_attribution", *arguments)


def test_conversions_may_change_without_touching_what_was_calculated(world):
    Conversion.objects.update(value=1)
    assert verified().records_differing == 0
