"""The absorbing Markov chain that paths make: its states, its transitions and what absorbs them.

A state of the chain of order k is a *window*, k consecutive touches; a path shorter than k is one window. Windows
overlap, each begins a touch after the one before. A window that follows itself counts once: that removes the
chain's self-loops and changes no result. Counts are journeys: those that took a path begin in its first window and
move along it; from its last window the converting ones go to conversion and the others to null.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from attribution.engine.paths import Floats, Integers, Paths

ORDERS = (1, 2, 3, 4)
# With 250,000 windows training stays below 2 GiB; what needs more has more windows than journeys to learn from.
MAX_WINDOWS = 250_000

# Numbers below this are found by looking them up in a table, larger ones by sorting.
_TABLE = 1 << 22
_MAX_KEY = 2**63


class TooManyWindows(ValueError):
    """The paths have more windows of this order than training takes on."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The windows of n paths in a row, s in all.

    offsets: (n + 1,) int64. windows: (s,) int64, the number of each step's window.
    """

    offsets: Integers
    windows: Integers

    @property
    def lengths(self) -> Integers:
        return np.diff(self.offsets)

    @property
    def firsts(self) -> Integers:
        """(n,) the window each path begins with."""
        return self.windows[self.offsets[:-1]]

    @property
    def lasts(self) -> Integers:
        """(n,) the window each path ends with."""
        return self.windows[self.offsets[1:] - 1]

    @property
    def moves(self) -> Integers:
        """(s - n,) the steps that another one of the same path follows."""
        follows = np.ones(self.windows.size, dtype=np.bool_)
        follows[self.offsets[1:] - 1] = False
        return np.flatnonzero(follows)


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """W windows in the order of their states, E different moves between them.

    members: (W, order) int64, the states of each window, the latest touch last; -1 before a short path's first.
    journeys: how many in all. visits: (W,) how often they are in each window; divided by `journeys` it is the
    expected number of visits, for the chain repeats on average what the journeys did.
    start: (W,) probability to begin there. conversion: (W,) probability to convert next. worth: (W,) expected value
    of doing so. moves: (E, 2) int64 from and to, in order; probabilities: (E,) of each.
    paths, steps: what the chain was made of. steps_moves: (s - n,) int64, the number of each step's move.
    """

    members: Integers
    journeys: float
    visits: Floats
    start: Floats
    conversion: Floats
    worth: Floats
    moves: Integers
    probabilities: Floats
    paths: Paths
    steps: Steps
    steps_moves: Integers

    @property
    def windows(self) -> int:
        return len(self.members)

    def matrix(self) -> "sp.csr_array[np.float64, tuple[int, int]]":
        """(W, W) probability of each move."""
        shape = (self.windows, self.windows)
        return sp.csr_array((self.probabilities, (self.moves[:, 0], self.moves[:, 1])), shape=shape)

    def holders(self) -> tuple[Integers, Integers]:
        """States and windows, one pair for each state that a window holds, by state, then by window."""
        window, place = np.nonzero(self.members >= 0)
        held = np.unique(self.members[window, place] * self.windows + window)
        return held // self.windows, held % self.windows


def build(paths: Paths, order: int) -> Chain:
    """The chain of this order. Paths that nobody took are left out.

    Raises ValueError for an order other than 1 to 4, TooManyWindows beyond MAX_WINDOWS.
    """
    if order not in ORDERS:
        raise ValueError("The order must be 1, 2, 3 or 4.")
    paths = paths.select(paths.weights > 0)
    steps, members = cut(paths, order)
    count, weights = members.shape[0], paths.weights
    visits = _counted(steps.windows, np.repeat(weights, steps.lengths), count)
    origins = steps.moves
    pairs = steps.windows[origins] * count + steps.windows[origins + 1]
    moves, steps_moves = distinct(pairs, count * count)
    moved = _counted(steps_moves, np.repeat(weights, steps.lengths - 1), moves.size)
    journeys = float(weights.sum())
    return Chain(
        members=members,
        journeys=journeys,
        visits=visits,
        start=_counted(steps.firsts, weights, count) / max(journeys, np.finfo(np.float64).tiny),
        conversion=_counted(steps.lasts, paths.conversions, count) / visits,
        worth=_counted(steps.lasts, paths.values, count) / visits,
        moves=np.stack([moves // max(count, 1), moves % max(count, 1)], axis=1),
        probabilities=moved / visits[moves // max(count, 1)],
        paths=paths,
        steps=steps,
        steps_moves=steps_moves,
    )


def cut(paths: Paths, order: int, *, collapse: bool = True) -> tuple[Steps, Integers]:
    """The paths' windows, numbered in the order of their states, and the states of each ((W, order), padded by -1).

    Raises TooManyWindows beyond MAX_WINDOWS.
    """
    codes, states = distinct(paths.states.astype(np.int64), int(paths.states.max(initial=0)) + 1)
    base = codes.size + 1
    if codes.size > MAX_WINDOWS or base**order >= _MAX_KEY:
        raise TooManyWindows(f"{codes.size:,} states are more than a chain of order {order} can have.")
    offsets, keys = _keys(paths, states + 1, order, base)
    if collapse:
        offsets, keys = _without_repeats(offsets, keys)
    found, windows = distinct(keys, base**order)
    if found.size > MAX_WINDOWS:
        raise TooManyWindows(
            f"The paths have {found.size:,} different windows of order {order}; "
            f"{MAX_WINDOWS:,} is the most. Choose a lower order or fewer states."
        )
    digits = found[:, None] // base ** np.arange(order - 1, -1, -1, dtype=np.int64) % base
    named = np.concatenate([np.full(1, -1, dtype=np.int64), codes])
    return Steps(offsets, windows), named[digits]


def _keys(paths: Paths, digits: Integers, order: int, base: int) -> tuple[Integers, Integers]:
    """Offsets and windows of the paths; a window is the number that its states' digits write, a short path's too."""
    lengths = np.maximum(paths.lengths - order + 1, 1)
    offsets = np.zeros(paths.count + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    spare = np.repeat(paths.offsets[:-1] - offsets[:-1], lengths)
    first = np.arange(offsets[-1]) + spare
    keys = np.zeros(first.size, dtype=np.int64)
    if paths.lengths.min(initial=order) >= order:
        for place in range(order):
            keys = keys * base + digits[first + place]
        return offsets, keys
    ends = np.repeat(paths.offsets[1:], lengths)
    for place in range(order):
        inside = np.flatnonzero(first + place < ends)
        keys[inside] = keys[inside] * base + digits[first[inside] + place]
    return offsets, keys


def _without_repeats(offsets: Integers, keys: Integers) -> tuple[Integers, Integers]:
    keep = np.ones(keys.size, dtype=np.bool_)
    keep[1:] = keys[1:] != keys[:-1]
    keep[offsets[:-1]] = True
    kept_before = np.zeros(keys.size + 1, dtype=np.int64)
    np.cumsum(keep, out=kept_before[1:])
    return kept_before[offsets], keys[keep]


def distinct(keys: NDArray[np.int64], bound: int) -> tuple[Integers, Integers]:
    """The different keys, rising, and for each key its place among them. Keys are from 0 to below `bound`."""
    if bound > _TABLE:
        found, places = np.unique(keys, return_inverse=True)
        return found, places.astype(np.int64, copy=False)
    present = np.zeros(bound, dtype=np.bool_)
    present[keys] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[keys]


def _counted(places: Integers, weights: Floats, count: int) -> Floats:
    # bincount adds one after the other: no library decides the order.
    return np.bincount(places, weights=weights, minlength=count).astype(np.float64, copy=False)
