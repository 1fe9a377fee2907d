"""Standard errors of removal effects without simulation: the infinitesimal jackknife.

A journey's influence on an effect is the derivative of the effect by the weight of that journey; the variance is the
sum of their squares (Jaeckel, 1972; Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter 6).
It agrees with the bootstrap of journeys to first order, needs no seed and gives the same number every time.

For the chance P_k to convert without state k, with n_i journeys through window i, one more move from i to j
changes P_k by visits_i (chance_j - chance_i) / n_i, where visits and chances are those of the chain without k. Windows
that hold k are never visited there. P itself is conversions / journeys. RE = 1 - P_k / P by the chain rule.

Only for conversions: counted paths do not tell how the values of their conversions vary.
"""

import numpy as np
import scipy.sparse as sp

from attribution.engine.markov.chain import Chain
from attribution.engine.markov.removal import Removals
from attribution.engine.paths import Floats

# Paths at a time, and entries of the largest array: what is worked out for them stays in the cache, or near it.
_ROWS = 1024
_ENTRIES = 1 << 23


class Influences:
    """Of the journeys of one chain that has conversions."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        bounds = chain.steps.offsets - np.arange(chain.steps.offsets.size)
        shape = (chain.paths.count, chain.moves.shape[0])
        moves_of_paths = sp.csr_array((np.ones(chain.steps_moves.size), chain.steps_moves, bounds), shape=shape)
        self.portions = [slice(begin, begin + _ROWS) for begin in range(0, chain.paths.count, _ROWS)]
        self.moves_of_paths = [moves_of_paths[part] for part in self.portions]
        self.firsts, self.lasts = chain.steps.firsts, chain.steps.lasts
        self.probability = float(chain.paths.conversions.sum()) / chain.journeys

    def standard_errors(self, removed: Removals) -> Floats:
        """(c,) of the removal effects of a portion of states that was solved in full."""
        if removed.visits is None or removed.chances is None:
            raise ValueError("Standard errors need removals in full.")
        width = max(1, _ENTRIES // max(self.chain.windows, self.chain.moves.shape[0]))
        portions = [slice(begin, begin + width) for begin in range(0, removed.states.size, width)]
        variances = [self._variances(removed.visits[:, part], removed.chances[:, part]) for part in portions]
        return np.asarray(np.sqrt(np.concatenate(variances)) / self.probability)

    def _variances(self, visits: Floats, chances: Floats) -> Floats:
        """Of the effects, times the square of P: visits and chances (W, c) without each of c states."""
        per_visit = visits / self.chain.visits[:, None]
        origin, target = self.chain.moves.T
        by_move = per_visit[origin] * (chances[target] - chances[origin])
        without = (self.chain.start[:, None] * chances).sum(axis=0)
        starting = (chances - without) / self.chain.journeys
        outcomes = (
            (self.chain.paths.conversions, per_visit * (1 - chances), self._own(without, 1.0)),
            (self.chain.paths.nulls, per_visit * -chances, self._own(without, 0.0)),
        )
        variances = np.zeros(without.size)
        for part, moves_of_paths in zip(self.portions, self.moves_of_paths, strict=True):
            change = moves_of_paths @ by_move
            change += starting[self.firsts[part]]
            for journeys, ending, own in outcomes:
                influence = change + ending[self.lasts[part]]
                influence -= own
                influence *= influence
                influence *= journeys[part, None]
                variances += influence.sum(axis=0)
        return variances

    def _own(self, without: Floats, outcome: float) -> Floats:
        """What the same journey does through P, in which the effect is measured."""
        return without / self.probability * ((outcome - self.probability) / self.chain.journeys)
