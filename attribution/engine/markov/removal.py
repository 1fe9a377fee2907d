"""What is lost when a state is taken out: every window that holds it becomes null.

With u the expected visits of each window, h the chance to convert from it, N the fundamental matrix and B the windows
that hold state k, walkers enter B for the first time at f = u_B inverse(N_BB), and what they would have converted
is lost: RE(k) = f h_B / P. At order 1 that is P(visit k) P(convert | k) / P. By value, h is the value expected.
Kemeny and Snell, Finite Markov Chains (1960), chapters III and VI (the chain watched on a set); Anderl, Becker,
von Wangenheim and Schumann, Mapping the customer journey (2016), for removal effects.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.engine.markov.chain import Chain
from attribution.engine.markov.solving import ELEMENTWISE, eliminate, series
from attribution.engine.paths import Floats, Integers

# Larger matrices are not made: 6,000 windows take 0.3 GiB each.
_MOST_ELIMINATED = 6_000
# What a multiplication costs in a series beside one in LAPACK, and how many steps a series takes.
_SERIES_COST, _SERIES_STEPS = 20, 100
# Memory for the arrays of one portion of states, in entries.
_PORTION = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Removals:
    """A portion of c states, each taken out alone.

    states: (c,) codes. lost, lost_value: (c,) conversions and value lost, per journey.
    visits: (W, c) expected visits without the state; chances: (W, c) chance to convert without it: both 0 in the
    windows that hold it, and None unless asked for.
    """

    states: Integers
    lost: Floats
    lost_value: Floats
    visits: Floats | None = None
    chances: Floats | None = None


def removals(chain: Chain, *, in_full: bool) -> Iterator[Removals]:
    """Every state that occurs, in portions; `in_full` with visits and chances."""
    states, windows = chain.holders()
    names, firsts = np.unique(states, return_index=True)
    held = np.split(windows, firsts[1:])
    width = max(1, _PORTION // max(chain.windows, 1))
    solve = _Eliminated(chain) if _is_eliminated(chain, names.size) else _Summed(chain)
    for begin in range(0, names.size, width):
        yield solve.portion(names[begin : begin + width], held[begin : begin + width], in_full)


def _is_eliminated(chain: Chain, states: int) -> bool:
    """Whether elimination is the cheaper way. Nothing but counts decides: the same on every machine."""
    size, moves = chain.windows, chain.moves.shape[0]
    cheaper = 2 * size**3 <= states * (moves + size) * _SERIES_STEPS * _SERIES_COST
    return size <= ELEMENTWISE or (size <= _MOST_ELIMINATED and cheaper)


class _Eliminated:
    def __init__(self, chain: Chain) -> None:
        size = chain.windows
        self.visits = chain.visits / chain.journeys
        right = np.concatenate([np.eye(size), chain.conversion[:, None], chain.worth[:, None]], axis=1)
        solved = eliminate(np.eye(size) - chain.matrix().toarray(), right)
        self.fundamental = np.ascontiguousarray(solved[:, :size])
        self.chance, self.worth = solved[:, size].copy(), solved[:, size + 1].copy()

    def portion(self, states: Integers, held: list[Integers], in_full: bool) -> Removals:
        entries, fates = [], []
        for windows in held:
            block = self.fundamental[np.ix_(windows, windows)]
            entries.append(eliminate(block.T, self.visits[windows, None])[:, 0])
            if in_full:
                fates.append(eliminate(block, self.chance[windows, None])[:, 0])
        lost, lost_value = _lost(entries, held, self.chance, self.worth)
        if not in_full:
            return Removals(states, lost, lost_value)
        visits, chances = self._without(held, entries, fates)
        return Removals(states, lost, lost_value, visits, chances)

    def _without(self, held: list[Integers], entries: list[Floats], fates: list[Floats]) -> tuple[Floats, Floats]:
        visits, chances = (np.empty((self.visits.size, len(held))) for _ in range(2))
        for column, windows in enumerate(held):
            visits[:, column] = self.visits - entries[column] @ self.fundamental[windows]
            chances[:, column] = self.chance - self.fundamental[:, windows] @ fates[column]
            visits[windows, column] = chances[windows, column] = 0.0
        return np.maximum(visits, 0.0), np.maximum(chances, 0.0)


class _Summed:
    def __init__(self, chain: Chain) -> None:
        self.first, self.weights = (chain.start, chain.conversion), chain.visits
        self.onward = chain.matrix()
        self.back = self.onward.T.tocsr()
        first = np.stack([chain.conversion, chain.worth], axis=1)
        nothing = np.zeros(0, dtype=np.int64)
        solved = series(self.onward, first, (nothing, nothing), np.ones(chain.windows))
        self.chance, self.worth = np.ascontiguousarray(solved[:, 0]), np.ascontiguousarray(solved[:, 1])
        matters = [each / (chain.start @ each) for each in (self.chance, self.worth) if each.any()]
        self.matters = np.sum(matters, axis=0)

    def portion(self, states: Integers, held: list[Integers], in_full: bool) -> Removals:
        gone = np.concatenate(held), np.repeat(np.arange(states.size), [windows.size for windows in held])
        start, conversion = (np.repeat(each[:, None], states.size, axis=1) for each in self.first)
        visits = series(self.back, start, gone, self.matters)
        arriving = start + self.back @ visits
        entries = [arriving[windows, column] for column, windows in enumerate(held)]
        lost, lost_value = _lost(entries, held, self.chance, self.worth)
        if not in_full:
            return Removals(states, lost, lost_value)
        chances = series(self.onward, conversion, gone, self.weights)
        return Removals(states, lost, lost_value, visits, chances)


def _lost(
    entries: list[Floats], held: list[Integers], chance: NDArray[np.float64], worth: NDArray[np.float64]
) -> tuple[Floats, Floats]:
    # fsum rounds once, whatever the order.
    pairs = list(zip(entries, held, strict=True))
    lost = np.array([math.fsum(entry * chance[windows]) for entry, windows in pairs])
    return lost, np.array([math.fsum(entry * worth[windows]) for entry, windows in pairs])
