"""Shapley values of two games between the states of paths. For analysis only: neither is ever paid.

The *set game*, v(C) = what the journeys converted whose states all lie in C, is what is mostly sold as "Shapley". Its
value is an even split over the different states of each path (each path is a unanimity game: Shapley, A value for
n-person games, 1953), so it knows nothing of journeys that did not convert.

The *rate game*, v(C) = the conversion rate of those same journeys, does know of them. It is not monotone: a state
whose journeys convert less than others has a negative value, and it is shown as it is.
"""

import math
from dataclasses import dataclass

import numpy as np

from attribution.engine.paths import Floats, Integers, Paths

# A million coalitions. The work doubles with each player.
MAX_PLAYERS = 20


class TooManyPlayers(ValueError):
    """The rate game has a value for every coalition, and there are more players than can be listed."""


@dataclass(frozen=True, slots=True, eq=False)
class SetGame:
    """(S,) by code of state: shares of all conversions and of all value; they add up to the totals."""

    conversions: Floats
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RateGame:
    """effects: (S,) by code of state, of either sign; they add up to `probability`, the rate of all journeys.

    conversions: (S,) the same on the scale of all conversions.
    """

    effects: Floats
    conversions: Floats
    probability: float


def set_game(paths: Paths, *, states: int) -> SetGame:
    """Even split of each path's conversions and value over its different states. states: S, above all codes."""
    _check(paths, states)
    owners, players = _members(paths, states)
    share = 1.0 / np.bincount(owners, minlength=paths.count)[owners]
    conversions, values = (
        np.bincount(players, weights=amounts[owners] * share, minlength=states).astype(np.float64, copy=False)
        for amounts in (paths.conversions, paths.values)
    )
    return SetGame(conversions, values)


def rate_game(paths: Paths, *, states: int) -> RateGame:
    """Exact Shapley values of the conversion rate over all coalitions of the states that occur.

    A coalition without journeys has the rate 0. states: S, above all codes; a state that never occurs has 0.
    Raises TooManyPlayers when more than MAX_PLAYERS occur.
    """
    _check(paths, states)
    paths = paths.select(paths.weights > 0)
    owners, codes = _members(paths, states)
    playing, players = np.unique(codes, return_inverse=True)
    if playing.size > MAX_PLAYERS:
        raise TooManyPlayers(
            f"{playing.size} different states occur; the conversion-rate game is exact for {MAX_PLAYERS} at the most. "
            "Choose coarser states or leave some out."
        )
    coalitions = np.zeros(paths.count, dtype=np.int64)
    np.add.at(coalitions, owners, np.int64(1) << players.astype(np.int64))
    rates = _rates(paths, coalitions, playing.size)
    effects = np.zeros(states)
    effects[playing] = _values(rates, playing.size)
    total = float(paths.conversions.sum())
    # The scale is that of the effects' own sum, which is the rate of all journeys.
    journeys = float(paths.weights.sum())
    return RateGame(effects, effects * journeys, total / journeys if journeys else 0.0)


def _check(paths: Paths, states: int) -> None:
    if states < 0 or paths.states.max(initial=-1) >= states:
        raise ValueError("The codes of states must be below the number of states.")


def _members(paths: Paths, states: int) -> tuple[Integers, Integers]:
    """Paths and states, one pair for each different state of each path."""
    owners = np.repeat(np.arange(paths.count, dtype=np.int64), paths.lengths)
    pairs = np.unique(owners * max(states, 1) + paths.states)
    return pairs // max(states, 1), pairs % max(states, 1)


def _rates(paths: Paths, coalitions: Integers, players: int) -> Floats:
    """(2**players,) conversion rate of the journeys inside each coalition, a bit for each member."""
    inside = []
    for amounts in (paths.conversions, paths.weights):
        sums = np.bincount(coalitions, weights=amounts, minlength=1 << players).astype(np.float64, copy=False)
        # Sums over all subsets, one player after the other (the zeta transform; Yates, 1937).
        for player in range(players):
            halves = sums.reshape(-1, 2, 1 << player)
            halves[:, 1] += halves[:, 0]
        inside.append(sums)
    converted, journeys = inside
    return np.divide(converted, journeys, out=np.zeros_like(converted), where=journeys > 0)


def _values(rates: Floats, players: int) -> Floats:
    """(players,) what each adds to the coalitions without it, weighed by |C|! (n - 1 - |C|)! / n!."""
    sizes = np.bitwise_count(np.arange(1 << players, dtype=np.int64)).astype(np.int64)
    weights = np.array([1.0 / (players * math.comb(players - 1, size)) for size in range(players)])
    values = np.zeros(players)
    for player in range(players):
        halves = rates.reshape(-1, 2, 1 << player)
        without = sizes.reshape(halves.shape)[:, 0].ravel()
        added = (halves[:, 1] - halves[:, 0]).ravel()
        values[player] = math.fsum(np.bincount(without, weights=added, minlength=players) * weights)
    return values
