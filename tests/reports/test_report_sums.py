"""The report's tables against the rows themselves, added up in plain Python."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest

from attribution.models import AttributionRecord, ModelConfig
from conversions.models import Conversion
from reports import operations
from tests.attribution.worlds import make_world
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
)
from touchpoints.models import Touchpoint

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
MODEL = "linear"


def report(**asked):
    return operations.answer(operations.ask(**({"start": START, "end": END, "model": MODEL} | asked)))


def share_out(conversion):
    """Records for a conversion as a calculation leaves them: equal shares, the cents that are left to the first."""
    touches = list(
        Touchpoint.objects.filter(lead_id=conversion.lead_id, timestamp__lte=conversion.occurred_at).in_time_order()
    )
    for position, touch in enumerate(touches, 1):
        part, rest = divmod(int(conversion.value * 100), len(touches))
        AttributionRecordFactory(
            conversion_id=conversion.pk,
            touchpoint_id=touch.pk,
            model=MODEL,
            payable=False,
            credit=round(Decimal(1) / len(touches), 10),
            currency=conversion.currency,
            revenue_attributed=Decimal(part + (rest if position == 1 else 0)) / 100,
            commission_amount=Decimal(part) / 1000 // Decimal("0.01") * Decimal("0.01"),
            partner_id=touch.partner_id,
            broker_id=touch.broker_id,
            payee_type="partner" if touch.partner_id else "house",
            payee_id=touch.partner_id or "",
            channel=touch.channel,
            campaign_id=touch.campaign,
            touched_at=touch.timestamp,
            occurred_at=conversion.occurred_at,
            conversion_type=conversion.type,
            position=position,
            journey_length=len(touches),
        )


@pytest.fixture
def world(db):
    """Leads of two currencies; some convert without a touch, some outside of the period."""
    make_world(40, seed=7, touches=(0, 5), conversions=(0, 2), currencies=("USD", "USD", "EUR"))
    for conversion in Conversion.objects.all():
        share_out(conversion)


def records_of(**filters):
    return list(
        AttributionRecord.objects.filter(
            model=MODEL, occurred_at__gte=START, occurred_at__lt=END, **({"currency": "USD"} | filters)
        )
    )


def conversions_of(**filters):
    return list(
        Conversion.objects.filter(occurred_at__gte=START, occurred_at__lt=END, **({"currency": "USD"} | filters))
    )


def revenue_by(records, name):
    sums = defaultdict(Decimal)
    for record in records:
        if getattr(record, name) is not None:
            sums[getattr(record, name)] += record.revenue_attributed
    return dict(sums)


def shown_by(rows, name, figure="total_revenue"):
    return {row[name]: row[figure] for row in rows if row["conversions"]}


def test_the_summary_adds_up_to_all_conversions(world):
    summary, conversions, records = report()["summary"], conversions_of(), records_of()
    assert summary["total_conversions"] == len(conversions) > 10
    assert summary["total_revenue"] == sum(each.value for each in conversions)
    assert summary["total_commission"] == sum(each.commission_amount or 0 for each in conversions)
    assert summary["attributed_revenue"] == sum(each.revenue_attributed for each in records)
    assert summary["attributed_commission"] == sum(each.commission_amount for each in records)
    assert summary["unattributed_revenue"] > 0
    assert summary["attributed_revenue"] + summary["unattributed_revenue"] == summary["total_revenue"]


def test_unattributed_is_what_conversions_without_a_touch_are_worth(world):
    touched = {record.conversion_id for record in records_of()}
    left = sum(each.value for each in conversions_of() if each.pk not in touched)
    assert report()["summary"]["unattributed_revenue"] == left


def test_channels_campaigns_and_days_each_add_up_to_what_is_attributed(world):
    answer = report()
    attributed = answer["summary"]["attributed_revenue"]
    for table, figure in (("by_channel", "total_revenue"), ("by_campaign", "total_revenue"), ("trend", "revenue")):
        assert sum(row[figure] for row in answer[table]) == attributed, table
    assert sum(day["total_revenue"] for day in answer["trend"]) == answer["summary"]["total_revenue"]


def test_every_row_is_the_sum_of_its_records(world):
    answer, records = report(), records_of()
    assert shown_by(answer["by_channel"], "channel") == revenue_by(records, "channel")
    assert shown_by(answer["by_partner"], "partner_id") == revenue_by(records, "partner_id")
    assert shown_by(answer["by_broker"], "broker_id") == revenue_by(records, "broker_id")
    named = [row for row in answer["by_campaign"] if row["campaign"]]
    assert shown_by(named, "campaign") == revenue_by(records, "campaign_id")
    days = {str(each.occurred_at.date()) for each in records}
    assert {row["date"] for row in answer["trend"] if row["conversions"]} == days


def test_conversions_of_a_row_are_the_credit_of_its_records(world):
    credit = defaultdict(Decimal)
    for record in records_of():
        credit[record.channel] += record.credit
    for row in report()["by_channel"]:
        assert row["conversions"] == pytest.approx(credit[row["channel"]], abs=Decimal("0.000001"))


def test_touchpoints_are_those_of_the_period_and_converting_those_before_a_conversion(world):
    window = dt.timedelta(days=90)
    total, converting = defaultdict(int), defaultdict(int)
    for touch in Touchpoint.objects.filter(timestamp__gte=START, timestamp__lt=END):
        later = Conversion.objects.filter(
            lead_id=touch.lead_id, occurred_at__range=(touch.timestamp, touch.timestamp + window)
        )
        total[touch.channel] += 1
        converting[touch.channel] += later.exists()
    rows = report()["by_channel"]
    assert shown_touches(rows, "total_touchpoints") == dict(total)
    assert shown_touches(rows, "converting_touchpoints") == {k: v for k, v in converting.items() if v}


def shown_touches(rows, figure):
    return {row["channel"]: row[figure] for row in rows if row[figure]}


@pytest.mark.parametrize(
    ("after", "counted"), [(dt.timedelta(), 1), (dt.timedelta(days=90), 1), (dt.timedelta(days=90, seconds=1), 0)]
)
def test_a_touch_converts_up_to_the_last_second_of_the_window(db, after, counted):
    touch = TouchpointFactory(lead_id="lead-1", timestamp=START)
    ConversionFactory(lead_id="lead-1", occurred_at=touch.timestamp + after)
    ConversionFactory(lead_id="lead-1", occurred_at=touch.timestamp - dt.timedelta(seconds=1))
    assert report()["by_channel"][0]["converting_touchpoints"] == counted


def test_a_touch_with_two_conversions_after_it_counts_once(db):
    TouchpointFactory(lead_id="lead-1", timestamp=START)
    ConversionFactory.create_batch(2, lead_id="lead-1", occurred_at=START + dt.timedelta(days=1))
    assert report()["by_channel"][0]["converting_touchpoints"] == 1


@pytest.mark.parametrize(
    ("asked", "of_record"),
    [
        ({"channel": "email"}, {"channel": "email"}),
        ({"partner_id": "partner-1"}, {"partner_id": "partner-1"}),
        ({"broker_id": "broker-1"}, {"broker_id": "broker-1"}),
        ({"campaign": "autumn"}, {"campaign_id": "autumn"}),
    ],
)
def test_a_filter_on_touches_counts_its_records_and_says_what_it_leaves_out(world, asked, of_record):
    PartnerFactory(id="partner-1"), BrokerFactory(id="broker-1")
    plain, answer = report()["summary"], report(**asked)
    summary, counted = answer["summary"], sum(each.revenue_attributed for each in records_of(**of_record))
    assert summary["attributed_revenue"] == counted > 0
    assert summary["filtered_out_revenue"] == plain["attributed_revenue"] - counted > 0
    assert summary["unattributed_revenue"] == plain["unattributed_revenue"]
    assert summary["total_revenue"] == plain["total_revenue"]
    assert sum(row["total_revenue"] for row in answer["by_channel"]) == counted
    assert sum(day["revenue"] for day in answer["trend"]) == counted


def test_a_filter_on_touches_counts_only_their_touchpoints(world):
    (row,) = report(channel="email")["by_channel"]
    touches = Touchpoint.objects.filter(timestamp__gte=START, timestamp__lt=END, channel="email")
    assert (row["channel"], row["total_touchpoints"]) == ("email", touches.count())


def test_a_type_of_conversion_narrows_the_totals_as_well(world):
    summary = report(conversion_type="renewal")["summary"]
    assert summary["total_revenue"] == sum(each.value for each in conversions_of(type="renewal")) > 0
    assert summary["attributed_revenue"] == sum(
        each.revenue_attributed for each in records_of(conversion_type="renewal")
    )
    assert summary["filtered_out_revenue"] == 0


def test_currencies_do_not_mix_and_none_is_hidden(world):
    dollars, euros = report(), report(currency="EUR")
    assert (dollars["other_currencies"], euros["other_currencies"]) == (["EUR"], ["USD"])
    assert euros["summary"]["total_revenue"] == sum(each.value for each in conversions_of(currency="EUR")) > 0
    assert sum(row["total_revenue"] for row in euros["by_channel"]) == sum(
        each.revenue_attributed for each in records_of(currency="EUR")
    )


def test_a_period_takes_its_first_instant_and_leaves_its_last_out(db):
    for moment in (START, END - dt.timedelta(microseconds=1), END):
        ConversionFactory(occurred_at=moment, value=100)
    assert report()["summary"]["total_revenue"] == 200


def test_an_empty_period_is_all_zeros_with_every_day_in_it(db):
    answer = report()
    assert answer["summary"]["total_revenue"] == answer["summary"]["unattributed_revenue"] == 0
    assert (answer["by_channel"], answer["by_partner"], answer["config_version"]) == ([], [], None)
    assert [day["date"] for day in answer["trend"]][:: len(answer["trend"]) - 1] == ["2026-01-01", "2026-02-28"]


def test_a_period_of_several_versions_names_the_newest_and_all(db):
    newer = ModelConfig.objects.create(model=MODEL, version=2, effective_from=START + dt.timedelta(days=9))
    AttributionRecordFactory(model=MODEL, occurred_at=START)
    AttributionRecordFactory(model=MODEL, occurred_at=START + dt.timedelta(days=10), config=newer)
    answer = report()
    assert (answer["config_version"], answer["config_versions"]) == (2, [1, 2])


def test_the_model_is_the_payable_one_unless_another_is_named(db):
    assert report(model=None)["model"] == "position_based"


def test_commission_payable_leaves_out_the_house_and_models_that_do_not_pay(db):
    AttributionRecordFactory(occurred_at=START, commission_amount=70)
    AttributionRecordFactory(occurred_at=START, commission_amount=20, payee_type="house", payee_id="")
    AttributionRecordFactory(occurred_at=START, commission_amount=10, payable=False)
    summary = report(model="position_based")["summary"]
    assert (summary["payable_commission"], summary["attributed_commission"]) == (70, 100)


def test_a_partner_is_named_and_shows_its_strongest_channels_first(db):
    PartnerFactory(id="partner-abc", name="Summit Auto Club")
    for channel, revenue in (("email", 10), ("affiliate", 30), ("affiliate", 5)):
        AttributionRecordFactory(occurred_at=START, channel=channel, revenue_attributed=revenue)
    (row,) = report(model="position_based")["by_partner"]
    assert (row["partner_name"], row["total_revenue"], row["conversions"]) == ("Summit Auto Club", 45, 3)
    assert row["top_channels"] == [
        {"channel": "affiliate", "count": 2, "revenue": 35},
        {"channel": "email", "count": 1, "revenue": 10},
    ]
