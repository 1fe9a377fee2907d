"""From stored touches and conversions to what the data-driven model learns of them: paths, then effects.

A journey belongs to the window in which it ends: one that converted ends with its conversion, one that did not (yet)
with the lead's last touch. Touches after the lead's last conversion make the journey that did not convert. Both keep
the touches that the configuration's path rules keep, lookback included, so that training sees journeys as payment does.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings
from numpy.typing import NDArray
from psycopg import sql

from attribution import reading, shards, states, store
from attribution.engine import markov, shapley
from attribution.engine.journeys import CHANNEL_CODES, NEVER, Journeys, apply_path_rules, lookbacks
from attribution.engine.parameters import Parameters
from attribution.engine.paths import Paths
from attribution_site.errors import DomainError
from conversions.models import LEAD_BUCKETS

# Touches that are sorted at once; 5 million take about 600 MB.
TOUCHES_AT_ONCE = 5_000_000
CONVERSIONS_AT_ONCE = 100_000


class TooLittleData(DomainError):
    code = "too_little_data"


@dataclass(frozen=True)
class Learnt:
    """effects: as `Training.effects` stores them, largest first."""

    effects: list[dict[str, Any]]
    order: int
    journeys: int
    conversions: int
    data_hash: str


@dataclass(frozen=True)
class Counted:
    """The paths of a window, and the key of each state by code. `of_house`: without the conversions in other
    currencies than the house's, as values of several can't be added; the same object where there are none."""

    paths: Paths
    of_house: Paths
    keys: list[str]


class Pile:
    """Paths that grow batch by batch, merged when as many have come as were there: each is moved a few times."""

    def __init__(self) -> None:
        self._merged, self._pending = Paths.merged([]), list[Paths]()

    def add(self, paths: Paths) -> None:
        self._pending.append(paths)
        if sum(each.touches for each in self._pending) > max(self._merged.touches, 100_000):
            self.paths()

    def paths(self) -> Paths:
        if self._pending:
            self._merged, self._pending = Paths.merged([self._merged, *self._pending]), []
        return self._merged


class Vocabulary:
    """Codes for states, in the order in which they are met."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def encode(self, touches: pa.Table, parameters: Parameters) -> NDArray[np.int32]:
        keys = states.state_keys(touches, parameters.states).dictionary_encode()
        known = [self.codes.setdefault(key, len(self.codes)) for key in keys.dictionary.to_pylist()]
        codes: NDArray[np.int32] = np.array(known, dtype=np.int32)[keys.indices.to_numpy()]
        return codes

    def in_order(self) -> tuple[list[str], NDArray[np.int32]]:
        """The keys sorted, and each code's place among them: codes that reading in another order would give too."""
        keys = sorted(self.codes)
        places = np.empty(len(keys), dtype=np.int32)
        places[[self.codes[key] for key in keys]] = np.arange(len(keys), dtype=np.int32)
        return keys, places


