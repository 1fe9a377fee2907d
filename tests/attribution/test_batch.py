import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest
from django.db import connection

from attribution import operations
from attribution.engine.models import MODELS
from attribution.models import AttributionRecord, Finding, Run
from conversions.models import Conversion
from tests.attribution.worlds import NOW, journey_of, make_world, stored
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db(transaction=True)


def calculate(**selection):
    """A whole run in this process: the same operations that a worker calls."""
    run = operations.start_run(**selection, queue=False)
    for shard in run.shards.order_by("number"):
        operations.calculate_shard(shard.pk)
    return Run.objects.with_counts().get(pk=run.pk)


def versions_of_rows():
    """PostgreSQL's own stamp of each row: it changes with every write, even one that changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text, ctid::text FROM attribution_attributionrecord ORDER BY id")
        return cursor.fetchall()


def test_records_add_up_to_the_cent_under_every_model():
    make_world(60, currencies=("USD", "EUR", "JPY"))
    run = calculate()
    assert run.status == Run.Status.FINISHED
    sums = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0)])
    for record in AttributionRecord.objects.all():
        for place, amount in enumerate((record.revenue_attributed, record.commission_amount, record.credit)):
            sums[record.conversion_id, record.model][place] += amount
    with_journey = [c for c in Conversion.objects.all() if journey_of(c)]
    expected = {(c.pk, model): [c.value, c.commission_amount, Decimal(1)] for c in with_journey for model in MODELS}
    assert sums == expected
    assert run.unattributed == (Conversion.objects.count() - len(with_journey)) * len(MODELS)


def test_yen_are_shared_as_whole_yen():
    make_world(40, currencies=("JPY",))
    calculate(model_names=["linear"])
    shares = AttributionRecord.objects.values_list("revenue_attributed", "commission_amount")
    assert shares
    assert all(amount == amount.to_integral_value() for row in shares for amount in row)


@pytest.mark.parametrize("restart", [False, True])
def test_linear_records_are_the_journeys_of_the_rules(restart):
    make_world(60)
    operations.create_model_config(
        model="linear",
        parameters={"lookback_days": 30, "restart_after_conversion": restart},
        effective_from=dt.datetime(2001, 1, 1, tzinfo=dt.UTC),
    )
    calculate(model_names=["linear"])
    for conversion in Conversion.objects.all():
        records = AttributionRecord.objects.filter(conversion_id=conversion.pk).order_by("position")
        journey = journey_of(conversion, lookback_days=30, restart=restart)
        assert [r.touchpoint_id for r in records] == [t.pk for t in journey]
        assert [r.touched_at for r in records] == [t.timestamp for t in journey]
        assert {r.journey_length for r in records} <= {len(journey)}


def test_calculating_again_writes_no_row():
    make_world(40)
    calculate()
    before = versions_of_rows()
    again = calculate()
    assert before
    assert versions_of_rows() == before
    assert (again.written, again.replaced, again.unchanged) == (0, 0, len(before))


def test_one_shard_or_many_give_the_same_records(settings):
    make_world(80)
    assert calculate().shards.count() == 1
    whole = stored()
    AttributionRecord.objects.all().delete()
    settings.SHARD_CONVERSIONS = 5
    assert calculate().shards.count() > 5
    assert stored() == whole


def test_a_late_touch_replaces_the_records_of_its_conversion_alone():
    make_world(30)
    conversion = ConversionFactory(occurred_at=NOW)
    TouchpointFactory(lead_id=conversion.lead_id, timestamp=NOW - dt.timedelta(days=5))
    calculate(model_names=["linear"])
    others = [row for row in versions_of_rows() if row[0] not in ids_of(conversion)]
    TouchpointFactory(lead_id=conversion.lead_id, timestamp=NOW - dt.timedelta(days=2))
    run = calculate(model_names=["linear"])
    assert (run.written, run.replaced) == (2, 1)
    assert [r.credit for r in AttributionRecord.objects.filter(conversion_id=conversion.pk)] == [Decimal("0.5")] * 2
    assert [row for row in versions_of_rows() if row[0] not in ids_of(conversion)] == others


def ids_of(conversion):
    return set(AttributionRecord.objects.filter(conversion_id=conversion.pk).values_list("pk", flat=True))


def two_touch_conversion():
    conversion = ConversionFactory(occurred_at=NOW, value=Decimal("100.00"))
    for days in (9, 5):
        TouchpointFactory(
            lead_id=conversion.lead_id, timestamp=NOW - dt.timedelta(days=days), partner_id=f"partner-{days}"
        )
    calculate(model_names=["position_based"])
    return conversion


@pytest.mark.parametrize("status", ["approved", "disputed", "paid"])
def test_frozen_records_stand_and_the_difference_is_told(status):
    conversion = two_touch_conversion()
    steps = {"approved": ["approved"], "disputed": ["disputed"], "paid": ["approved", "paid"]}[status]
    record = AttributionRecord.objects.filter(conversion_id=conversion.pk).order_by("position").first()
    for step in steps:
        AttributionRecord.objects.filter(pk=record.pk).update(status=step)
    TouchpointFactory(lead_id=conversion.lead_id, timestamp=NOW - dt.timedelta(days=1), partner_id="partner-1")
    before = versions_of_rows()

    run = calculate(model_names=["position_based"])

    assert versions_of_rows() == before
    assert (run.written, run.replaced, run.frozen) == (0, 0, 2)
    finding = Finding.objects.get(run=run)
    assert (finding.conversion_id, finding.code) == (conversion.pk, "frozen_differs")
    assert finding.detail["stored"]["partner:partner-9"]["revenue"] == "50.00"
    assert finding.detail["new"]["partner:partner-9"]["revenue"] == "40.00"
    assert finding.detail["new"]["partner:partner-1"]["revenue"] == "40.00"


def test_frozen_records_that_agree_are_no_finding():
    conversion = two_touch_conversion()
    AttributionRecord.objects.filter(conversion_id=conversion.pk).update(status="approved")
    run = calculate(model_names=["position_based"])
    assert run.frozen == 2
    assert not run.findings.exists()


def test_a_payee_set_by_hand_survives_recalculation():
    conversion = two_touch_conversion()
    PartnerFactory(id="partner-other")
    record = AttributionRecord.objects.filter(conversion_id=conversion.pk).order_by("position").first()
    operations.change_record(
        record_id=record.pk, payee_type="partner", payee_id="partner-other", reason="merger", by=UserFactory()
    )
    TouchpointFactory(lead_id=conversion.lead_id, timestamp=NOW - dt.timedelta(days=1))
    calculate(model_names=["position_based"])
    record.refresh_from_db()
    assert (record.payee_id, record.payee_pinned, record.credit) == ("partner-other", True, Decimal("0.4"))


def test_a_conversion_that_lost_its_touches_loses_its_records():
    conversion = two_touch_conversion()
    Touchpoint.objects.filter(lead_id=conversion.lead_id).delete()
    run = calculate(model_names=["position_based"])
    assert (run.replaced, run.written, run.unattributed) == (2, 0, 1)
    assert not AttributionRecord.objects.exists()


def test_a_conversion_before_every_touch_is_unattributed():
    conversion = ConversionFactory(occurred_at=NOW)
    TouchpointFactory(lead_id=conversion.lead_id, timestamp=NOW + dt.timedelta(microseconds=1))
    run = calculate(model_names=["linear"])
    assert (run.unattributed, run.written) == (1, 0)


def test_both_ends_of_the_lookback_count():
    conversion = ConversionFactory(occurred_at=NOW)
    for before in (dt.timedelta(0), dt.timedelta(days=90), dt.timedelta(days=90, microseconds=1)):
        TouchpointFactory(lead_id=conversion.lead_id, timestamp=NOW - before)
    assert calculate(model_names=["linear"]).written == 2


def test_a_version_applies_from_its_instant_on():
    """The conversion at the instant itself is under the new version; the one a microsecond before is not."""
    operations.create_model_config(model="linear", parameters={"lookback_days": 1}, effective_from=NOW)
    for lead, moment in (("before", NOW - dt.timedelta(microseconds=1)), ("at", NOW)):
        ConversionFactory(lead_id=lead, occurred_at=moment)
        for days in (0, 5):
            TouchpointFactory(lead_id=lead, timestamp=moment - dt.timedelta(days=days))
    calculate(model_names=["linear"])
    versions = AttributionRecord.objects.values_list("lead_id", "config__version", "journey_length")
    assert set(versions) == {("before", 1, 2), ("at", 2, 1)}


def test_only_the_payable_model_is_payable_and_only_from_its_instant_on():
    operations.create_model_config(model="linear", parameters={}, payable=True, effective_from=NOW)
    for lead, moment in (("old", NOW - dt.timedelta(days=1)), ("new", NOW)):
        ConversionFactory(lead_id=lead, occurred_at=moment)
        TouchpointFactory(lead_id=lead, timestamp=moment)
    calculate()
    payable = AttributionRecord.objects.filter(payable=True).values_list("lead_id", "model")
    assert set(payable) == {("old", "position_based"), ("new", "linear")}


def test_a_lead_with_100_000_touches_is_one_journey_like_any_other():
    conversion = ConversionFactory(occurred_at=NOW, value=Decimal("1234.56"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO touchpoints_touchpoint (id, lead_id, channel, timestamp)"
            " SELECT gen_random_uuid(), %s, 'email', %s - n * interval '1 second' FROM generate_series(1, 100000) n",
            [conversion.lead_id, NOW],
        )
    make_world(20)
    run = calculate(model_names=["linear"])
    assert run.status == Run.Status.FINISHED
    shares = AttributionRecord.objects.filter(conversion_id=conversion.pk)
    amounts = list(shares.values_list("revenue_attributed", flat=True))
    assert (len(amounts), sum(amounts)) == (100_000, Decimal("1234.56"))
    assert set(amounts) == {Decimal("0.01"), Decimal("0.02")}


def test_a_run_over_a_period_takes_its_start_and_leaves_its_end():
    start, end = NOW - dt.timedelta(days=2), NOW
    for lead, moment in (("first", start), ("last", end - dt.timedelta(microseconds=1)), ("next", end)):
        ConversionFactory(lead_id=lead, occurred_at=moment)
        TouchpointFactory(lead_id=lead, timestamp=moment)
    calculate(model_names=["linear"], start=start, end=end)
    assert set(AttributionRecord.objects.values_list("lead_id", flat=True)) == {"first", "last"}


def test_a_run_over_named_conversions_touches_no_other():
    make_world(30, conversions=(1, 3))
    chosen = Conversion.objects.first()
    calculate(conversion_ids=[chosen.pk])
    assert set(AttributionRecord.objects.values_list("conversion_id", flat=True)) <= {chosen.pk}


def test_a_run_that_selects_nothing_is_finished_at_once():
    assert calculate().status == Run.Status.FINISHED
