"""Counts by day are those of the touches, or the day is said to have changed."""

import datetime as dt
import threading

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from conversions.daily_touches import count_recent_again, refresh_daily_touches
from conversions.models import Conversion, DailyTouches
from tests.factories import ConversionFactory, TouchpointFactory
from touchpoints.models import ChangedDay, Touchpoint

pytestmark = pytest.mark.django_db(transaction=True)

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
TABLE = Touchpoint._meta.db_table


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def counts():
    return list(DailyTouches.objects.order_by("day", "channel").values_list("day", "channel", "touches"))


def changed():
    return set(ChangedDay.objects.values_list("day", flat=True))


@pytest.fixture
def january():
    """Touches of three days in two months; some share a key."""
    for hours in (-1, 0, 1, 2, 30):
        TouchpointFactory(timestamp=NEW_YEAR + hours * HOUR, channel="email" if hours else "chat", campaign=None)
    refresh_daily_touches()


def test_touches_are_counted_by_day_of_utc_and_key(january):
    assert changed() == set()
    assert counts() == [
        (dt.date(2025, 12, 31), "email", 1),
        (dt.date(2026, 1, 1), "chat", 1),
        (dt.date(2026, 1, 1), "email", 2),
        (dt.date(2026, 1, 2), "email", 1),
    ]


@pytest.mark.parametrize(
    ("statement", "days", "left"),
    [
        (f"DELETE FROM {TABLE} WHERE channel = 'chat'", {1}, 4),
        (f"UPDATE {TABLE} SET campaign = 'autumn' WHERE channel = 'chat'", {1}, 5),
        (f"UPDATE {TABLE} SET timestamp = timestamp + interval '1 day' WHERE channel = 'chat'", {1, 2}, 5),
        (
            f"INSERT INTO {TABLE} (id, lead_id, channel, timestamp) VALUES (uuidv7(), 'a', 'email', '2026-01-05Z')",
            {5},
            6,
        ),
        (f"TRUNCATE {TABLE}", {31, 1, 2}, 0),
    ],
)
def test_whatever_statement_writes_touches_says_which_days_changed(january, statement, days, left):
    run(statement)
    assert {day.day for day in changed()} == days
    refresh_daily_touches()
    assert changed() == set()
    assert (DailyTouches.objects.aggregate(n=Sum("touches"))["n"] or 0) == Touchpoint.objects.count() == left


def test_what_is_written_while_days_are_counted_stays_changed(january):
    inside, go_on = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            TouchpointFactory(timestamp=NEW_YEAR)
            inside.set()
            go_on.wait(10)
        connection.close()

    TouchpointFactory(timestamp=NEW_YEAR)
    writer = threading.Thread(target=write)
    writer.start()
    assert inside.wait(10)
    refresh_daily_touches()
    assert changed() == set()
    go_on.set()
    writer.join()
    assert changed() == {NEW_YEAR.date()}
    refresh_daily_touches()
    assert DailyTouches.objects.aggregate(n=Sum("touches"))["n"] == 7


def converting():
    return {day: n for day, n in DailyTouches.objects.values_list("day").annotate(n=Sum("converting")) if n}


def test_a_conversion_changes_the_days_of_its_leads_touches_and_makes_them_converting(january):
    days = dt.timedelta(days=1)
    for before in (0, 3, 89, 90, 91):
        TouchpointFactory(lead_id="lead-7", timestamp=NEW_YEAR + 100 * days - before * days)
    TouchpointFactory(lead_id="lead-7", timestamp=NEW_YEAR + 101 * days)
    refresh_daily_touches()
    conversion = ConversionFactory(lead_id="lead-7", occurred_at=NEW_YEAR + 100 * days)
    of_the_lead = {(NEW_YEAR + (100 - before) * days).date() for before in (0, 3, 89, 90, 91)}
    assert changed() == of_the_lead
    refresh_daily_touches()
    assert sum(converting().values()) == 4
    Conversion.objects.filter(pk=conversion.pk).update(value=1)
    assert changed() == set()
    Conversion.objects.filter(pk=conversion.pk).update(lead_id="lead-8")
    refresh_daily_touches()
    assert converting() == {}


def test_another_window_has_everything_counted_again(january, settings):
    touch = TouchpointFactory(timestamp=NEW_YEAR)
    ConversionFactory(lead_id=touch.lead_id, occurred_at=NEW_YEAR + dt.timedelta(days=100))
    refresh_daily_touches()
    assert converting() == {}
    settings.CONVERTED_WITHIN_DAYS = 120
    refresh_daily_touches()
    assert converting() == {NEW_YEAR.date(): 1}


def test_recent_days_are_counted_again_each_night():
    touch = TouchpointFactory()
    ConversionFactory(lead_id=touch.lead_id)
    refresh_daily_touches()
    DailyTouches.objects.update(touches=7)
    count_recent_again()
    refresh_daily_touches()
    assert counts()[0][2] == 1
