"""From journeys to records: the rows of one batch under some models, as they will stand in the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attribution import states, store
from attribution.engine import credit, ids
from attribution.engine.journeys import Journeys, apply_path_rules, lookbacks
from attribution.engine.models import learnt
from attribution.engine.parameters import Parameters
from attribution.reading import Batch
from conversions.currencies import EXPONENTS, MOST_DECIMALS


@dataclass(frozen=True)
class Trained:
    """What a training learnt: the removal effect of each state, by its key (see `attribution.states`)."""

    id: UUID
    effects: Mapping[str, float]


@dataclass(frozen=True)
class Version:
    """A stored configuration, as the calculation needs it, with the training in effect, if it has any.
    `effective_from` in microseconds since 1970."""

    config_id: int
    number: int
    effective_from: int
    parameters: Parameters
    trained: Trained | None = None


@dataclass(frozen=True)
class Rules:
    """What is in effect when: each model's versions, and the payable model, each in order of time."""

    versions: Mapping[str, Sequence[Version]]
    payable: Sequence[tuple[int, str]]

    @property
    def models(self) -> list[str]:
        return list(self.versions)

    @property
    def widest_lookback_days(self) -> int:
        each = [version.parameters for version in self._all()]
        return max([days for p in each for days in (p.lookback_days, *p.lookback_days_by_type.values())])

    @property
    def restarts(self) -> bool:
        return any(version.parameters.restart_after_conversion for version in self._all())

    def _all(self) -> list[Version]:
        return [version for versions in self.versions.values() for version in versions]


@dataclass(frozen=True)
class Shares:
    """What the touches of one batch earned under one model: (k,) arrays, touches without credit left out.

    touch, conversion: places in the batch's tables. credits: units of 10**-10. values, commissions: hundredths.
    position: from 1. length: of the journey. version: place in the model's versions. learnt: 1 where the journey was
    shared by the version's training.
    """

    touch: NDArray[np.int64]
    conversion: NDArray[np.int64]
    credits: NDArray[np.int64]
    values: NDArray[np.int64]
    commissions: NDArray[np.int64]
    position: NDArray[np.int64]
    length: NDArray[np.int64]
    version: NDArray[np.int64]
    learnt: NDArray[np.int64]


def shares_of(batch: Batch, model: str, versions: Sequence[Version]) -> Shares:
    """Every conversion under the version that was in effect when it occurred; before the first, nothing."""
    effective = np.array([version.effective_from for version in versions], dtype=np.int64)
    in_effect = np.searchsorted(effective, batch.occurred_at, side="right") - 1
    parts = [
        _under(batch, model, version, number, in_effect == number)
        for number, version in enumerate(versions)
        if np.any(in_effect == number)
    ]
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Shares(*[nothing] * 9)
    joined = Shares(*(np.concatenate(columns) for columns in zip(*map(_columns, parts), strict=True)))
    order = np.argsort(joined.touch, kind="stable")
    return Shares(*(column[order] for column in _columns(joined)))


