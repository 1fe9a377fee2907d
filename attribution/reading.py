"""Reads conversions with the touches before them, and turns them into journeys for the engine.

The same statements serve a shard of a batch and one stored conversion: what differs is the source of the
conversions. What a request tries out goes by `one_conversion`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg import sql

from attribution import store
from attribution.engine.journeys import NEVER, Journeys
from attribution.engine.parameters import CHANNELS
from conversions.models import LEAD_BUCKETS

# Touches that are held at once, give or take one journey.
CHUNK = 250_000

CONVERSIONS = pa.schema(
    {
        "id": store.UUID,
        "lead_id": pa.string(),
        "type": pa.string(),
        "currency": pa.string(),
        "value_cents": pa.int64(),
        "commission_cents": pa.int64(),
        "occurred_at": store.TIME,
        "previous_at": store.TIME,
    }
)
TOUCHES = pa.schema(
    {
        "conversion_id": store.UUID,
        "id": store.UUID,
        "timestamp": store.TIME,
        "channel": pa.string(),
        "source": pa.string(),
        "campaign": pa.string(),
        "partner_id": pa.string(),
        "broker_id": pa.string(),
    }
)


# A conversion with what its reversals left of it.
REMAINING = """SELECT id, lead_id, type, currency, value - reversed_amount AS value,
    commission_amount - reversed_commission AS commission_amount, occurred_at FROM conversions_conversion"""
# When the lead of a conversion `c` converted before.
PREVIOUS = """(SELECT max(p.occurred_at) FROM conversions_conversion p WHERE p.lead_id = c.lead_id
    AND p.occurred_at <= c.occurred_at AND (p.occurred_at, p.id) < (c.occurred_at, c.id))"""


@dataclass(frozen=True)
class Selection:
    """Which stored conversions: all that fit every given condition, each with what its reversals left of it.
    `buckets` are inclusive bounds."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None
    lead_ids: Sequence[str] | None = None
    conversion_ids: Sequence[UUID] | None = None
    buckets: tuple[int, int] | None = None

    def source(self) -> sql.Composable:
        conditions = list(self._conditions())
        where = sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
        return sql.SQL(REMAINING + " WHERE {}").format(where)

    def _conditions(self) -> Iterator[sql.Composable]:
        if self.start is not None:
            yield sql.SQL("occurred_at >= {}").format(self.start)
        if self.end is not None:
            yield sql.SQL("occurred_at < {}").format(self.end)
        if self.lead_ids is not None:
            yield sql.SQL("lead_id = ANY({})").format(list(self.lead_ids))
        if self.conversion_ids is not None:
            yield sql.SQL("id = ANY({}::uuid[])").format([str(each) for each in self.conversion_ids])
        if self.buckets:
            bucket = sql.SQL(f"(hashtextextended(lead_id, 0) & {LEAD_BUCKETS - 1})")
            yield sql.SQL("{} BETWEEN {} AND {}").format(bucket, *self.buckets)


@dataclass(frozen=True)
class Batch:
    """n conversions with their journeys: m touches in all, in the order of the conversions, then of time.

    conversions: table CONVERSIONS. touches: table TOUCHES. journeys: all touches up to the widest lookback,
    before any model's path rules.
    """

    conversions: pa.Table
    touches: pa.Table
    journeys: Journeys
    occurred_at: NDArray[np.int64]
    since_previous: NDArray[np.int64]


def read(source: Selection, *, within: store.Store, lookback_days: int, with_previous: bool) -> Iterator[Batch]:
    """The selected conversions, in batches of about CHUNK touches; none is cut in two.

    lookback_days: the widest of the configurations that will be applied. with_previous: whether one of them
    restarts journeys after the lead's conversion before.
    """
    conversions = store.fetch(within, _conversions_query(source, with_previous), CONVERSIONS)
    if not conversions.num_rows:
        return
    done, pending = 0, TOUCHES.empty_table()
    for part in within.stream(_touches_query(source, conversions, lookback_days), TOUCHES):
        pending = pa.concat_tables([pending, part])
        if pending.num_rows >= CHUNK:
            # The last journey may go on in the next part.
            last = pending["conversion_id"][-1]
            upto = pc.index(conversions["id"], last).as_py()
            cut = pc.index(pending["conversion_id"], last).as_py()
            if cut and upto >= 0:
                yield batch_of(conversions.slice(done, upto - done), pending.slice(0, cut))
                done, pending = upto, pending.slice(cut)
    yield batch_of(conversions.slice(done), pending)


def _conversions_query(source: Selection, with_previous: bool) -> sql.Composable:
    return sql.SQL(
        "SELECT c.id, c.lead_id, c.type, c.currency, (c.value * 100)::bigint,"
        " (coalesce(c.commission_amount, 0) * 100)::bigint, c.occurred_at, {} FROM ({}) c ORDER BY c.id"
    ).format(sql.SQL(PREVIOUS if with_previous else "NULL::timestamptz"), source.source())


def _touches_query(source: Selection, conversions: pa.Table, lookback_days: int) -> sql.Composable:
    """The bounds over all are for the planner: partitions of other months are not even opened."""
    bounds = pc.min_max(conversions["occurred_at"]).as_py()
    lookback = dt.timedelta(days=lookback_days)
    return sql.SQL(
        "SELECT c.id, t.id, t.timestamp, t.channel, t.source, t.campaign, t.partner_id, t.broker_id"
        " FROM ({}) c JOIN touchpoints_touchpoint t ON t.lead_id = c.lead_id"
        " AND t.timestamp BETWEEN c.occurred_at - {} AND c.occurred_at"
        " WHERE t.timestamp BETWEEN {} AND {} ORDER BY c.id, t.timestamp, t.id"
    ).format(source.source(), lookback, bounds["min"] - lookback, bounds["max"])


def batch_of(conversions: pa.Table, touches: pa.Table) -> Batch:
    """The touches, in the order of their conversions and of time, as journeys."""
    conversions = conversions.combine_chunks()
    place = pc.index_in(touches["conversion_id"], value_set=conversions["id"])
    # A conversion that came between the two statements waits for the next calculation.
    touches = touches.filter(pc.is_valid(place)).combine_chunks()
    place = place.drop_null().to_numpy()
    occurred_at = _microseconds(conversions["occurred_at"])
    offsets = np.searchsorted(place, np.arange(conversions.num_rows + 1)).astype(np.int64)
    ages = occurred_at[place] - _microseconds(touches["timestamp"])
    # The column's CHECK lets no channel in that the engine does not know.
    codes = pc.index_in(touches["channel"], value_set=pa.array(CHANNELS)).to_numpy().astype(np.int32)
    previous = conversions["previous_at"]
    since = occurred_at - _microseconds(pc.fill_null(previous, dt.datetime(1970, 1, 1, tzinfo=dt.UTC)))
    since[pc.is_null(previous).to_numpy(zero_copy_only=False)] = NEVER
    return Batch(conversions, touches, Journeys(offsets, ages, codes), occurred_at, since)


def _microseconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.array(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
