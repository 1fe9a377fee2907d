"""Counts of touches by day, as reports read them: those of days that changed are made again soon after.

The same way as the sums of records, see `attribution.operations.daily_credit`.
"""

import datetime as dt

from django.db import connection, transaction

DAYS_AT_ONCE = 31
KEY = "channel, campaign, partner_id, broker_id"
DAY = "(timestamp AT TIME ZONE 'UTC')::date"
LOCK = "LOCK TABLE touchpoints_dailytouches IN SHARE UPDATE EXCLUSIVE MODE"
NEXT_DAYS = f"SELECT DISTINCT day FROM touchpoints_changedday ORDER BY day LIMIT {DAYS_AT_ONCE}"
COUNT_UP = f"""
    INSERT INTO touchpoints_dailytouches (day, {KEY}, touches)
    SELECT these.day, {KEY}, count(*) FROM unnest(%(days)s::date[]) these (day)
    JOIN touchpoints_touchpoint ON timestamp >= these.day::timestamp AT TIME ZONE 'UTC'
        AND timestamp < (these.day + 1)::timestamp AT TIME ZONE 'UTC'
        AND timestamp >= %(first)s AND timestamp < %(end)s
    GROUP BY these.day, {KEY}"""


def refresh_daily_touches() -> int:
    """Count the touches of the days that changed, some at a time. How many days."""
    refreshed = 0
    while days := _refresh_some():
        refreshed += days
    return refreshed


def _refresh_some() -> int:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # The moment that is seen begins with the statement after it.
        cursor.execute(LOCK)
        cursor.execute(NEXT_DAYS)
        days = [day for (day,) in cursor.fetchall()]
        if days:
            # The bounds over all let the planner leave other months' partitions alone.
            first, end = _midnight(days[0]), _midnight(days[-1] + dt.timedelta(days=1))
            these = {"days": days, "first": first, "end": end}
            cursor.execute("DELETE FROM touchpoints_dailytouches WHERE day = ANY(%(days)s)", these)
            cursor.execute(COUNT_UP, these)
            cursor.execute("DELETE FROM touchpoints_changedday WHERE day = ANY(%(days)s)", these)
    return len(days)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
