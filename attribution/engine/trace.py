"""One journey, step by step: why each touch got what it got. The steps are those of `credit.attribute`, in its code.

Nothing here decides anything: a trace is read by people who want to compute their cents again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.engine import cents, credit
from attribution.engine.journeys import PATH_RULES, Journeys, left_out_by
from attribution.engine.models import MODELS, Weights, data_driven, decayed, learnt
from attribution.engine.parameters import Parameters

Units = NDArray[np.int64]


@dataclass(frozen=True)
class Sharing:
    """One amount shared by credits among the k touches that count; all (k,) int64, of the amount's size (the shares of
    a negative amount are those of the positive one, negated).

    whole: the whole part of the quota. rest: what the quota has beyond it, in units of 10**-10. rank: by rest, the
    largest 1; of equal ones the earlier. extra: 1 where a unit that was left over went. shares: whole + extra, signed.
    """

    total: int
    whole: Units
    rest: Units
    rank: Units
    extra: Units
    shares: Units

    @property
    def left_over(self) -> int:
        """Units that the whole parts leave to be handed out, one each."""
        return abs(self.total) - int(self.whole.sum()) if self.whole.size else 0


@dataclass(frozen=True)
class Trace:
    """m touches, k of which count. left_out: (m,) the rule of PATH_RULES that left the touch out, None if it counts.
    counted: (k,) places. raw: (k,) before it is divided by the sum. weights, credits: (k,) see `credit`. by_effects:
    whether a data-driven journey was shared by what training learnt, and not by position."""

    left_out: list[str | None]
    counted: Units
    raw: Weights
    weights: Weights
    credits: Units
    by_effects: bool
    value: Sharing
    commission: Sharing


def trace(
    journeys: Journeys,
    model: str,
    parameters: Parameters,
    *,
    lookback: Units,
    since_previous_conversion: Units | None,
    value: int,
    commission: int,
) -> Trace:
    """The only journey of `journeys`, with all touches that are known; amounts in the currency's smallest unit."""
    if journeys.count != 1:
        raise ValueError("A trace is of one journey.")
    reasons = left_out_by(journeys, parameters, lookback=lookback, since_previous_conversion=since_previous_conversion)
    path, counted = journeys.select(reasons < 0)
    amounts = {
        name: np.array([each], dtype=np.int64) for name, each in (("values", value), ("commissions", commission))
    }
    earned = credit.attribute(path, model, parameters, **amounts)
    return Trace(
        left_out=[PATH_RULES[reason] if reason >= 0 else None for reason in reasons.tolist()],
        counted=counted,
        raw=RAW[model](path, parameters),
        weights=MODELS[model](path, parameters),
        credits=earned.credits,
        by_effects=bool(learnt(path)[0]) and MODELS[model] is data_driven,
        value=_sharing(value, earned.credits, earned.values),
        commission=_sharing(commission, earned.credits, earned.commissions),
    )


def _sharing(total: int, credits: Units, shares: Units) -> Sharing:
    whole, rest = cents.quotas(np.full(credits.size, abs(total), dtype=np.int64), credits)
    rank = np.empty(credits.size, dtype=np.int64)
    rank[np.argsort(-rest, kind="stable")] = np.arange(1, credits.size + 1)
    return Sharing(total, whole, rest, rank, np.abs(shares) - whole, shares)


def _chosen(journeys: Journeys, parameters: Parameters, model: str) -> Weights:
    return (MODELS[model](journeys, parameters) > 0).astype(np.float64)


def _by_position(journeys: Journeys, parameters: Parameters) -> Weights:
    first, middle, last = parameters.position_weights
    n = journeys.touches
    if n < 3:
        return np.array([first, last] if n == 2 and first + last else [1.0] * n)
    return np.array([first, *[middle / (n - 2)] * (n - 2), last])


def _by_effects(journeys: Journeys, parameters: Parameters) -> Weights:
    if journeys.effects is not None and learnt(journeys)[0]:
        return journeys.effects
    return _by_position(journeys, parameters)


# What a model makes of a touch before dividing by the sum over the journey.
RAW: Mapping[str, Callable[[Journeys, Parameters], Weights]] = {
    "first_touch": lambda journeys, parameters: _chosen(journeys, parameters, "first_touch"),
    "last_touch": lambda journeys, parameters: _chosen(journeys, parameters, "last_touch"),
    "linear": lambda journeys, parameters: np.ones(journeys.touches),
    "time_decay": decayed,
    "position_based": _by_position,
    "data_driven": _by_effects,
}
