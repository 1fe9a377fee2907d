"""What an explanation is made of, and how one journey becomes it."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from attribution import reading, records, states, store
from attribution.engine import cents
from attribution.engine.journeys import lookbacks
from attribution.engine.trace import Sharing, Trace, trace
from attribution.models import Adjustment, AttributionRecord, ModelConfig, Training

# A journey may have any length; a reader's patience has not. Totals are always of the whole journey.
SHOWN_FIRST, SHOWN_LAST, SHOWN_AROUND = 50, 100, 5
SHOWN_AT_ONCE = SHOWN_FIRST + SHOWN_LAST
WINNERS_SHOWN = 20


@dataclass(frozen=True)
class Part:
    """What one touch has of one amount. quota: amount × credit, exactly. fraction: of the currency's smallest unit,
    what the quota has beyond its whole units. rank: by fraction. remainder: the unit that was left over, or 0."""

    quota: Decimal
    whole: Decimal
    fraction: Decimal
    rank: int
    remainder: Decimal
    share: Decimal


@dataclass(frozen=True)
class Touch:
    """One touch of the journey. `blurred`: it is another payee's, and this reader is not told what it was."""

    touchpoint_id: UUID | None
    timestamp: dt.datetime | None
    seconds_before: Decimal
    channel: str | None
    source: str | None
    campaign: str | None
    partner_id: str | None
    broker_id: str | None
    payee_type: str
    payee_id: str
    is_this: bool
    left_out_by: str | None
    position: int | None
    raw_weight: float | None
    weight: float | None
    credit: Decimal
    revenue: Part | None
    commission: Part | None
    effect: dict[str, Any] | None
    blurred: bool = False


@dataclass(frozen=True)
class Rounding:
    """How one amount came out in whole units. remainder_to: positions of those that got a unit that was left over,
    the first of them."""

    total: Decimal
    unit: Decimal
    whole: Decimal
    left_over: int
    remainder_to: list[int]


@dataclass(frozen=True)
class Share:
    touchpoint_id: UUID
    credit: Decimal
    revenue: Decimal
    commission: Decimal


@dataclass(frozen=True)
class Alternative:
    """What another model gives under the configuration in effect when the conversion occurred. shares: in the order
    of the touches that are shown; those without credit have zeros."""

    model: str
    config_version: int | None
    training_id: UUID | None
    fallback: str | None
    payable: bool
    this: Share | None
    shares: list[Share]


@dataclass(frozen=True)
class SettledShare:
    """What one payee had of one touch before the settlement, and has by it. parts: how many payees share the touch."""

    number: int
    touchpoint_id: UUID | None
    channel: str | None
    payee_type: str
    payee_id: str
    is_this: bool
    parts: int
    credit_before: Decimal
    credit_after: Decimal
    revenue_before: Decimal | None
    revenue_after: Decimal | None
    commission_before: Decimal | None
    commission_after: Decimal | None
    blurred: bool = False


@dataclass(frozen=True)
class Settled:
    """The last settlement of a dispute that set the shares of this conversion; no rule gives them. credit, revenue,
    commission: what the record's payee has of it now, its adjustments and later reversals included."""

    id: UUID
    way: str
    reason: str | None
    settled_at: dt.datetime
    credit: Decimal
    revenue: Decimal
    commission: Decimal
    shares: list[SettledShare]


@dataclass(frozen=True)
class Explanation:
    """touches: those that are shown of `touches_known`, as the rule shares among them. hidden: the sums of the others
    that count. replays: whether the stored records of this conversion and model come out again, None where nothing was
    kept to try it with, or where a settlement set them."""

    record: AttributionRecord
    config: ModelConfig
    training: Training | None
    fallback: str | None
    source: str
    conversion: dict[str, Any]
    touches: list[Touch]
    touches_known: int
    touches_counted: int
    hidden: dict[str, Any]
    revenue: Rounding | None
    commission: Rounding | None
    payee_reason: str
    replays: bool | None
    differences: list[dict[str, Any]]
    stored_totals: dict[str, Any]
    others: list[Alternative]
    adjustments: list[Adjustment]
    settlement: Settled | None = None


