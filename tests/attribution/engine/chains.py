"""Paths as hypothesis draws them, and Markov attribution done again the slow way, on tuples of states."""

from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st

from attribution.engine.markov import removal, solving
from attribution.engine.paths import Paths

STATES = 5
WAYS = ("elementwise", "lapack", "series")

counts = st.integers(0, 6)
row = st.tuples(
    st.lists(st.integers(0, STATES - 1), min_size=1, max_size=8).map(tuple), counts, counts, st.integers(0, 10**6)
).map(lambda drawn: (*drawn[:3], drawn[3] if drawn[1] else 0))
rows = st.lists(row, min_size=1, max_size=12)


@contextmanager
def solved(way):
    """Makes small chains go the way of large ones."""
    with pytest.MonkeyPatch.context() as patch:
        if way != "elementwise":
            patch.setattr(solving, "ELEMENTWISE", 0)
        if way == "series":
            patch.setattr(removal, "ELEMENTWISE", 0)
            patch.setattr(removal, "_MOST_ELIMINATED", 0)
        yield


def flat(journeys):
    """Offsets and codes of a list of paths."""
    offsets = np.cumsum([0, *map(len, journeys)]).astype(np.int64)
    return offsets, np.array([code for journey in journeys for code in journey], dtype=np.int32)


def paths_of(rows):
    """Rows of (path, conversions, nulls, value), aggregated."""
    journeys, conversions, nulls, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Paths.aggregate(*flat(journeys), conversions=conversions, nulls=nulls, values=values)


def rows_of(paths):
    bounds = zip(paths.offsets[:-1].tolist(), paths.offsets[1:].tolist(), strict=True)
    journeys = [tuple(paths.states[begin:end].tolist()) for begin, end in bounds]
    amounts = (each.tolist() for each in (paths.conversions, paths.nulls, paths.values))
    return list(zip(journeys, *amounts, strict=True))


def generated(journeys, *, states, mean, seed, rate=0.1):
    """Raw journeys of random states: the arguments of `Paths.aggregate`."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / mean, journeys)
    offsets = np.zeros(journeys + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    codes = np.minimum(random.exponential(states / 3, offsets[-1]).astype(np.int32), states - 1)
    converted = random.random(journeys) < rate
    return {
        "offsets": offsets,
        "states": codes,
        "conversions": converted,
        "nulls": ~converted,
        "values": converted * random.integers(1, 10**6, journeys),
    }


def windows_of(path, order):
    """As the conventions put it: a shorter path is one state, identical consecutive states collapse."""
    if len(path) < order:
        return [tuple(path)]
    every = [tuple(path[begin : begin + order]) for begin in range(len(path) - order + 1)]
    return [every[0], *(window for before, window in pairwise(every) if window != before)]


class SlowChain:
    """Transitions counted into dictionaries, solved anew for every removal; `number` is Fraction or float."""

    def __init__(self, rows, order, number=Fraction):
        self.number, self.counts, self.total = number, {}, 0
        self.converted = self.value = number(0)
        for path, conversions, nulls, value in rows:
            weight = conversions + nulls
            if not weight:
                continue
            steps = windows_of(path, order)
            for here, there in pairwise(["start", *steps]):
                self._count(here, there, weight)
            self._count(steps[-1], "conversion", conversions)
            self._count(steps[-1], "null", nulls)
            self._count(steps[-1], "worth", value)
            self.converted, self.value = self.converted + number(conversions), self.value + number(value)
        self.windows = sorted(each for each in self.counts if each != "start")

    def _count(self, here, there, weight):
        targets = self.counts.setdefault(here, {})
        targets[there] = targets.get(there, 0) + weight

    def reached(self, goal, without=None):
        """Expected `goal` of a journey when the windows that hold a state are null."""
        alive = [window for window in self.windows if without is None or without not in window]
        place = {window: index for index, window in enumerate(alive)}
        system = [[self.number(0)] * (len(alive) + 1) for _ in alive]
        for window, index in place.items():
            targets = self.counts[window]
            visits = self.number(sum(weight for there, weight in targets.items() if there != "worth"))
            system[index][index] += 1
            system[index][-1] = targets.get(goal, 0) / visits
            for there, weight in targets.items():
                if there in place:
                    system[index][place[there]] -= weight / visits
        chances = gauss(system) if self.number is Fraction else dense(system)
        starts = self.counts.get("start", {})
        everyone = self.number(sum(starts.values()))
        return sum((starts.get(window, 0) / everyone * chances[index] for window, index in place.items()), 0)

    def effects(self, goal, states):
        whole = self.reached(goal)
        if not whole:
            return [0] * states
        return [1 - self.reached(goal, without=state) / whole for state in range(states)]


def gauss(system):
    """The solution of an augmented system of fractions."""
    size = len(system)
    for pivot in range(size):
        head = system[pivot][pivot]
        system[pivot] = [entry / head for entry in system[pivot]]
        for other in range(size):
            factor = system[other][pivot]
            if other != pivot and factor:
                pairs = zip(system[other], system[pivot], strict=True)
                system[other] = [entry - factor * above for entry, above in pairs]
    return [line[-1] for line in system]


def dense(system):
    if not system:
        return []
    array = np.array(system, dtype=float)
    return np.linalg.solve(array[:, :-1], array[:, -1]).tolist()
