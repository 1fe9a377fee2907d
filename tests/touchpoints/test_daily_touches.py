"""Counts by day are those of the touches, or the day is said to have changed."""

import datetime as dt
import threading

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from tests.factories import TouchpointFactory
from touchpoints.daily_touches import refresh_daily_touches
from touchpoints.models import ChangedDay, DailyTouches, Touchpoint

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
