"""Journeys kept beside the records made from them, so that any record can be calculated again years later.

A kept journey speaks for all sets of records (a conversion's, under one model) from its own time until the time of
the next one: a set belongs to the newest journey that is not younger than the youngest record of the set. A set that
was stored before journeys were kept belongs to the oldest.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg import sql

from attribution import reading, store
from attribution.engine.parameters import Parameters
from attribution.models import FROZEN, Adjustment, KeptJourney, ModelConfig

JOURNEYS = KeptJourney._meta.db_table
CONTENT = {
    "conversion_type": pa.string(),
    "currency": pa.string(),
    "value_cents": pa.int64(),
    "commission_cents": pa.int64(),
    "occurred_at": store.TIME,
    "previous_at": store.TIME,
    "touches": pa.string(),
}
KEPT = pa.schema({"conversion_id": store.UUID, "calculated_at": store.TIME, **CONTENT})
_KEY = ["conversion_id", "calculated_at"]
_TICK = dt.timedelta(microseconds=1)
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
# Of a conversion, in the table of a batch and in that of kept journeys.
_CONVERSION = {
    "id": "conversion_id",
    "type": "conversion_type",
    "currency": "currency",
    "value_cents": "value_cents",
    "commission_cents": "commission_cents",
    "occurred_at": "occurred_at",
    "previous_at": "previous_at",
}


@dataclass(frozen=True)
class Reach:
    """How far back a journey that is to be kept must go: as far as any configuration looks, of any model."""

    lookback_days: int
    with_previous: bool


def reach() -> Reach:
    stored = [Parameters.from_json(each) for each in ModelConfig.objects.values_list("parameters", flat=True)]
    days = [day for each in stored for day in (each.lookback_days, *each.lookback_days_by_type.values())]
    return Reach(max(days, default=1), any(each.restart_after_conversion for each in stored))


@dataclass(frozen=True)
class Changes:
    """`insert`: table KEPT. `delete`: the (conversion, time) of journeys that make way."""

    insert: pa.Table
    delete: pa.Table


def newest(within: store.Store, conversions: pa.Table) -> pa.Table:
    """The newest journey kept of each of these conversions: table KEPT."""
    query = sql.SQL(
        "SELECT DISTINCT ON (conversion_id) {} FROM {} WHERE conversion_id = ANY({}::uuid[])"
        " ORDER BY conversion_id, calculated_at DESC"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, KEPT.names)),
        sql.Identifier(JOURNEYS),
        store.uuid_array(conversions["id"]),
    )
    return store.fetch(within, query, KEPT)


def _held(within: store.Store, kept: pa.Table, models: Sequence[str]) -> pa.Array:
    """(n,) whether records stand on these newest journeys that a calculation of these models will not touch."""
    query = sql.SQL(
        "SELECT conversion_id FROM (SELECT conversion_id, model, max(calculated_at) AS youngest,"
        " bool_or(status = ANY({frozen}) OR settlement_id IS NOT NULL"
        " OR EXISTS (SELECT FROM {adjustments} a WHERE a.record_id = r.id)) AS frozen"
        " FROM {records} r WHERE conversion_id = ANY({ids}::uuid[])"
        " GROUP BY conversion_id, model) made JOIN unnest({ids}::uuid[], {times}::timestamptz[]) AS kept (id, at)"
        " ON kept.id = conversion_id WHERE youngest >= kept.at AND (frozen OR model <> ALL({models}))"
    ).format(
        records=sql.Identifier(store.RECORDS),
        adjustments=sql.Identifier(Adjustment._meta.db_table),
        models=list(models),
        frozen=[str(status) for status in FROZEN],
        ids=store.uuid_array(kept["conversion_id"]),
        times=kept["calculated_at"].to_pylist(),
    )
    held = store.fetch(within, query, pa.schema({"conversion_id": store.UUID}))
    return pc.is_in(kept["conversion_id"], value_set=held["conversion_id"])


def not_before(at: dt.datetime, kept: pa.Table) -> dt.datetime:
    """`at`, or just after the newest of what is kept: another machine's clock may have been ahead."""
    latest = pc.max(kept["calculated_at"]).as_py()
    return at if latest is None or latest < at else latest + _TICK


def changes(
    batch: reading.Batch, kept: pa.Table, models: Sequence[str], *, within: store.Store, at: dt.datetime
) -> Changes:
    """What to write so that the batch's records can be calculated again. `kept` comes from `newest`.

    A journey that nobody else holds is overwritten in place, its time included: records that came out the same from
    the new one as from the old still find it.
    """
    new = _journeys(batch, at)
    if not kept.num_rows:
        return Changes(new, kept.select(_KEY))
    counterpart = pc.index_in(new["conversion_id"], value_set=kept["conversion_id"])
    differs = pc.invert(_same(new, kept.take(counterpart)))
    new, counterpart = new.filter(differs), counterpart.filter(differs)
    # A conversion that lost its last touch has nothing left to keep.
    emptied = pc.invert(pc.is_in(kept["conversion_id"], value_set=_with_touches(batch)["id"]))
    replaced = pc.is_in(kept["conversion_id"], value_set=new["conversion_id"])
    old = kept.filter(pc.or_(emptied, replaced))
    if old.num_rows:
        old = old.filter(pc.invert(_held(within, old, models)))
    overwritten = old["calculated_at"].take(pc.index_in(new["conversion_id"], value_set=old["conversion_id"]))
    times = pc.coalesce(overwritten, new["calculated_at"])
    return Changes(new.set_column(KEPT.get_field_index("calculated_at"), "calculated_at", times), old.select(_KEY))