def learn(
    parameters: Parameters,
    *,
    start: dt.datetime,
    end: dt.datetime,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Learnt:
    """Read the window's journeys and learn their removal effects. Stores nothing.

    advance: called with steps done and in all. Raises TooLittleData below the configuration's minimum.
    """
    counted = read_paths(parameters, start=start, end=end, advance=advance)
    conversions = int(counted.paths.conversions.sum())
    if conversions < parameters.minimum_conversions:
        raise TooLittleData(
            f"{conversions:,} conversions with touches between {start:%Y-%m-%d} and {end:%Y-%m-%d}; the configuration"
            f" asks for {parameters.minimum_conversions:,}. Until there are enough, credit is shared by position."
        )
    return _learnt(counted, parameters.markov_order)


def _learnt(counted: Counted, order: int | None) -> Learnt:
    order = order or markov.best_order(counted.paths).order
    states_known = len(counted.keys)
    result = by_value = markov.train(counted.paths, states=states_known, order=order)
    if counted.of_house is not counted.paths:
        by_value = markov.train(counted.of_house, states=states_known, order=order, errors=False)
    intervals = result.intervals()
    set_game = shapley.set_game(counted.paths, states=states_known)
    rate_game = _rate_game(counted)
    effects = [
        {
            "state": states.state_of(key),
            "removal_effect": float(result.removal_effects[code]),
            "low": float(intervals[code, 0]),
            "high": float(intervals[code, 1]),
            "conversions": float(result.conversions[code]),
            "removal_effect_value": float(by_value.removal_effects_value[code]),
            "value": float(by_value.values[code]) / 100,
            "shapley_set_game": float(set_game.conversions[code]),
            "shapley_rate_game": None if rate_game is None else float(rate_game.conversions[code]),
        }
        for code, key in enumerate(counted.keys)
    ]
    return Learnt(
        effects=sorted(effects, key=lambda each: (-each["removal_effect"], states.key_of(each["state"]))),
        order=order,
        journeys=int(counted.paths.weights.sum()),
        conversions=int(counted.paths.conversions.sum()),
        data_hash=_digest(counted),
    )


def _digest(counted: Counted) -> str:
    """Of all that was learnt from: of the house's part too, where value was learnt from it alone."""
    digest = counted.paths.digest(counted.keys)
    if counted.of_house is counted.paths:
        return digest
    return hashlib.sha256(f"{digest} {counted.of_house.digest(counted.keys)}".encode()).hexdigest()


def _rate_game(counted: Counted) -> shapley.RateGame | None:
    """None where there are more states than coalitions can be listed of."""
    try:
        return shapley.rate_game(counted.paths, states=len(counted.keys))
    except shapley.TooManyPlayers:
        return None


def read_paths(
    parameters: Parameters,
    *,
    start: dt.datetime,
    end: dt.datetime,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Counted:
    """All journeys that end in [start, end), counted by path. Never holds more than a part of them in memory."""
    vocabulary = Vocabulary()
    with store.arrow_connection() as reading_from, reading_from.cursor() as cursor:
        # One moment for all parts: what comes in meanwhile belongs to the next training.
        reading_from.rollback()
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        within = store.ArrowStore(cursor)
        selections = _selections(within, start, end)
        chunks = _chunks(within, start - dt.timedelta(days=parameters.lookback_days), end)
        house, foreign, nulls = Pile(), Pile(), Pile()
        total = len(selections) + chunks
        for done, selection in enumerate(selections, 1):
            for batch in _batches(within, selection, parameters):
                own, others = _converting(batch, parameters, vocabulary)
                house.add(own)
                foreign.add(others)
            advance(done, total)
        for chunk in range(chunks):
            touches = _open_touches(within, parameters, start, end, chunk, chunks)
            nulls.add(_unconverted(touches, parameters, vocabulary, start))
            advance(len(selections) + chunk + 1, total)
    keys, places = vocabulary.in_order()
    of_house = _recoded([house.paths(), nulls.paths()], places)
    others = foreign.paths()
    paths = Paths.merged([of_house, _recoded([others], places)]) if others.count else of_house
    return Counted(paths, of_house, keys)


def _recoded(parts: list[Paths], places: NDArray[np.int32]) -> Paths:
    return Paths.merged(
        [Paths(each.offsets, places[each.states], each.conversions, each.nulls, each.values) for each in parts]
    )


def _selections(within: store.Store, start: dt.datetime, end: dt.datetime) -> list[reading.Selection]:
    every = reading.Selection(start=start, end=end, buckets=(0, LEAD_BUCKETS - 1))
    conversions = within.count(sql.SQL("SELECT count(*) FROM ({}) c").format(every.source()))
    return shards.split(every, conversions // CONVERSIONS_AT_ONCE + 1) if conversions else []


def _batches(within: store.Store, selection: reading.Selection, parameters: Parameters) -> Iterator[reading.Batch]:
    widest = max(parameters.lookback_days, *parameters.lookback_days_by_type.values(), 1)
    yield from reading.read(
        selection, within=within, lookback_days=widest, with_previous=parameters.restart_after_conversion
    )


def _converting(batch: reading.Batch, parameters: Parameters, vocabulary: Vocabulary) -> tuple[Paths, Paths]:
    """The paths of the batch's conversions: those in the house's currency, and the others."""
    keep = apply_path_rules(
        batch.journeys,
        parameters,
        lookback=lookbacks(parameters, batch.conversions["type"].to_pylist()),
        since_previous_conversion=batch.since_previous,
    )
    is_house = pc.equal(batch.conversions["currency"], settings.DEFAULT_CURRENCY).to_numpy(zero_copy_only=False)
    values = batch.conversions["value_cents"].to_numpy()
    parts = []
    for chosen in (is_house, ~is_house):
        journeys, kept = batch.journeys.select(keep & chosen[batch.journeys.owner])
        has_touches = journeys.lengths > 0
        parts.append(
            Paths.aggregate(
                _without_empty(journeys.offsets),
                vocabulary.encode(batch.touches.take(kept), parameters),
                conversions=np.ones(np.count_nonzero(has_touches)),
                nulls=np.zeros(np.count_nonzero(has_touches)),
                values=values[has_touches],
            )
        )
    return parts[0], parts[1]


def _without_empty(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same journeys without those that have no touch."""
    return np.unique(offsets)


def _chunks(within: store.Store, since: dt.datetime, end: dt.datetime) -> int:
    """Into how many parts, a power of two, the touches of the time are cut."""
    touches = within.count(
        sql.SQL("SELECT count(*) FROM touchpoints_touchpoint WHERE timestamp >= {} AND timestamp < {}").format(
            since, end
        )
    )
    return 1 << (max(touches - 1, 0) // TOUCHES_AT_ONCE).bit_length()


def _open_touches(
    within: store.Store, parameters: Parameters, start: dt.datetime, end: dt.datetime, chunk: int, chunks: int
) -> pa.Table:
    """The touches after their lead's last conversion, of one chunk of the leads, in no order."""
    beside = states.BESIDE_CHANNEL[parameters.states]
    schema = {"lead_id": pa.string(), "id": store.UUID, "timestamp": store.TIME, "channel": pa.string()}
    if beside:
        schema[beside] = pa.string()
    query = sql.SQL(
        "SELECT {columns} FROM touchpoints_touchpoint t LEFT JOIN ("
        " SELECT lead_id, max(occurred_at) AS last FROM conversions_conversion"
        " WHERE occurred_at >= {since} AND occurred_at < {end} GROUP BY lead_id) c ON c.lead_id = t.lead_id"
        " WHERE t.timestamp >= {since} AND t.timestamp < {end} AND (c.last IS NULL OR t.timestamp > c.last)"
        " AND (hashtextextended(t.lead_id, 0) & {mask}) = {chunk}"
    ).format(
        columns=sql.SQL(", ").join(sql.Identifier("t", name) for name in schema),
        since=start - dt.timedelta(days=parameters.lookback_days),
        end=end,
        mask=chunks - 1,
        chunk=chunk,
    )
    return store.fetch(within, query, pa.schema(schema))


def _unconverted(touches: pa.Table, parameters: Parameters, vocabulary: Vocabulary, start: dt.datetime) -> Paths:
    """One path for each lead whose last touch is in the window."""
    leads = touches["lead_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    times = touches["timestamp"].cast(pa.int64()).to_numpy()
    # Bytes of ids compare as the ids do.
    halves = store.uuid_bytes(touches["id"]).view(">u8").reshape(-1, 2).astype(np.uint64)
    order = np.lexsort((halves[:, 1], halves[:, 0], times, leads))
    leads, times = leads[order], times[order]
    offsets = np.concatenate([[0], np.flatnonzero(np.diff(leads)) + 1, [leads.size]]).astype(np.int64)
    offsets = np.unique(offsets)
    last = np.repeat(times[offsets[1:] - 1], np.diff(offsets))
    codes = pc.index_in(touches["channel"].combine_chunks(), value_set=pa.array(CHANNEL_CODES)).to_numpy()
    journeys = Journeys(offsets, last - times, codes.astype(np.int32)[order])
    keep = apply_path_rules(
        journeys, parameters, since_previous_conversion=np.full(journeys.count, NEVER, dtype=np.int64)
    )
    keep &= last >= int(start.timestamp() * 1_000_000)
    journeys, kept = journeys.select(keep)
    has_touches = np.count_nonzero(journeys.lengths)
    return Paths.aggregate(
        _without_empty(journeys.offsets),
        vocabulary.encode(touches.take(order[kept]), parameters),
        conversions=np.zeros(has_touches),
        nulls=np.ones(has_touches),
        values=np.zeros(has_touches),
    )
