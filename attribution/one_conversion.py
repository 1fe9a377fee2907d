"""One conversion with its journey, as a batch of one: what a request waits for.

A batch reads by two statements and as Arrow, which costs a thousand conversions nothing and one most of its time. Here
it is one prepared statement, and what Arrow is still asked for is only to hold the columns.
"""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
from django.db import connection

from attribution.engine.journeys import CHANNEL_CODES, NEVER, Journeys
from attribution.reading import CONVERSIONS, PREVIOUS, REMAINING, TOUCHES, Batch
from touchpoints.operations import make_ready

MICROSECOND = dt.timedelta(microseconds=1)

LATEST = f"{REMAINING} WHERE lead_id = %(lead_id)s ORDER BY occurred_at DESC, id DESC LIMIT 1"
NAMED = f"{REMAINING} WHERE lead_id = %(lead_id)s AND id = %(id)s"
HYPOTHETICAL = """SELECT %(id)s::uuid AS id, %(lead_id)s::varchar AS lead_id, %(type)s::varchar AS type,
    %(currency)s::varchar AS currency, %(value)s::numeric AS value, %(commission)s::numeric AS commission_amount,
    %(occurred_at)s::timestamptz AS occurred_at"""


class Touch(NamedTuple):
    id: UUID
    timestamp: dt.datetime
    channel: str
    source: str | None
    campaign: str | None
    partner_id: str | None
    broker_id: str | None


class Found(NamedTuple):
    """The batch of one, its touches as plain rows, and what `beside` answered."""

    batch: Batch
    touches: list[Touch]
    beside: tuple[Any, ...]


def read(
    source: str, values: Mapping[str, object], *, beside: str, lookback_days: int, with_previous: bool
) -> Found | None:
    """The conversion that `source` (one of the above) finds, or None. `beside`: a query for one row, answered with it.
    The other two are as in `reading.read`."""
    make_ready()
    # Past Django's cursor, which would write each value into the text: planned anew each time, for every partition.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        statement = _statement(source, beside, with_previous)
        cursor.execute(statement, {**values, "lookback": dt.timedelta(days=lookback_days)}, prepare=True, binary=True)
        rows = cursor.fetchall()
    if not rows:
        return None
    conversion = rows[0][: len(CONVERSIONS)]
    until = len(CONVERSIONS) + len(Touch._fields)
    touches = [Touch._make(row[len(CONVERSIONS) : until]) for row in rows if row[len(CONVERSIONS)]]
    return Found(_batch(conversion, touches), touches, rows[0][until:])


@cache
def _statement(source: str, beside: str, with_previous: bool) -> str:
    previous = PREVIOUS if with_previous else "NULL::timestamptz"
    touch = ", ".join(f"t.{name}" for name in Touch._fields)
    return f"""WITH beside AS MATERIALIZED ({beside})
        SELECT c.id, c.lead_id, c.type, c.currency, (c.value * 100)::bigint,
        (coalesce(c.commission_amount, 0) * 100)::bigint, c.occurred_at, {previous}, {touch}, beside.*
        FROM ({source}) c CROSS JOIN beside LEFT JOIN touchpoints_touchpoint t ON t.lead_id = c.lead_id
        AND t.timestamp BETWEEN c.occurred_at - %(lookback)s::interval AND c.occurred_at ORDER BY t.timestamp, t.id"""


def _batch(conversion: tuple[Any, ...], touches: list[Touch]) -> Batch:
    conversion_id, *values, occurred_at, previous_at = conversion
    ages = np.array([(occurred_at - touch.timestamp) // MICROSECOND for touch in touches], dtype=np.int64)
    codes = np.array([CHANNEL_CODES[touch.channel] for touch in touches], dtype=np.int32)
    offsets = np.array([0, len(touches)], dtype=np.int64)
    since = NEVER if previous_at is None else (occurred_at - previous_at) // MICROSECOND
    epoch = dt.datetime.fromtimestamp(0, dt.UTC)
    return Batch(
        _table(CONVERSIONS, [(conversion_id.bytes, *values, occurred_at, previous_at)]),
        _table(TOUCHES, [(conversion_id.bytes, touch.id.bytes, *touch[1:]) for touch in touches]),
        Journeys(offsets, ages, codes),
        np.array([(occurred_at - epoch) // MICROSECOND], dtype=np.int64),
        np.array([since], dtype=np.int64),
    )


def _table(schema: pa.Schema, rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
