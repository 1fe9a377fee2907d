"""An explanation tells, to the cent, how a record came about, and tells it from what was known then."""

import datetime as dt
from decimal import Decimal
from itertools import product

import pyarrow as pa
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attribution import explained, operations, records
from attribution.models import AttributionModel, AttributionRecord, KeptJourney, ModelConfig
from tests.api import BASE
from tests.attribution.test_verify import train
from tests.attribution.worlds import HOUR, NOW
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    TouchpointFactory,
    UserFactory,
)
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

CENT = Decimal("0.01")


def touch(hours, channel="email", **fields):
    return TouchpointFactory(lead_id="lead-1", timestamp=NOW - hours * HOUR, channel=channel, **fields)


def sale(value="100.00", commission="10.00", **fields):
    arguments = {"lead_id": "lead-1", "occurred_at": NOW, "currency": "USD"} | fields
    return ConversionFactory(value=Decimal(value), commission_amount=Decimal(commission), **arguments)


def calculate():
    operations.calculate_and_save(lead_id="lead-1")


def told(model="linear", position=1):
    record = AttributionRecord.objects.get(model=model, position=position)
    return operations.explain(record_id=record.pk)


@pytest.fixture
def journey():
    """Three touches that share 100.00, one too old to count, and one that came after."""
    sale()
    touch(91 * 24)
    touch(100, "partner_referral", partner_id="partner-1")
    touch(50, "broker_referral", partner_id="partner-1", broker_id="broker-1")
    touch(2)
    touch(-1)
    calculate()


@pytest.fixture
def long_lookback():
    """Makes the journey that is kept longer than most models look back."""
    operations.create_model_config(model="time_decay", parameters={"lookback_days": 365})


def test_the_cent_that_is_missing_is_found(journey):
    first, second = told(position=1), told(position=2)
    assert (first.revenue.total, first.revenue.whole, first.revenue.left_over) == (Decimal(100), Decimal("99.99"), 1)
    assert first.revenue.remainder_to == [1]
    own, other = first.touches[0].revenue, second.touches[1].revenue
    assert (own.quota, own.whole, own.rank, own.remainder, own.share) == (
        Decimal("33.333333340000"), Decimal("33.33"), 1, CENT, Decimal("33.34"),
    )  # fmt: skip
    assert (other.quota, other.fraction, other.remainder, other.share) == (
        Decimal("33.333333330000"), Decimal("0.3333330000"), Decimal("0.00"), Decimal("33.33"),
    )  # fmt: skip


@pytest.mark.parametrize("model", AttributionModel.values)
def test_parts_add_up_to_what_is_stored_and_to_the_conversion(journey, long_lookback, model):
    train()
    calculate()
    for record in AttributionRecord.objects.filter(model=model):
        story = operations.explain(record_id=record.pk)
        assert story.replays is True
        own = next(touch for touch in story.touches if touch.is_this)
        assert (own.credit, own.revenue.share, own.commission.share) == (
            record.credit, record.revenue_attributed, record.commission_amount,
        )  # fmt: skip
        assert (own.payee_type, own.payee_id) == (record.payee_type, record.payee_id)
        counted = [touch for touch in story.touches if touch.left_out_by is None]
        assert sum(touch.credit for touch in counted) == 1
        assert sum(touch.revenue.share for touch in counted) == story.revenue.total == story.conversion["value"]
        assert sum(touch.commission.share for touch in counted) == story.commission.total == Decimal(10)
        assert [touch.position for touch in counted] == list(range(1, story.touches_counted + 1))
        assert story.stored_totals["revenue"] == Decimal(100)


def test_a_touch_that_does_not_count_says_which_rule_left_it_out(long_lookback):
    sale()
    touch(91 * 24)
    touch(2)
    calculate()
    old, young = told("linear").touches
    assert (old.left_out_by, old.position, old.credit, old.revenue) == ("lookback", None, 0, None)
    assert (young.left_out_by, young.position, young.seconds_before) == (None, 1, 7200)
    assert "(1 more is known and left out)" in operations_words(told("linear"))


def operations_words(story):
    from attribution.plain_words import sentences

    return " ".join(sentences(story))


