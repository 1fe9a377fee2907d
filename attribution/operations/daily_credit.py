"""Keep the sums of records by day true."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction

from attribution.models import AttributionRecord, ChangedDay, DailyCredit
from attribution.models.daily import DAY, KEY, SUMS, net_rows_of
from conversions.daily_touches import refresh_all

RECORDS = AttributionRecord._meta.db_table
DAILY = DailyCredit._meta.db_table
CHANGED = ChangedDay._meta.db_table
# Days that are summed up in one transaction.
DAYS_AT_ONCE = 31
_COLUMNS = ", ".join(("day", *KEY))
_SUMMED = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
_THESE = "model = %(model)s AND day = ANY(%(days)s)"
_OF_THE_DAY = (
    "r.model = %(model)s AND r.occurred_at >= these.day::timestamp AT TIME ZONE 'UTC'"
    " AND r.occurred_at < (these.day + 1)::timestamp AT TIME ZONE 'UTC'"
)
_SINCE = "(%(since)s::date IS NULL OR r.occurred_at >= %(since)s::timestamp AT TIME ZONE 'UTC')"

# One at a time. Readers and writers of records don't notice.
LOCK = f"LOCK TABLE {DAILY} IN SHARE UPDATE EXCLUSIVE MODE"
NEXT_DAYS = f"""
    SELECT model, array_agg(day ORDER BY day) FROM (
        SELECT model, day, row_number() OVER (PARTITION BY model ORDER BY day) AS place
        FROM (SELECT DISTINCT model, day FROM {CHANGED}) changed
    ) ranked
    WHERE place <= {DAYS_AT_ONCE} GROUP BY model ORDER BY model LIMIT 1"""
SUM_UP = f"""
    INSERT INTO {DAILY} ({_COLUMNS}, {", ".join(SUMS)})
    SELECT {_COLUMNS}, {_SUMMED} FROM (
        SELECT day_rows.* FROM unnest(%(days)s::date[]) these (day),
        LATERAL ({net_rows_of(_OF_THE_DAY)}) day_rows
    ) rows
    GROUP BY {_COLUMNS}"""
DIFFERENCES = f"""
    WITH valid AS (
        SELECT {_COLUMNS}, {", ".join(SUMS)} FROM {DAILY} WHERE %(since)s::date IS NULL OR day >= %(since)s
        UNION ALL
        SELECT {_COLUMNS}, {", ".join(f"-{name}" for name in SUMS)} FROM ({net_rows_of(_SINCE)}) rows
    ), differing AS (
        SELECT model, day, {_SUMMED} FROM valid v
        WHERE NOT EXISTS (SELECT FROM {CHANGED} c WHERE c.model = v.model AND c.day = v.day)
        GROUP BY {_COLUMNS} HAVING {" OR ".join(f"sum({name}) <> 0" for name in SUMS)}
    )
    SELECT model, day, count(*), sum(records)::bigint, sum(revenue), sum(commission)
    FROM differing GROUP BY model, day ORDER BY model, day"""


class Difference(NamedTuple):
    """How far the sums of one day are from its records: positive where the sums say more."""

    model: str
    day: dt.date
    sums: int
    records: int
    revenue: Decimal
    commission: Decimal


def refresh_daily_credit() -> int:
    """Sum up the days that changed, some at a time. How many.

    What others write meanwhile is not among the records that are seen, and neither is their note that the day
    changed: it stays, and the day with it, for the next time.
    """
    return refresh_all(_refresh_some, tables=(DAILY, CHANGED))


def _refresh_some() -> int:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # The moment that is seen begins with the statement after it.
        cursor.execute(LOCK)
        cursor.execute(NEXT_DAYS)
        found: tuple[str, list[dt.date]] | None = cursor.fetchone()
        if found is None:
            return 0
        these: dict[str, Any] = {"model": found[0], "days": found[1]}
        cursor.execute(f"DELETE FROM {DAILY} WHERE {_THESE}", these)
        cursor.execute(SUM_UP, these)
        cursor.execute(f"DELETE FROM {CHANGED} WHERE {_THESE}", these)
    return len(found[1])


def mark_changed(*, model_names: Sequence[str] | None = None) -> None:
    """Have all days summed up anew, or those of these models: to mend sums that were damaged from outside."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {CHANGED} (model, day)
                SELECT model, day FROM (
                    SELECT model, day FROM {DAILY} UNION SELECT model, {DAY} FROM {RECORDS}
                ) every
                WHERE %(models)s::text[] IS NULL OR model = ANY(%(models)s)""",
            {"models": None if model_names is None else list(model_names)},
        )


def daily_credit_differences(*, since: dt.date | None = None) -> list[Difference]:
    """The days from `since` on whose sums are said to be valid and are not those of their records."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, {"since": since})
        return [Difference._make(row) for row in cursor.fetchall()]
