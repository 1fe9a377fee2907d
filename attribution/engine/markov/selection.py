"""The order of the chain that the data supports: the one with the least Bayesian information criterion.

Every order tells the whole path: after the touches so far (the last k of them, or all if there are fewer) comes
another touch, a conversion or the end without one. Each order's model holds the one below, so that their likelihoods
compare. BIC = -2 ln L + d ln t: the price of a free parameter is the logarithm of the number of transitions t
(Katz, On some criteria for estimating the order of a Markov chain, 1981; Singer, Helic, Taraghi and Strohmaier,
Detecting memory and structure in human navigation patterns, 2014).

Free parameters d are counted from what occurred: for each history that did, the different continuations there are at
all, less one. (To count only those seen after that very history would make one that was seen once cost nothing, and
the highest order win on little data.) Repeats of a state count as touches here: to collapse them differently from
order to order would compare different data.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attribution.engine.markov.chain import ORDERS, TooManyWindows, cut, distinct
from attribution.engine.paths import Floats, Integers, Paths

# Criteria closer than this, as a part of their size, are equal: a logarithm's last bit decides nothing.
_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class Selection:
    """The order chosen, and the criterion of each that was compared, less being better."""

    order: int
    criteria: Mapping[int, float]


def best_order(paths: Paths, orders: Sequence[int] = ORDERS) -> Selection:
    """The order with the least criterion; of equal ones the lowest. Orders with too many windows are left out.

    Raises ValueError for no order or one that is not 1 to 4, TooManyWindows if none is left.
    """
    if not orders or not set(orders) <= set(ORDERS):
        raise ValueError("Orders must be some of 1, 2, 3 and 4.")
    paths = paths.select(paths.weights > 0)
    criteria: dict[int, float] = {}
    refusal = None
    for order in sorted(set(orders)):
        try:
            criteria[order] = _criterion(paths, order)
        except TooManyWindows as error:
            refusal = error
    if refusal and not criteria:
        raise refusal
    least = min(criteria.values())
    best = next(order for order, each in criteria.items() if each <= least + _TIE * max(abs(least), 1.0))
    return Selection(best, criteria)


def _criterion(paths: Paths, order: int) -> float:
    codes, states = distinct(paths.states.astype(np.int64), int(paths.states.max(initial=0)) + 1)
    compact = Paths(paths.offsets, states.astype(np.int32), paths.conversions, paths.nulls, paths.values)
    told = [_first_touches(compact, place, codes.size) for place in range(order)]
    told.append(_after_windows(compact.select(compact.lengths >= order), order, codes.size))
    likelihood, histories = np.sum([_likelihood(*each, codes.size + 2) for each in told], axis=0).tolist()
    continuations = codes.size + bool(paths.conversions.any()) + bool(paths.nulls.any())
    free = histories * (continuations - 1)
    transitions = float((compact.weights * (compact.lengths + 1)).sum())
    return float(-2.0 * likelihood + free * np.log(max(transitions, 1.0)))


_Told = tuple[Integers, Integers, Floats]


def _first_touches(paths: Paths, place: int, ended: int) -> _Told:
    """Histories of all the `place` touches from the beginning, what came next, and how many journeys."""
    histories = np.zeros(paths.count, dtype=np.int64)
    for touch in range(place):
        reaches = np.flatnonzero(paths.lengths > touch)
        keys = histories[reaches] * ended + paths.states[paths.offsets[reaches] + touch]
        histories[reaches] = distinct(keys, max(paths.count, 1) * ended)[1]
    onward, over = np.flatnonzero(paths.lengths > place), np.flatnonzero(paths.lengths == place)
    return _joined(
        (histories[onward], paths.states[paths.offsets[onward] + place].astype(np.int64), paths.weights[onward]),
        *_ends(histories[over], paths, over, ended),
    )


def _after_windows(paths: Paths, order: int, ended: int) -> _Told:
    """The same of the histories of `order` touches, one window each."""
    steps, members = cut(paths, order, collapse=False)
    moves = steps.moves
    weights = np.repeat(paths.weights, steps.lengths)
    return _joined(
        (steps.windows[moves], members[steps.windows[moves + 1], -1], weights[moves]),
        *_ends(steps.lasts, paths, np.arange(paths.count), ended),
    )


def _ends(histories: Integers, paths: Paths, chosen: Integers, ended: int) -> list[_Told]:
    outcomes = enumerate((paths.conversions[chosen], paths.nulls[chosen]), start=ended)
    return [(histories, np.full(chosen.size, code, dtype=np.int64), journeys) for code, journeys in outcomes]


def _joined(*told: _Told) -> _Told:
    histories, nexts, weights = (np.concatenate(arrays) for arrays in zip(*told, strict=True))
    return histories, nexts, weights


def _likelihood(histories: Integers, nexts: Integers, weights: Floats, symbols: int) -> tuple[float, int]:
    """The logarithm of the greatest likelihood, and how many histories there are."""
    happened = weights > 0
    histories, nexts, weights = histories[happened], nexts[happened], weights[happened]
    pairs, places = distinct(histories * symbols + nexts, (int(histories.max(initial=0)) + 1) * symbols)
    together = np.bincount(places, weights=weights, minlength=pairs.size)
    owners = distinct(pairs // symbols, int(histories.max(initial=0)) + 1)[1]
    alone = np.bincount(owners, weights=together)
    return math.fsum(together * np.log(together / alone[owners])), alone.size
