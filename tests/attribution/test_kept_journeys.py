"""Beside records stands what they were made from: small, once a conversion, and enough to make them again."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from attribution import kept, operations, reading, records, store
from attribution.models import AttributionRecord, KeptJourney
from conversions.models import Conversion
from tests.attribution.worlds import HOUR, NOW, make_world
from tests.factories import ConversionFactory, TouchpointFactory, UserFactory
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db


def calculate(lead_id="lead-1", *models):
    return operations.calculate_and_save(lead_id=lead_id, model_names=list(models) or None)


def touch(hours, **fields):
    return TouchpointFactory(lead_id="lead-1", timestamp=NOW - hours * HOUR, **fields)


@pytest.fixture
def sale():
    return ConversionFactory(lead_id="lead-1", occurred_at=NOW, value=Decimal("100.00"), commission_amount=Decimal(10))


def journeys():
    return list(KeptJourney.objects.order_by("conversion_id", "calculated_at"))


def test_a_journey_is_kept_once_a_conversion_with_all_that_a_calculation_knew(sale):
    first = touch(100, channel="broker_referral", source='a "quote" \\ back\tslash', campaign="Übermut 🎈", medium="x")
    before = ConversionFactory(lead_id="lead-1", occurred_at=NOW - 50 * HOUR)
    touch(1, channel="email", source=None, campaign=None)
    calculate()
    kept_of_sale = KeptJourney.objects.get(conversion_id=sale.pk)
    micro = int(first.timestamp.timestamp()) * 1_000_000
    assert json.loads(kept_of_sale.touches)[0] == [
        first.pk.hex, micro, "broker_referral", 'a "quote" \\ back\tslash', "Übermut 🎈", None, None,
    ]  # fmt: skip
    assert json.loads(kept_of_sale.touches)[1][2:] == ["email", None, None, None, None]
    assert (kept_of_sale.value_cents, kept_of_sale.commission_cents) == (10_000, 1000)
    assert (kept_of_sale.occurred_at, kept_of_sale.conversion_type) == (NOW, sale.type)
    assert {journey.conversion_id for journey in journeys()} == {sale.pk, before.pk}


def test_calculating_again_keeps_nothing_new(sale):
    touch(5)
    calculate()
    before = KeptJourney.objects.values_list()
    first = list(before)
    calculate()
    calculate("lead-1", "linear")
    assert list(before.all()) == first


def test_a_late_touch_takes_the_place_of_the_journey_before(sale):
    touch(5)
    calculate()
    [before] = journeys()
    touch(3)
    calculate()
    [after] = journeys()
    assert len(json.loads(after.touches)) == 2
    # Records that the late touch left as they were still find it by their time.
    assert after.calculated_at == before.calculated_at


def test_frozen_records_keep_the_journey_that_they_were_made_from(sale):
    touch(5)
    calculate()
    paid = AttributionRecord.objects.get(model="position_based")
    operations.change_record(record_id=paid.pk, status="approved", reason="checked", by=UserFactory())
    touch(3)
    calculate()
    touch(2)
    calculate()
    assert [len(json.loads(each.touches)) for each in journeys()] == [1, 3]
    assert journeys()[0].calculated_at == paid.calculated_at


def test_records_of_models_that_are_not_calculated_now_keep_theirs(sale):
    touch(5)
    calculate()
    touch(3)
    calculate("lead-1", "linear")
    assert [len(json.loads(each.touches)) for each in journeys()] == [1, 2]


def test_the_journey_goes_with_its_last_touch(sale):
    mistaken = touch(5)
    calculate()
    mistaken.delete()
    calculate()
    assert not journeys()


def test_a_conversion_without_touches_keeps_nothing(sale):
    calculate()
    assert not journeys()


def test_a_model_that_looks_back_less_keeps_what_the_others_need(sale):
    operations.create_model_config(model="time_decay", parameters={"lookback_days": 120})
    for hours in (1, 100 * 24, 121 * 24):
        touch(hours)
    calculate("lead-1", "linear")
    assert [len(json.loads(each.touches)) for each in journeys()] == [2]
    assert AttributionRecord.objects.count() == 1


def test_a_clock_that_lags_behind_makes_no_journey_older_than_the_one_before(sale):
    touch(5)
    calculate()
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    AttributionRecord.objects.update(calculated_at=ahead)
    KeptJourney.objects.update(calculated_at=ahead)
    paid = AttributionRecord.objects.get(model="position_based")
    operations.change_record(record_id=paid.pk, status="approved", reason="checked", by=UserFactory())
    touch(3)
    calculate()
    old, new = journeys()
    assert (old.calculated_at, len(json.loads(new.touches))) == (ahead, 2)
    assert set(AttributionRecord.objects.filter(model="linear").values_list("calculated_at", flat=True)) == {
        new.calculated_at
    }


def test_what_is_kept_makes_the_same_batch_again():
    make_world(60, currencies=("USD", "JPY"))
    for lead in Conversion.objects.values_list("lead_id", flat=True).distinct():
        calculate(lead, "linear")
    ids = [str(each.conversion_id) for each in journeys()]
    within = store.DjangoStore()
    again = kept.batch_of(kept.of_conversions(within, ids))
    [batch] = reading.read(
        reading.Selection(conversion_ids=ids), within=within, lookback_days=90, with_previous=kept.reach().with_previous
    )
    assert len(ids) > 20
    assert again.touches == batch.touches
    assert again.conversions.drop_columns(["lead_id"]) == batch.conversions.drop_columns(["lead_id"])
    rules = operations.rules_for(["linear", "time_decay"])
    made = [records.records_of(each, rules, run_id=None, calculated_at=None) for each in (batch, again)]
    assert made[0].drop_columns(["lead_id"]) == made[1].drop_columns(["lead_id"])


@pytest.mark.django_db(transaction=True)
def test_a_batch_keeps_what_single_leads_keep():
    make_world(40)
    for lead in Conversion.objects.values_list("lead_id", flat=True).distinct():
        calculate(lead)
    one_by_one = {each.conversion_id: each.touches for each in journeys()}
    KeptJourney.objects.all().delete()
    run = operations.start_run(queue=False)
    for shard in run.shards.all():
        operations.calculate_shard(shard.pk)
    assert {each.conversion_id: each.touches for each in journeys()} == one_by_one
    assert len(one_by_one) == AttributionRecord.objects.values("conversion_id").distinct().count()


def test_no_touches_and_empty_journeys_have_texts_too():
    empty = reading.TOUCHES.empty_table().combine_chunks()
    assert kept._texts(empty, pa.array([0, 0, 0]).to_numpy()).to_pylist() == ["[]", "[]"]
    assert Touchpoint.objects.count() == 0
