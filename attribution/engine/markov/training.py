"""Training of the data-driven model: removal effects, channel-level credit and how far the data carries them."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from attribution.engine.markov.chain import Chain, build
from attribution.engine.markov.removal import removals
from attribution.engine.markov.uncertainty import Influences
from attribution.engine.paths import Floats, Paths

# What a library's order of operations may move is far below the twelfth digit.
DIGITS = 12
# Standard errors are differences of near numbers, and nobody needs more of them.
ERROR_DIGITS = 6
# More than rounding can be wrong with an effect.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Markov:
    """What a chain of one order learnt. Arrays are (S,) by code of state; a state that never occurs has 0 everywhere.

    probability: P, of a conversion: conversions / journeys. 0 without conversions, and then all the rest is 0.
    removal_effects: from 0 to 1, the part of all conversions that is lost without the state.
    removal_effects_value: the same of all value; 0 everywhere if nothing has value.
    conversions, values: channel-level credit: the totals shared in proportion to the effects.
    standard_errors: of `removal_effects`, with journeys as the sampling unit; None if they were not asked for.
    windows: how many states the chain had.
    """

    order: int
    windows: int
    probability: float
    removal_effects: Floats
    removal_effects_value: Floats
    conversions: Floats
    values: Floats
    standard_errors: Floats | None

    def intervals(self, level: float = 0.95) -> Floats:
        """(S, 2) low and high ends of normal confidence intervals of `removal_effects`, within 0 and 1.

        Raises ValueError for a level that is not between 0 and 1, or without standard errors.
        """
        if not 0 < level < 1:
            raise ValueError("The level must be between 0 and 1.")
        if self.standard_errors is None:
            raise ValueError("Train with errors=True to have intervals.")
        reach = NormalDist().inv_cdf((1 + level) / 2) * self.standard_errors
        return np.clip(np.stack([self.removal_effects - reach, self.removal_effects + reach], axis=1), 0.0, 1.0)


def train(paths: Paths, *, states: int, order: int, errors: bool = True) -> Markov:
    """Exact removal effects of the absorbing chain of order 1 to 4, by conversions and by value.

    states: S; codes of states are below it. errors: whether to work out standard errors too.

    Numbers are rounded to 12 significant digits (standard errors to 6), so that they are the same bytes wherever
    they are computed; what different libraries make of a sum differs in the sixteenth. Without journeys that did not
    convert, P is 1 and effects stay defined.
    Raises ValueError for another order or codes beyond `states`, TooManyWindows (a ValueError) for more windows than
    `chain.MAX_WINDOWS`.
    """
    if states < 0 or paths.states.max(initial=-1) >= states:
        raise ValueError("The codes of states must be below the number of states.")
    chain = build(paths, order)
    converted, value = float(chain.paths.conversions.sum()), float(chain.paths.values.sum())
    effects, effects_value, deviations = (np.zeros(states) for _ in range(3))
    if converted:
        influences = Influences(chain) if errors else None
        for part in removals(chain, in_full=errors):
            effects[part.states] = _effects(part.lost, converted, chain)
            if value:
                effects_value[part.states] = _effects(part.lost_value, value, chain)
            if influences:
                deviations[part.states] = influences.standard_errors(part)
    return Markov(
        order=order,
        windows=chain.windows,
        probability=_rounded(np.array([converted / (chain.journeys or 1.0)]), DIGITS).item(),
        removal_effects=_rounded(effects, DIGITS),
        removal_effects_value=_rounded(effects_value, DIGITS),
        conversions=_rounded(_shared(converted, effects), DIGITS),
        values=_rounded(_shared(value, effects_value), DIGITS),
        standard_errors=_rounded(deviations, ERROR_DIGITS) if errors else None,
    )


def _effects(lost: Floats, total: float, chain: Chain) -> Floats:
    effects = lost * chain.journeys / total
    if not ((effects > -_NOISE) & (effects < 1 + _NOISE)).all():
        raise ArithmeticError("A removal effect is outside 0 to 1 by more than rounding: the chain is not solved.")
    return np.clip(effects, 0.0, 1.0)


def _shared(total: float, effects: Floats) -> Floats:
    whole = math.fsum(effects)
    return total * (effects / whole) if whole else np.zeros_like(effects)


def _rounded(numbers: Floats, digits: int) -> Floats:
    # Python writes and reads decimal numbers correctly rounded, on every machine.
    return np.array([float(f"{number:.{digits}g}") for number in numbers.tolist()], dtype=np.float64)
