"""What a new result changes among the records that are stored: nothing is written that is already there."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg import sql

from attribution import store
from attribution.models import FROZEN, Adjustment

# What makes two records the same: all of their content, but not when or by which run they were made.
COMPARED = {
    "lead_id": pa.string(),
    "config_id": pa.int64(),
    "training_id": store.UUID,
    "payable": pa.bool_(),
    "credit": pa.decimal128(11, 10),
    "currency": pa.string(),
    "revenue_attributed": pa.decimal128(14, 2),
    "commission_amount": pa.decimal128(14, 2),
    "payee_type": pa.string(),
    "payee_id": pa.string(),
    "channel": pa.string(),
    "source": pa.string(),
    "campaign_id": pa.string(),
    "partner_id": pa.string(),
    "broker_id": pa.string(),
    "touched_at": store.TIME,
    "occurred_at": store.TIME,
    "conversion_type": pa.string(),
    "position": pa.int32(),
    "journey_length": pa.int32(),
}
STORED = pa.schema(
    {
        "id": store.UUID,
        "conversion_id": store.UUID,
        "model": pa.string(),
        "status": pa.string(),
        "payee_pinned": pa.bool_(),
        "adjusted": pa.bool_(),
        "settled": pa.bool_(),
        **COMPARED,
    }
)


# The columns that are no column of the table: money is what is left of it, a record's own with its adjustments.
_NET = {
    "adjusted": "a.record_id IS NOT NULL",
    # A person decided about this share, or about a neighbour of the same set.
    "settled": "(r.settlement_id IS NOT NULL OR coalesce(a.settled, false))",
    "credit": "(r.credit + coalesce(a.credit, 0))::text",
    "revenue_attributed": "(r.revenue_attributed + coalesce(a.revenue, 0))::text",
    "commission_amount": "(r.commission_amount + coalesce(a.commission, 0))::text",
}


@dataclass(frozen=True)
class Changes:
    """`insert`: records to store. `delete`: (k, 16) ids of records that make way. `disagreements`: one dict a
    conversion and model whose frozen records differ from the new result."""

    insert: pa.Table
    delete: NDArray[np.uint8]
    unchanged: int
    frozen: int
    disagreements: list[dict[str, object]]


def stored_records(
    within: store.Store, conversions: pa.Table, models: list[str], schema: pa.Schema = STORED
) -> pa.Table:
    """The records of these conversions under these models, as they stand: the columns of `schema`."""
    # Decimals come as text, which loses nothing.
    selected = [
        sql.SQL(_NET.get(field.name) or ("r.{}::text" if pa.types.is_decimal(field.type) else "r.{}")).format(
            sql.Identifier(field.name)
        )
        for field in schema
    ]
    as_text = pa.schema(
        [field.with_type(pa.string()) if pa.types.is_decimal(field.type) else field for field in schema]
    )
    query = sql.SQL(
        "SELECT {} FROM {} r LEFT JOIN (SELECT record_id, sum(revenue_amount) AS revenue,"
        " sum(commission_amount) AS commission, sum(credit) AS credit, bool_or(kind = 'settlement') AS settled"
        " FROM {} WHERE conversion_id = ANY({ids}::uuid[]) GROUP BY record_id) a"
        " ON a.record_id = r.id WHERE r.conversion_id = ANY({ids}::uuid[]) AND r.model = ANY({models})"
    ).format(
        sql.SQL(", ").join(selected),
        sql.Identifier(store.RECORDS),
        sql.Identifier(Adjustment._meta.db_table),
        ids=store.uuid_array(conversions["id"]),
        models=models,
    )
    return store.fetch(within, query, as_text).cast(schema)


def changes(new: pa.Table, stored: pa.Table) -> Changes:
    """Compare by id. A conversion and model with a frozen, adjusted or settled record is left alone as a whole, or its
    sums would break; how it differs is told instead, unless a person decided that it should: then nothing is proposed.
    A payee that was set by hand stays."""
    if not stored.num_rows:
        return Changes(new, np.zeros((0, 16), dtype=np.uint8), 0, 0, [])
    counterpart = pc.index_in(stored["id"], value_set=new["id"])
    matched = pc.is_valid(counterpart).to_numpy()
    new = with_pinned_payees(new, stored, counterpart)
    equal = matched.copy()
    equal[matched] = same(new.take(counterpart.drop_null()), stored.filter(matched))

    new_set, stored_set = _sets(new, stored)
    frozen = pc.is_in(stored["status"], value_set=pa.array(FROZEN))
    settled = stored["settled"].to_numpy()
    frozen_sets = np.unique(stored_set[pc.or_(frozen, stored["adjusted"]).to_numpy() | settled])
    stored_left, new_left = np.isin(stored_set, frozen_sets), np.isin(new_set, frozen_sets)
    decided = np.unique(stored_set[settled])
    new_told, stored_told = new_left & ~np.isin(new_set, decided), stored_left & ~np.isin(stored_set, decided)
    stands = np.zeros(new.num_rows, dtype=np.bool_)
    stands[counterpart.drop_null().to_numpy()] = equal[matched]
    delete = store.uuid_bytes(stored.filter(~equal & ~stored_left)["id"])
    return Changes(
        insert=new.filter(~stands & ~new_left),
        delete=delete,
        unchanged=int(np.count_nonzero(equal & ~stored_left)),
        frozen=int(np.count_nonzero(stored_left)),
        disagreements=_disagreements(new.filter(new_told & ~stands), stored.filter(stored_told & ~equal), new, stored),
    )


def same(new: pa.Table, stored: pa.Table, columns: Iterable[str] = COMPARED) -> NDArray[np.bool_]:
    """Row by row, whether all of these columns agree."""
    agree = np.ones(new.num_rows, dtype=np.bool_)
    for name in columns:
        ours, theirs = new[name], stored[name]
        equal = pc.fill_null(pc.equal(ours, theirs), False)
        both_null = pc.and_(pc.is_null(ours), pc.is_null(theirs))
        agree &= pc.or_(equal, both_null).to_numpy()
    return agree


def with_pinned_payees(new: pa.Table, stored: pa.Table, counterpart: pa.ChunkedArray) -> pa.Table:
    """`new` with the payees that were set by hand. counterpart: where in `new` each stored record is."""
    pinned = pc.and_(stored["payee_pinned"], pc.is_valid(counterpart))
    if not pc.any(pinned).as_py():
        return new
    keep = stored.filter(pinned)
    place = pc.index_in(new["id"], value_set=keep["id"])
    for name in ("payee_type", "payee_id", "payee_pinned"):
        column = pc.if_else(pc.is_valid(place), keep[name].take(place), new[name])
        new = new.set_column(new.schema.get_field_index(name), name, column)
    return new


def _sets(new: pa.Table, stored: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each row's (conversion, model), the same in both tables."""
    both = pa.concat_tables([table.select(["conversion_id", "model"]) for table in (new, stored)])
    conversion, model = (
        both[name].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        for name in ("conversion_id", "model")
    )
    number = conversion * 64 + model
    return number[: new.num_rows], number[new.num_rows :]