def _under(batch: Batch, model: str, version: Version, number: int, applies: NDArray[np.bool_]) -> Shares:
    parameters = version.parameters
    all_touches = journeys_under(batch, version)
    keep = apply_path_rules(
        all_touches,
        parameters,
        lookback=lookbacks(parameters, batch.conversions["type"].to_pylist()),
        since_previous_conversion=batch.since_previous,
    )
    journeys, kept = all_touches.select(keep & applies[all_touches.owner])
    units = hundredths_a_unit(batch)
    values, commissions = (batch.conversions[name].to_numpy() // units for name in ("value_cents", "commission_cents"))
    earned = credit.attribute(journeys, model, parameters, values=values, commissions=commissions)
    paid = np.flatnonzero(earned.credits)
    owner = journeys.owner[paid]
    return Shares(
        touch=kept[paid],
        conversion=owner,
        credits=earned.credits[paid],
        values=earned.values[paid] * units[owner],
        commissions=earned.commissions[paid] * units[owner],
        position=journeys.position[paid] + 1,
        length=journeys.lengths[owner],
        version=np.full(paid.size, number, dtype=np.int64),
        learnt=learnt(journeys)[owner].astype(np.int64),
    )


def journeys_under(batch: Batch, version: Version) -> Journeys:
    """The batch's journeys with what the version's training says of each touch."""
    if not version.trained:
        return batch.journeys
    effects = states.effects_of(batch.touches, version.parameters.states, version.trained.effects)
    return replace(batch.journeys, effects=effects)


def _columns(shares: Shares) -> list[NDArray[np.int64]]:
    return [getattr(shares, name) for name in Shares.__dataclass_fields__]


def hundredths_a_unit(batch: Batch) -> NDArray[np.int64]:
    """1 where the currency has cents, 100 where its smallest unit is the whole (JPY), per conversion."""
    encoded = batch.conversions["currency"].combine_chunks().dictionary_encode()
    scale = [10 ** (MOST_DECIMALS - min(EXPONENTS.get(code, 2), 2)) for code in encoded.dictionary.to_pylist()]
    units: NDArray[np.int64] = np.array(scale, dtype=np.int64)[encoded.indices.to_numpy()]
    # An amount that does not fit its currency got past the doors: share it by cents rather than lose some.
    for name in ("value_cents", "commission_cents"):
        units[batch.conversions[name].to_numpy() % units != 0] = 1
    return units


def records_of(
    batch: Batch, rules: Rules, *, run_id: bytes | None, calculated_at: object, status: str = "calculated"
) -> pa.Table:
    """The batch's records under all models of `rules`: the columns of the table, one row a share."""
    tables = [
        _table(batch, model, versions, rules, shares_of(batch, model, versions))
        for model, versions in rules.versions.items()
    ]
    records = pa.concat_tables(tables).combine_chunks()
    constants = {
        "status": pa.scalar(status),
        "payee_pinned": pa.scalar(False),
        "run_id": pa.scalar(run_id, store.UUID),
        "calculated_at": pa.scalar(calculated_at, store.TIME),
    }
    for name, value in constants.items():
        records = records.append_column(name, pa.repeat(value, records.num_rows))
    return records


def _table(batch: Batch, model: str, versions: Sequence[Version], rules: Rules, shares: Shares) -> pa.Table:
    touches = batch.touches.take(shares.touch)
    conversions = batch.conversions.take(shares.conversion)
    occurred_at = batch.occurred_at[shares.conversion]
    payee_type, payee_id = payee_of(touches)
    config_ids = np.array([version.config_id for version in versions], dtype=np.int64)
    return pa.table(
        {
            "id": _record_ids(touches, conversions, occurred_at, model),
            "conversion_id": conversions["id"],
            "touchpoint_id": touches["id"],
            "lead_id": conversions["lead_id"],
            "model": pa.repeat(model, touches.num_rows),
            "config_id": config_ids[shares.version],
            "training_id": _training_ids(versions, shares),
            "payable": is_payable(occurred_at, model, rules),
            "credit": store.decimal_column(shares.credits, 11, 10),
            "currency": conversions["currency"],
            "revenue_attributed": store.decimal_column(shares.values, 14, 2),
            "commission_amount": store.decimal_column(shares.commissions, 14, 2),
            "payee_type": payee_type,
            "payee_id": payee_id,
            "channel": touches["channel"],
            "source": touches["source"],
            "campaign_id": touches["campaign"],
            "partner_id": touches["partner_id"],
            "broker_id": touches["broker_id"],
            "touched_at": touches["timestamp"],
            "occurred_at": conversions["occurred_at"],
            "conversion_type": conversions["type"],
            "position": shares.position.astype(np.int32),
            "journey_length": shares.length.astype(np.int32),
        }
    )


def _training_ids(versions: Sequence[Version], shares: Shares) -> pa.Array:
    ids_of_versions = [version.trained.id.bytes if version.trained else None for version in versions]
    place = np.where(shares.learnt, shares.version, len(versions))
    return pa.array([*ids_of_versions, None], store.UUID).take(pa.array(place))


def _record_ids(touches: pa.Table, conversions: pa.Table, occurred_at: NDArray[np.int64], model: str) -> pa.Array:
    words: list[ids.Words | np.uint64] = [
        *ids.words_of(store.uuid_bytes(conversions["id"])),
        *ids.words_of(store.uuid_bytes(touches["id"])),
        ids.word_of_text(model),
    ]
    return store.uuid_column(ids.uuid7_from(occurred_at // 1000, *words))


def is_payable(occurred_at: NDArray[np.int64], model: str, rules: Rules) -> NDArray[np.bool_]:
    since = np.array([moment for moment, _ in rules.payable], dtype=np.int64)
    is_model = np.array([False] + [name == model for _, name in rules.payable])
    return is_model[np.searchsorted(since, occurred_at, side="right")]


def payee_of(touches: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The broker on channel broker_referral, otherwise the partner, otherwise the broker, otherwise the house."""
    partner, broker = touches["partner_id"], touches["broker_id"]
    has_broker = pc.is_valid(broker)
    broker_first = pc.and_(pc.equal(touches["channel"], "broker_referral"), has_broker)
    is_broker = pc.or_(broker_first, pc.and_(pc.is_null(partner), has_broker))
    payee_id = pc.fill_null(pc.if_else(is_broker, broker, partner), "")
    payee_type = pc.if_else(is_broker, "broker", pc.if_else(pc.is_valid(partner), "partner", "house"))
    return payee_type, payee_id