def write(changes: Changes, *, within: store.Store) -> None:
    doomed = changes.delete
    if doomed.num_rows:
        within.count(
            sql.SQL(
                "WITH gone AS (DELETE FROM {} k USING unnest({}::uuid[], {}::timestamptz[]) AS old (id, at)"
                " WHERE k.conversion_id = old.id AND k.calculated_at = old.at RETURNING 1) SELECT count(*) FROM gone"
            ).format(
                sql.Identifier(JOURNEYS),
                store.uuid_array(doomed["conversion_id"]),
                doomed["calculated_at"].to_pylist(),
            )
        )
    if changes.insert.num_rows:
        within.insert(KeptJourney, changes.insert)


def _journeys(batch: reading.Batch, at: dt.datetime) -> pa.Table:
    """Table KEPT of the batch's conversions that have touches."""
    conversions = _with_touches(batch)
    columns = {there: conversions[here] for here, there in _CONVERSION.items()}
    columns["calculated_at"] = pa.repeat(pa.scalar(at, store.TIME), conversions.num_rows)
    columns["touches"] = _texts(batch.touches, batch.journeys.offsets).filter(batch.journeys.lengths > 0)
    return pa.table(columns).select(KEPT.names).combine_chunks()


def _with_touches(batch: reading.Batch) -> pa.Table:
    return batch.conversions.filter(batch.journeys.lengths > 0)


def _texts(touches: pa.Table, offsets: NDArray[np.int64]) -> pa.Array:
    """(n,) the JSON of each conversion's touches. No touch is handled on its own: only distinct texts are escaped."""
    one_each = pc.binary_join_element_wise(
        _quoted_ids(touches["id"]),
        touches["timestamp"].combine_chunks().cast(pa.int64()).cast(pa.string()),
        *(_escaped(touches[name]) for name in ("channel", "source", "campaign", "partner_id")),
        _escaped(touches["broker_id"], end="]"),
        ",",
    )
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), one_each)
    return pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")


def _quoted_ids(column: pa.ChunkedArray) -> pa.Array:
    """The beginning of each touch's list: its id, 32 digits without dashes."""
    ids = store.uuid_bytes(column)
    rows = np.empty((len(ids), 35), dtype=np.uint8)
    rows[:, 0], rows[:, 1], rows[:, 34] = b'["' + b'"'
    rows[:, 2:34:2], rows[:, 3:34:2] = _HEX[ids >> 4], _HEX[ids & 15]
    ends = np.arange(0, 35 * len(ids) + 1, 35, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(ends), pa.py_buffer(rows))


def _escaped(column: pa.ChunkedArray, end: str = "") -> pa.Array:
    encoded = column.combine_chunks().dictionary_encode()
    texts = [store.json_text(text) + end for text in encoded.dictionary.to_pylist()]
    place = pc.fill_null(encoded.indices, len(texts))
    return pa.array([*texts, f"null{end}"], pa.string()).take(place)


def _same(new: pa.Table, before: pa.Table) -> pa.ChunkedArray:
    """Row by row; no row before is not the same."""
    equal = pc.equal(new["touches"], before["touches"])
    for name in set(CONTENT) - {"touches"}:
        both_null = pc.and_(pc.is_null(new[name]), pc.is_null(before[name]))
        equal = pc.and_(equal, pc.or_(both_null, pc.fill_null(pc.equal(new[name], before[name]), False)))
    return pc.fill_null(equal, False)


def tables_of(kept: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Kept journeys as the tables CONVERSIONS and TOUCHES that they were made from; the lead is no part of them.
    The table of touches also says of which row of `kept` each is: `journey`."""
    conversions = pa.table(
        {here: kept[there] for here, there in _CONVERSION.items()} | {"lead_id": pa.nulls(kept.num_rows, pa.string())}
    )
    journeys = json.loads(f"[{','.join(kept['touches'].to_pylist())}]")
    lengths = np.array([len(journey) for journey in journeys], dtype=np.int64)
    place = np.repeat(np.arange(kept.num_rows), lengths)
    columns = list(zip(*(touch for journey in journeys for touch in journey), strict=True)) or [()] * 7
    ids = np.frombuffer(bytes.fromhex("".join(columns[0])), dtype=np.uint8).reshape(-1, 16)
    texts = dict(zip(("channel", "source", "campaign", "partner_id", "broker_id"), columns[2:], strict=True))
    touches = {
        "conversion_id": conversions["id"].take(pa.array(place)),
        "id": store.uuid_column(ids),
        "timestamp": pa.array(columns[1], pa.int64()).cast(store.TIME),
        **{name: pa.array(values, pa.string()) for name, values in texts.items()},
    }
    return (
        conversions.select(reading.CONVERSIONS.names),
        pa.table(touches).select(reading.TOUCHES.names).append_column("journey", pa.array(place)),
    )


def batch_of(kept: pa.Table) -> reading.Batch:
    """Kept journeys, at most one a conversion, as the calculation knew them."""
    conversions, touches = tables_of(kept)
    return reading.batch_of(conversions, touches.drop_columns(["journey"]))


def of_conversions(within: store.Store, ids: Sequence[str]) -> pa.Table:
    """All journeys kept of these conversions, in order of conversion and time."""
    query = sql.SQL(
        "SELECT {} FROM {} WHERE conversion_id = ANY({}::uuid[]) ORDER BY conversion_id, calculated_at"
    ).format(sql.SQL(", ").join(map(sql.Identifier, KEPT.names)), sql.Identifier(JOURNEYS), list(ids))
    return store.fetch(within, query, KEPT)
