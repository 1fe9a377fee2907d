"""Stored records calculated again, each set (a conversion's, under one model) from its kept journey, under the very
configuration and training that its records name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attribution import differences, kept, reading, records, store

# Who the lead was may have been erased, and what was payable is no outcome of the arithmetic.
REPLAYED = [name for name in differences.COMPARED if name not in {"lead_id", "payable"}]
STORED = pa.schema([*differences.STORED, pa.field("calculated_at", store.TIME)])
# What a difference tells of each side; all compared columns decide.
TOLD = ("credit", "revenue_attributed", "commission_amount", "payee_type", "payee_id", "position", "journey_length")
CREDITS_OFF = Decimal("1E-9")
# As long ago as makes no difference: the version is the one to apply, whenever the conversion occurred.
_ALWAYS = -(2**62)

# The version for a model, configuration and training, or None where they don't belong together.
Versions = Callable[[str, int, UUID | None], records.Version | None]


@dataclass
class Outcome:
    """Records that were checked, those that could not be for want of a journey, and those of sets that a person
    settled: of these only the credits' sum is checked."""

    checked: int = 0
    without_journey: int = 0
    settled: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Sets:
    """s sets: `of_record` (k,) which one each stored record belongs to, `first` (s,) a record of each, `journey` (s,)
    its row among the kept journeys or -1."""

    of_record: NDArray[np.int64]
    first: NDArray[np.int64]
    journey: NDArray[np.int64]


def replay(stored: pa.Table, journeys: pa.Table, versions: Versions) -> Outcome:
    """stored: table STORED, all records of some conversions and models. journeys: all that is kept of those."""
    stored, by_hand = _parted(stored.combine_chunks(), journeys)
    sets = _sets(stored, journeys)
    missing = sets.journey[sets.of_record] < 0
    outcome = Outcome(int(np.count_nonzero(~missing)), int(np.count_nonzero(missing)), by_hand.num_rows)
    outcome.differences += _unbalanced(by_hand)
    conversions, touches = kept.tables_of(journeys)
    for key, members in _by_version(stored, sets):
        mine = stored.filter(np.isin(sets.of_record, members))
        version = versions(*key)
        if version is None:
            outcome.differences += [_told("unknown configuration or training", each, None) for each in _rows(mine)]
            continue
        batch = _batch(conversions, touches, sets.journey[members])
        version = records.Version(version.config_id, version.number, _ALWAYS, version.parameters, version.trained)
        rules = records.Rules({key[0]: [version]}, [])
        new = records.records_of(batch, rules, run_id=None, calculated_at=None)
        outcome.differences += _compared(new, mine)
    return outcome


