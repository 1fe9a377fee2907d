"""A report reads sums by day, and records where its period cuts a day in two: the answer is that of the records."""

import datetime as dt
import random
from decimal import Decimal

import pytest
from django.db import connection

from attribution.models import AttributionRecord, DailyCredit
from attribution.operations.daily_credit import RECORDS, refresh_daily_credit
from reports import operations, queries
from tests.factories import AttributionRecordFactory
from touchpoints.models import Channel

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
INSTANT = dt.timedelta(microseconds=1)
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
PERIODS = {
    "whole days": (START, START + 9 * DAY),
    "one day": (START + DAY, START + 2 * DAY),
    "within a day": (START + DAY * 1.25, START + DAY * 1.75),
    "parts of two days": (START + DAY * 1.5, START + DAY * 2.5),
    "a part, and the day after": (START + DAY * 1.5, START + DAY * 3),
    "a day, and a part": (START + DAY, START + DAY * 2.5),
    "an instant less at either end": (START + INSTANT, START + 9 * DAY - INSTANT),
    "an instant more at either end": (START - INSTANT, START + 9 * DAY + INSTANT),
    "days of another zone": (dt.datetime(2026, 1, 2, tzinfo=EAST), dt.datetime(2026, 1, 8, tzinfo=EAST)),
}


@pytest.fixture
def world(transactional_db):
    """Records of nine days, many of them at the very beginning or end of one; half of them after the sums were made."""
    chance = random.Random(11)
    for number in range(300):
        if number == 150:
            refresh_daily_credit()
        partner = chance.choice(["partner-1", "partner-2", None])
        AttributionRecordFactory(
            model=chance.choice(["linear", "linear", "position_based"]),
            payable=chance.random() < 0.5,
            currency=chance.choice(["USD", "USD", "EUR"]),
            channel=chance.choice(Channel.values[:4]),
            source=chance.choice(["google", None]),
            campaign_id=chance.choice(["autumn", "winter", None]),
            partner_id=partner,
            broker_id=chance.choice(["broker-1", None]),
            payee_type="partner" if partner else "house",
            payee_id=partner or "",
            conversion_type=chance.choice(["policy_bound", "renewal"]),
            credit=Decimal(chance.randint(1, 10**10)) / 10**10,
            revenue_attributed=Decimal(chance.randint(0, 10**6)) / 100,
            commission_amount=Decimal(chance.randint(0, 10**5)) / 100,
            occurred_at=START + chance.randint(-1, 9) * DAY + chance.choice([-INSTANT, 0 * DAY, INSTANT, DAY / 3]),
        )


def answers(period, **asked):
    question = operations.ask(start=period[0], end=period[1], model="linear", **asked)
    by_model = queries.revenue_by_model(start=period[0], end=period[1], currency="USD")
    return operations.answer(question), queries.by_source(question), by_model


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS)
@pytest.mark.parametrize("asked", [{}, {"channel": "email"}, {"campaign": "autumn", "conversion_type": "renewal"}])
def test_by_sums_and_by_records_alone_it_is_the_same_answer(world, monkeypatch, period, asked):
    by_sums = answers(period, **asked)
    # As if no period had a whole day: then only records are read.
    monkeypatch.setattr(queries, "whole_days", lambda start, end: {"first": end, "last": end})
    assert by_sums == answers(period, **asked)
    assert by_sums[0]["summary"]["attributed_revenue"] > 0 or asked


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS)
def test_it_is_what_the_records_of_the_period_add_up_to(world, period):
    records = AttributionRecord.objects.filter(
        model="linear", currency="USD", occurred_at__gte=period[0], occurred_at__lt=period[1]
    )
    summary = answers(period)[0]["summary"]
    assert summary["attributed_revenue"] == sum(each.revenue_attributed for each in records) > 0
    assert summary["attributed_commission"] == sum(each.commission_amount for each in records)
    assert summary["payable_commission"] == sum(
        each.commission_amount for each in records if each.payable and each.payee_type != "house"
    )


def test_unchanged_days_are_answered_by_their_sums_and_changed_ones_by_their_records(world):
    refresh_daily_credit()
    DailyCredit.objects.update(revenue=0)
    by_sums, _, _ = answers(PERIODS["whole days"])
    assert by_sums["summary"]["attributed_revenue"] == 0
    AttributionRecordFactory(model="linear", payable=False, occurred_at=START + 3 * DAY)
    by_records, _, _ = answers(PERIODS["whole days"])
    of_the_day = AttributionRecord.objects.filter(
        model="linear", currency="USD", occurred_at__gte=START + 3 * DAY, occurred_at__lt=START + 4 * DAY
    )
    assert by_records["summary"]["attributed_revenue"] == sum(each.revenue_attributed for each in of_the_day)


@pytest.mark.parametrize(
    ("statement", "revenue", "channels"),
    [
        (f"UPDATE {RECORDS} SET revenue_attributed = 7", 14, {"email", "chat"}),
        (f"UPDATE {RECORDS} SET channel = 'sms'", 30, {"sms"}),
        (f"UPDATE {RECORDS} SET occurred_at = '2025-12-31' WHERE channel = 'chat'", 10, {"email"}),
        (f"UPDATE {RECORDS} SET currency = 'EUR'", 0, set()),
        (f"DELETE FROM {RECORDS} WHERE channel = 'email'", 20, {"chat"}),
        (f"TRUNCATE {RECORDS}", 0, set()),
    ],
)
def test_records_changed_by_sql_are_in_the_report_at_once(db, statement, revenue, channels):
    for channel, amount in (("email", 10), ("chat", 20)):
        AttributionRecordFactory(model="linear", channel=channel, revenue_attributed=amount, occurred_at=START)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    answer, sources, by_model = answers(PERIODS["whole days"])
    assert answer["summary"]["attributed_revenue"] == revenue
    assert {row["channel"] for row in answer["by_channel"]} == {row.channel for row in sources} == channels
    assert set(by_model.get("linear", {})) == channels
    assert answer["config_versions"] == [1] * bool(channels)


def test_copied_records_are_in_the_report_at_once(db):
    AttributionRecordFactory(model="linear", revenue_attributed=10, occurred_at=START)
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {RECORDS} TO STDOUT") as out:
            copied = b"".join(bytes(part) for part in out)
        cursor.execute(f"DELETE FROM {RECORDS}")
        assert answers(PERIODS["whole days"])[0]["summary"]["attributed_revenue"] == 0
        with cursor.copy(f"COPY {RECORDS} FROM STDIN") as into:
            into.write(copied)
    assert answers(PERIODS["whole days"])[0]["summary"]["attributed_revenue"] == 10