def _disagreements(
    new_differing: pa.Table, stored_differing: pa.Table, new: pa.Table, stored: pa.Table
) -> list[dict[str, object]]:
    """Per conversion and model with a difference: what each payee has, and would have."""
    keys = {
        (row["conversion_id"], row["model"])
        for table in (new_differing, stored_differing)
        for row in table.select(["conversion_id", "model"]).to_pylist()
    }
    return [
        {
            "conversion_id": conversion_id,
            "model": model,
            "stored": _by_payee(stored, conversion_id, model),
            "new": _by_payee(new, conversion_id, model),
        }
        for conversion_id, model in sorted(keys)
    ]


def _by_payee(records: pa.Table, conversion_id: bytes, model: str) -> dict[str, dict[str, str]]:
    mine = records.filter(pc.and_(pc.equal(records["conversion_id"], conversion_id), pc.equal(records["model"], model)))
    sums: dict[str, dict[str, Decimal]] = {}
    for row in mine.select(["payee_type", "payee_id", "revenue_attributed", "commission_amount"]).to_pylist():
        payee = sums.setdefault(
            f"{row['payee_type']}:{row['payee_id']}", {"revenue": Decimal(0), "commission": Decimal(0)}
        )
        payee["revenue"] += row["revenue_attributed"]
        payee["commission"] += row["commission_amount"]
    return {payee: {name: str(amount) for name, amount in amounts.items()} for payee, amounts in sums.items()}
