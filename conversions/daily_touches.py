"""Counts of touches by day, and of those that a conversion followed, as reports read them.

Whoever writes touches or conversions has the database note which days changed; those are counted again soon after, and
until then a reader takes the touches themselves. See `attribution.operations.daily_credit` for the same of records.
"""

import datetime as dt
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from conversions.models import Conversion, DailyTouches
from touchpoints.models import ChangedDay, Touchpoint, converted_within

TOUCHPOINTS = Touchpoint._meta.db_table
CONVERSIONS = Conversion._meta.db_table
DAILY = DailyTouches._meta.db_table
CHANGED = ChangedDay._meta.db_table
DAYS_AT_ONCE = 31
KEY = "channel, campaign, partner_id, broker_id"
RECENT = dt.timedelta(days=120)
LOCK = f"LOCK TABLE {DAILY} IN SHARE UPDATE EXCLUSIVE MODE"
NEXT_DAYS = f"SELECT DISTINCT day FROM {CHANGED} ORDER BY day LIMIT {DAYS_AT_ONCE}"


def rows_of(source: str) -> str:
    """SQL that counts each touch of a FROM clause, which calls them t: once, and once more where it converted.

    Parameters: window_hours, and start and last_conversion, between which its conversions are.
    """
    # Two passes: only so does the planner join by hash. In hours, as adding days means working out the calendar.
    return f"""
        SELECT (t.timestamp AT TIME ZONE 'UTC')::date AS day, {KEY}, 1 AS touches, 0 AS converting {source}
        UNION ALL
        SELECT (t.timestamp AT TIME ZONE 'UTC')::date, {KEY}, 0, 1 {source} AND EXISTS (
            SELECT FROM {CONVERSIONS} c
            WHERE c.lead_id = t.lead_id AND c.occurred_at >= t.timestamp
              AND c.occurred_at <= t.timestamp + make_interval(hours => %(window_hours)s)
              AND c.occurred_at >= %(start)s AND c.occurred_at < %(last_conversion)s)"""


OF_DAYS = f"""FROM unnest(%(days)s::date[]) these (day) JOIN {TOUCHPOINTS} t
    ON t.timestamp >= these.day::timestamp AT TIME ZONE 'UTC'
    AND t.timestamp < (these.day + 1)::timestamp AT TIME ZONE 'UTC'
    WHERE t.timestamp >= %(start)s AND t.timestamp < %(end)s"""
COUNT_UP = f"""
    INSERT INTO {DAILY} (day, {KEY}, touches, converting, within_days)
    SELECT day, {KEY}, sum(touches), sum(converting), %(within_days)s FROM ({rows_of(OF_DAYS)}) rows
    GROUP BY day, {KEY}"""


def window(start: dt.datetime, end: dt.datetime) -> dict[str, object]:
    """The parameters of `rows_of` for the touches of a time."""
    within = converted_within()
    return {"start": start, "last_conversion": end + within, "window_hours": within // dt.timedelta(hours=1)}


def refresh_daily_touches() -> int:
    """Count the touches of the days that changed, some at a time. How many days."""
    with connection.cursor() as cursor:
        # Counted when CONVERTED_WITHIN_DAYS was another.
        cursor.execute(
            f"INSERT INTO {CHANGED} (day) SELECT DISTINCT day FROM {DAILY} WHERE within_days <> %s",
            [settings.CONVERTED_WITHIN_DAYS],
        )
    return refresh_all(_refresh_some, tables=(DAILY, CHANGED))


def refresh_all(refresh_some: Callable[[], int], *, tables: Sequence[str]) -> int:
    """Make the days of a table of sums again, some at a time, until none is noted as changed. How many."""
    refreshed = 0
    while days := refresh_some():
        refreshed += days
    if refreshed:
        # By old statistics a report might read rows in place of their sums, or join them the slow way.
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(tables)}")
    return refreshed


def _refresh_some() -> int:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # The moment that is seen begins with the statement after it.
        cursor.execute(LOCK)
        cursor.execute(NEXT_DAYS)
        days = [day for (day,) in cursor.fetchall()]
        if days:
            start, end = _midnight(days[0]), _midnight(days[-1] + dt.timedelta(days=1))
            these = {"days": days, "end": end, "within_days": settings.CONVERTED_WITHIN_DAYS, **window(start, end)}
            cursor.execute(f"DELETE FROM {DAILY} WHERE day = ANY(%(days)s)", these)
            cursor.execute(COUNT_UP, these)
            cursor.execute(f"DELETE FROM {CHANGED} WHERE day = ANY(%(days)s)", these)
    return len(days)


def count_recent_again() -> None:
    """Have the days of the last months counted anew.

    A touch and the conversion that follows it, written at the very same time, don't see each other: the day is counted
    right with whichever comes next, or with this.
    """
    since = (timezone.now() - RECENT).date()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {CHANGED} (day) SELECT DISTINCT day FROM {DAILY} WHERE day >= %s", [since])


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