def test_it_explains_by_the_version_and_the_journey_of_then_not_of_today(journey):
    before = told("position_based", 2)
    ModelConfig.objects.create(
        model="position_based", version=2, parameters={"position_weights": [0.0, 0.0, 1.0]},
        effective_from=NOW - dt.timedelta(days=900),
    )  # fmt: skip
    Touchpoint.objects.all().delete()
    after = told("position_based", 2)
    assert (after.config.version, after.replays, after.source) == (1, True, "kept_journey")
    assert after.touches == before.touches


def test_other_models_give_what_they_store(journey):
    train()
    calculate()
    story = told("linear", 2)
    assert {other.model for other in story.others} == set(AttributionModel.values) - {"linear"}
    for other in story.others:
        stored = {
            record.touchpoint_id: (record.credit, record.revenue_attributed, record.commission_amount)
            for record in AttributionRecord.objects.filter(model=other.model)
        }
        nothing = (0, 0, 0)
        assert [(each.credit, each.revenue, each.commission) for each in other.shares] == [
            stored.get(touch.touchpoint_id, nothing) for touch in story.touches
        ]
        assert other.this == other.shares[1]
        assert other.payable == (other.model == "position_based")


def test_a_data_driven_record_names_its_training_and_effects(journey):
    training = train()
    calculate()
    train(effective_from=dt.datetime(2021, 1, 1, tzinfo=dt.UTC), first=0.9)
    story = told("data_driven", 1)
    assert (story.training, story.fallback) == (training, None)
    assert story.touches[0].effect["state"] == ["partner_referral"]
    assert story.touches[0].raw_weight == story.touches[0].effect["removal_effect"] == 0.05 + 7 / 100
    assert "learnt by training 1 from 2019-10-03 to 2020-01-01" in operations_words(story)


def test_a_data_driven_record_without_training_says_that_position_took_its_place(journey):
    story = told("data_driven", 1)
    assert (story.training, story.fallback, story.touches[0].raw_weight) == (None, "position_based", 0.4)
    assert "training knew nothing of this journey, so it was shared by position" in operations_words(story)


@pytest.mark.parametrize("channel", ["broker_referral", "email"])
@pytest.mark.parametrize(("partner", "broker"), list(product(["partner-1", None], ["broker-1", None])))
def test_the_reason_of_the_payee_is_the_rule_that_named_it(channel, partner, broker):
    touches = pa.table({"channel": [channel], "partner_id": [partner], "broker_id": [broker]})
    touches = touches.cast(pa.schema({name: pa.string() for name in touches.column_names}))
    [payee_type], [payee_id] = (column.to_pylist() for column in records.payee_of(touches))
    reason = explained.payee_reason(channel, partner, broker)
    assert reason.removesuffix("_on_broker_referral") == payee_type
    assert payee_id == ({"partner": partner, "broker": broker}.get(payee_type) or "")
    assert (reason == "broker_on_broker_referral") == (channel == "broker_referral" and broker is not None)


def test_a_payee_that_was_set_by_hand_is_said_to_be(journey):
    record = AttributionRecord.objects.get(model="position_based", position=1)
    operations.change_record(
        record_id=record.pk, payee_type="broker", payee_id=BrokerFactory().pk, reason="wrong link", by=UserFactory()
    )
    story = told("position_based", 1)
    assert (story.payee_reason, story.replays) == ("by_hand", True)


def test_what_was_tampered_with_does_not_replay(journey):
    record = AttributionRecord.objects.get(model="linear", position=1)
    AttributionRecord.objects.filter(pk=record.pk).update(commission_amount="3.35")
    story = told("linear", 2)
    assert story.replays is False
    [difference] = story.differences
    assert (difference["record"], difference["fields"]) == (str(record.pk), ["commission_amount"])


def test_without_a_kept_journey_it_explains_from_the_touchpoints_and_says_so(journey):
    KeptJourney.objects.all().delete()
    story = told("linear", 2)
    assert (story.source, story.replays, story.touches_counted) == ("touchpoints", None, 3)
    Touchpoint.objects.all().delete()
    story = told("linear", 2)
    assert (story.source, story.replays, story.touches) == ("nothing", None, [])
    assert "touchpoints are gone" in operations_words(story)


def test_whole_units_are_what_is_left_over_where_a_currency_has_no_cents():
    sale("1000", "100", currency="JPY")
    for hours in (3, 2, 1):
        touch(hours)
    calculate()
    story = told("linear", 1)
    assert (story.revenue.unit, story.revenue.left_over) == (Decimal(1), 1)
    assert (story.touches[0].revenue.share, story.touches[1].revenue.share) == (Decimal(334), Decimal(333))
    assert story.touches[1].revenue.quota == Decimal("333.3333333")