def _parted(stored: pa.Table, journeys: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The sets that a rule made, and those that a person settled."""
    sets = _sets(stored, journeys).of_record
    settled = np.isin(sets, sets[stored["settled"].to_numpy()])
    return stored.filter(~settled), stored.filter(settled)


def _unbalanced(settled: pa.Table) -> list[dict[str, Any]]:
    """The credits of a settled set sum to 1, as those of any other."""
    sums = settled.group_by(["conversion_id", "model"]).aggregate([("credit", "sum"), ("id", "min")]).to_pylist()
    off = [row for row in sums if abs(row["credit_sum"] - 1) > CREDITS_OFF]
    return [
        {
            "what": "settled credits",
            "record": str(UUID(bytes=row["id_min"])),
            "conversion": str(UUID(bytes=row["conversion_id"])),
            "model": row["model"],
            "credit": str(row["credit_sum"]),
        }
        for row in off
    ]


def belonging(stored: pa.Table, journeys: pa.Table) -> pa.Table:
    """Of the journeys kept of one conversion the row that a set of its records was made from."""
    return journeys.slice(int(_sets(stored.combine_chunks(), journeys).journey[0]), 1)


def _sets(stored: pa.Table, journeys: pa.Table) -> _Sets:
    conversion = _numbered(pc.index_in(stored["conversion_id"], value_set=pc.unique(stored["conversion_id"])))
    model = _numbered(stored["model"].combine_chunks().dictionary_encode().indices)
    _, first, of_record = np.unique(conversion * 64 + model, return_index=True, return_inverse=True)
    youngest = np.full(first.size, _ALWAYS, dtype=np.int64)
    np.maximum.at(youngest, of_record, stored["calculated_at"].cast(pa.int64()).to_numpy())
    return _Sets(of_record, first, _journey_of(stored["conversion_id"].take(first), youngest, journeys))


def _journey_of(conversion_ids: pa.ChunkedArray, youngest: NDArray[np.int64], journeys: pa.Table) -> NDArray[np.int64]:
    """See the head of `kept`. journeys: in order of conversion and time."""
    place = _numbered(pc.index_in(conversion_ids, value_set=journeys["conversion_id"]))
    times = journeys["calculated_at"].cast(pa.int64()).to_numpy()
    number = _numbered(journeys["conversion_id"].combine_chunks().dictionary_encode().indices)
    several = np.bincount(number, minlength=1) > 1
    for each in np.flatnonzero((place >= 0) & several[number[place]] if number.size else []):
        begin, end = np.searchsorted(number, [number[place[each]], number[place[each]] + 1])
        place[each] = max(begin + np.searchsorted(times[begin:end], youngest[each], side="right") - 1, begin)
    return place


def _numbered(column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    return np.array(pc.fill_null(column.cast(pa.int64()), -1).to_numpy(), dtype=np.int64)


def _by_version(stored: pa.Table, sets: _Sets) -> Iterator[tuple[tuple[str, int, UUID | None], NDArray[np.int64]]]:
    """(model, configuration, training) and the sets, by number, that have a journey and name these."""
    firsts = stored.select(["model", "config_id", "training_id"]).take(sets.first).to_pylist()
    groups: dict[tuple[str, int, bytes | None], list[int]] = {}
    for number, row in enumerate(firsts):
        if sets.journey[number] >= 0:
            groups.setdefault((row["model"], row["config_id"], row["training_id"]), []).append(number)
    for (model, config_id, training_id), members in groups.items():
        training = None if training_id is None else UUID(bytes=training_id)
        yield (model, config_id, training), np.array(members, dtype=np.int64)


def _batch(conversions: pa.Table, touches: pa.Table, rows: NDArray[np.int64]) -> reading.Batch:
    """The journeys of these rows; each is of another conversion."""
    chosen = np.zeros(conversions.num_rows, dtype=np.bool_)
    chosen[rows] = True
    theirs = touches.filter(chosen[touches["journey"].to_numpy()])
    return reading.batch_of(conversions.filter(chosen), theirs.drop_columns(["journey"]))


def _compared(new: pa.Table, stored: pa.Table) -> list[dict[str, Any]]:
    counterpart = pc.index_in(stored["id"], value_set=new["id"])
    found = pc.is_valid(counterpart).to_numpy(zero_copy_only=False)
    new = differences.with_pinned_payees(new, stored, counterpart)
    pairs = new.take(counterpart.drop_null()), stored.filter(found)
    differs = ~differences.same(*pairs, REPLAYED)
    differing = [_rows(each.filter(differs)) for each in pairs]
    missing = pc.invert(pc.is_in(new["id"], value_set=stored["id"]))
    return [
        *(_told("differs", ours, theirs) for theirs, ours in zip(*differing, strict=True)),
        *(_told("superfluous", each, None) for each in _rows(stored.filter(~found))),
        *(_told("missing", None, each) for each in _rows(new.filter(missing))),
    ]


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    return table.to_pylist() if table.num_rows else []


def _told(what: str, stored: dict[str, Any] | None, replayed: dict[str, Any] | None) -> dict[str, Any]:
    """One difference, as JSON can hold it."""
    named: dict[str, Any] = stored or replayed or {}
    differing = [] if not (stored and replayed) else [name for name in REPLAYED if stored[name] != replayed[name]]
    return {
        "what": what,
        "record": str(UUID(bytes=named["id"])),
        "conversion": str(UUID(bytes=named["conversion_id"])),
        "model": named["model"],
        "fields": differing,
        "stored": _few(stored),
        "replayed": _few(replayed),
    }


def _few(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {name: _plain(row[name]) for name in TOLD}


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else str(value)