class Story:
    """One batch of one conversion, traced under one version."""

    def __init__(
        self, record: AttributionRecord, batch: reading.Batch, version: records.Version, at_once: int = SHOWN_AT_ONCE
    ) -> None:
        self.record, self.batch, self.version, self.at_once = record, batch, version, at_once
        # Hundredths in the currency's smallest unit.
        self.scale = int(records.hundredths_a_unit(batch)[0])
        self.trace = self._trace()
        self.position = {place: number for number, place in enumerate(self.trace.counted.tolist())}
        self.shown = self._shown()

    def _trace(self) -> Trace:
        [conversion] = self.batch.conversions.to_pylist()
        return trace(
            records.journeys_under(self.batch, self.version),
            self.record.model,
            self.version.parameters,
            lookback=lookbacks(self.version.parameters, [conversion["type"]]),
            since_previous_conversion=self.batch.since_previous,
            value=conversion["value_cents"] // self.scale,
            commission=conversion["commission_cents"] // self.scale,
        )

    def _shown(self) -> list[int]:
        total = self.batch.touches.num_rows
        if total <= self.at_once:
            return list(range(total))
        own = np.flatnonzero(store.uuid_bytes(self.batch.touches["id"]).view("V16").ravel() == self._own_id())
        around = [place for at in own.tolist() for place in range(at - SHOWN_AROUND, at + SHOWN_AROUND + 1)]
        ends = [*range(SHOWN_FIRST), *range(total - SHOWN_LAST, total)]
        return sorted({place for place in [*ends, *around] if 0 <= place < total})

    def _own_id(self) -> Any:
        return np.frombuffer(self.record.touchpoint_id.bytes, dtype="V16")[0]

    def touches(self) -> list[Touch]:
        rows = self.batch.touches.take(self.shown)
        keys = states.state_keys(rows, self.version.parameters.states).to_pylist()
        effects = _effects(self.record.training)
        return [
            self._touch(place, row, effects.get(key))
            for place, row, key in zip(self.shown, rows.to_pylist(), keys, strict=True)
        ]

    def _touch(self, place: int, row: dict[str, Any], effect: dict[str, Any] | None) -> Touch:
        number, told = self.position.get(place), self.trace
        reason = payee_reason(row["channel"], row["partner_id"], row["broker_id"])
        payee_type = "broker" if reason.startswith("broker") else reason
        touchpoint_id = UUID(bytes=row["id"])
        return Touch(
            touchpoint_id=touchpoint_id,
            timestamp=row["timestamp"],
            seconds_before=Decimal(int(self.batch.journeys.ages[place])).scaleb(-6),
            **{name: row[name] for name in ("channel", "source", "campaign", "partner_id", "broker_id")},
            payee_type=payee_type,
            payee_id={"partner": row["partner_id"], "broker": row["broker_id"]}.get(payee_type) or "",
            is_this=touchpoint_id == self.record.touchpoint_id,
            left_out_by=told.left_out[place],
            position=None if number is None else number + 1,
            raw_weight=None if number is None else float(told.raw[number]),
            weight=None if number is None else float(told.weights[number]),
            credit=credit_of(0 if number is None else int(told.credits[number])),
            revenue=None if number is None else self._part(told.value, number),
            commission=None if number is None else self._part(told.commission, number),
            effect=effect,
        )

    def _part(self, sharing: Sharing, number: int) -> Part:
        sign = -1 if sharing.total < 0 else 1
        whole, rest = int(sharing.whole[number]), int(sharing.rest[number])
        return Part(
            quota=money(sign * (whole * cents.CREDIT + rest) * self.scale).scaleb(-10),
            whole=money(sign * whole * self.scale),
            fraction=Decimal(rest).scaleb(-10),
            rank=int(sharing.rank[number]),
            remainder=money(sign * int(sharing.extra[number]) * self.scale),
            share=money(int(sharing.shares[number]) * self.scale),
        )

    def rounding(self, sharing: Sharing) -> Rounding:
        sign = -1 if sharing.total < 0 else 1
        return Rounding(
            total=money(sharing.total * self.scale),
            unit=money(self.scale),
            whole=money(sign * int(sharing.whole.sum()) * self.scale),
            left_over=sharing.left_over,
            remainder_to=(np.flatnonzero(sharing.extra) + 1).tolist()[:WINNERS_SHOWN],
        )

    def hidden(self) -> dict[str, Any]:
        """The touches that are not in the list: how many, and what those that count have together."""
        shown = {self.position[place] for place in self.shown if place in self.position}
        rest = np.ones(self.trace.counted.size, dtype=np.bool_)
        rest[list(shown)] = False
        return {
            "touches": self.batch.touches.num_rows - len(self.shown),
            "credit": credit_of(int(self.trace.credits[rest].sum())),
            "revenue": money(int(self.trace.value.shares[rest].sum()) * self.scale),
            "commission": money(int(self.trace.commission.shares[rest].sum()) * self.scale),
        }


def payee_reason(channel: str, partner_id: str | None, broker_id: str | None) -> str:
    """Which part of the rule named the payee; the rule itself is that of `records`."""
    if channel == "broker_referral" and broker_id is not None:
        return "broker_on_broker_referral"
    if partner_id is not None:
        return "partner"
    return "house" if broker_id is None else "broker"


def money(hundredths: int) -> Decimal:
    return Decimal(hundredths).scaleb(-2)


def credit_of(units: int) -> Decimal:
    return Decimal(units).scaleb(-10)


def _effects(training: Training | None) -> dict[str, dict[str, Any]]:
    """What a training says of each state, by its key."""
    return {states.key_of(each["state"]): each for each in training.effects} if training else {}