def test_the_words_are_those_that_a_partner_can_check(journey):
    assert operations_words(told("position_based", 2)) == (
        "Position Based v1: first 40 %, last 40 %, the one between 20 %."
        " This touch is the 2nd of 3 that count, 2 days 2 hours before the conversion. Its credit is 20 %."
        " Of the value of 100.00 USD that is 20.00; nothing was left over by rounding."
        " Of the commission of 10.00 USD that is 2.00; nothing was left over by rounding."
        " Its payee is broker broker-1: the touch's broker, as its channel is broker referral."
    )
    assert operations_words(told("linear", 2)) == (
        "Linear v1: every touch that counts gets the same share, here one of 3."
        " This touch is the 2nd of 3 that count, 2 days 2 hours before the conversion. Its credit is 33.33333333 %."
        " Of the value of 100.00 USD its exact part is 33.3333…. Cut to whole cents, the parts leave 1 cent over. It"
        " goes to the largest fraction (of equal ones to the earlier touch): the 1st touch. This touch's fraction is"
        " the 2nd largest: it got none, so this touch gets 33.33."
        " Of the commission of 10.00 USD its exact part is 3.3333…. Cut to whole cents, the parts leave 1 cent over. It"
        " goes to the largest fraction (of equal ones to the earlier touch): the 1st touch. This touch's fraction is"
        " the 2nd largest: it got none, so this touch gets 3.33."
        " Commission is not paid under this model; its payee would be broker broker-1: the touch's broker, as its"
        " channel is broker referral."
    )


def test_the_api_answers_in_camel_case_with_exact_amounts(api, journey):
    record = AttributionRecord.objects.get(model="linear", position=2)
    response = api.get(f"{BASE}/attributions/{record.pk}/explain")
    answer = response.json()
    assert response.status_code == 200
    assert (answer["record"]["id"], answer["source"], answer["replays"]) == (str(record.pk), "kept_journey", True)
    assert answer["rule"]["parameters"]["lookbackDays"] == 90
    assert answer["journey"]["touchesCounted"] == 3
    assert [touch["isThis"] for touch in answer["journey"]["touches"]] == [False, True, False]
    assert (
        b'"quota":33.333333330000,"whole":33.33,"fraction":0.3333330000,"rank":2,"remainder":0.00' in response.content
    )
    assert answer["rounding"]["revenue"]["remainderTo"] == [1]
    assert answer["payee"]["reason"] == "broker_on_broker_referral"
    assert sum(Decimal(str(other["this"]["credit"])) > 0 for other in answer["otherModels"]) >= 2


def test_an_explanation_of_nobody_is_not_found(api):
    assert api.get(f"{BASE}/attributions/{AttributionRecordFactory.build().pk}/explain").status_code == 404


def test_an_explanation_costs_the_same_queries_however_long_the_journey(api):
    sale()
    touch(1)
    calculate()

    def queries():
        record = AttributionRecord.objects.get(model="linear", position=1)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert api.get(f"{BASE}/attributions/{record.pk}/explain").status_code == 200
        return len(captured)

    few = queries()
    for hours in range(2, 40):
        touch(hours)
    calculate()
    assert queries() == few <= 16


@pytest.mark.django_db(transaction=True)
def test_a_very_long_journey_is_told_with_its_totals():
    sale("1000000.00", "1000.00")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO touchpoints_touchpoint (id, lead_id, channel, timestamp)"
            " SELECT uuidv7(), 'lead-1', 'email', %s - n * interval '1 second' FROM generate_series(1, 10000) n",
            [NOW],
        )
    operations.calculate_and_save(lead_id="lead-1", model_names=["linear"])
    story = told("linear", 5000)
    assert (story.touches_known, story.touches_counted, story.replays) == (10_000, 10_000, True)
    assert len(story.touches) == explained.SHOWN_FIRST + explained.SHOWN_LAST + 2 * explained.SHOWN_AROUND + 1
    assert next(touch.position for touch in story.touches if touch.is_this) == 5000
    assert story.hidden["revenue"] + sum(touch.revenue.share for touch in story.touches) == Decimal(1_000_000)
    assert story.hidden["touches"] + len(story.touches) == 10_000
