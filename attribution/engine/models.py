"""The models: each turns journeys into one weight a touch, >= 0, that sum to 1 in every journey.

Weights are the same to the last bit whether a journey is alone or among millions, and on every
machine: they are made only of operations that IEEE 754 rounds in one way (+ - * /, round to whole,
scaling by a power of two) and of sums added in the order of the touches. NumPy's own exp2 and sum
promise neither; a last bit could move a cent.
"""

import math
from collections.abc import Callable
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from attribution.engine.journeys import Journeys
from attribution.engine.parameters import MICROSECONDS_PER_DAY, Parameters

Weights = NDArray[np.float64]

# 2**-1100 is 0 in a float64: older touches weigh nothing beside the youngest.
_MOST_HALVINGS = 1100.0
# ln(2)**k / k!, the series of 2**f; for |f| <= 1/2 the first term left out is below 1e-17.
_LN_2 = 0.6931471805599453
_EXP2_SERIES = tuple(accumulate(range(1, 14), lambda term, k: term * _LN_2 / k, initial=1.0))


def first_touch(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) 1 on the first touch of each journey."""
    weights = np.zeros(journeys.touches)
    weights[journeys.starts[journeys.lengths > 0]] = 1.0
    return weights


def last_touch(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) 1 on the last touch of each journey."""
    weights = np.zeros(journeys.touches)
    weights[journeys.offsets[1:][journeys.lengths > 0] - 1] = 1.0
    return weights


def linear(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) 1/n on each of a journey's n touches."""
    return np.repeat(1.0 / np.maximum(journeys.lengths, 1), journeys.lengths)


def time_decay(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) in proportion to 2**(-age / half-life).

    Ages are counted from the youngest touch of the journey: the difference cancels out, and the
    sum is never below 1, however old the journey.
    """
    owner = journeys.owner
    raw = decayed(journeys, parameters)
    # bincount adds one touch after the other; how reduceat groups them is nobody's promise, and a
    # difference of cumsums depends on all the journeys before.
    sums = np.bincount(owner, weights=raw, minlength=journeys.count)
    return np.divide(raw, sums[owner], out=raw)


def decayed(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) 2**-(half-lives before the journey's youngest touch): 1 on that one."""
    lengths, owner = journeys.lengths, journeys.owner
    youngest = np.zeros(journeys.count, dtype=np.int64)
    youngest[lengths > 0] = journeys.ages[journeys.offsets[1:][lengths > 0] - 1]
    older_by = (journeys.ages - youngest[owner]).astype(np.float64)
    with np.errstate(over="ignore"):
        halvings = older_by / (parameters.half_life_days * MICROSECONDS_PER_DAY)
    return halved(np.minimum(halvings, _MOST_HALVINGS))


def halved(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """2**-times, same shape, for 0 <= times <= 1100, by the Taylor series of the part after the point."""
    whole = np.rint(times)
    fraction = whole - times
    power = np.full_like(times, _EXP2_SERIES[-1])
    for coefficient in _EXP2_SERIES[-2::-1]:
        power *= fraction
        power += coefficient
    return np.ldexp(power, -whole.astype(np.int32))


def position_based(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) first, middle (shared equally) and last weight, as shares of their sum.

    One touch takes all. Two share by the first and the last weight; if both are 0, evenly.
    """
    first, middle, last = parameters.position_weights
    total = math.fsum((first, middle, last))
    lengths = journeys.lengths
    weights = np.repeat((middle / total) / np.maximum(lengths - 2, 1), lengths)
    starts, ends = journeys.starts, journeys.offsets[1:] - 1
    many, two, one = lengths > 2, lengths == 2, lengths == 1
    weights[starts[many]], weights[ends[many]] = first / total, last / total
    of_two = (first / (first + last), last / (first + last)) if first + last else (0.5, 0.5)
    weights[starts[two]], weights[ends[two]] = of_two
    weights[starts[one]] = 1.0
    return weights


def data_driven(journeys: Journeys, parameters: Parameters) -> Weights:
    """(m,) in proportion to the removal effect of each touch's state.

    A journey of which training knows nothing (no effects at all, or 0 for each of its touches) is shared by
    position: see `learnt`.
    """
    weights = position_based(journeys, parameters)
    if journeys.effects is None:
        return weights
    owner = journeys.owner
    sums = np.bincount(owner, weights=journeys.effects, minlength=journeys.count)[owner]
    return np.divide(journeys.effects, sums, out=weights, where=sums > 0)


def learnt(journeys: Journeys) -> NDArray[np.bool_]:
    """(n,) the journeys that `data_driven` shares by effects; the others it shares by position."""
    known = np.zeros(journeys.count, dtype=np.bool_)
    if journeys.effects is not None:
        known[journeys.owner[journeys.effects > 0]] = True
    return known


# A new model is one more entry.
MODELS: dict[str, Callable[[Journeys, Parameters], Weights]] = {
    "first_touch": first_touch,
    "last_touch": last_touch,
    "linear": linear,
    "time_decay": time_decay,
    "position_based": position_based,
    "data_driven": data_driven,
}
