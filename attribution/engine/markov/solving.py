"""The two ways to solve a chain, both exact to rounding: elimination, and the sum of all its steps.

Elimination makes the inverse of I - Q, its fundamental matrix, once for all removals. Up to 256 unknowns it is
written with NumPy's elementwise arithmetic, which IEEE 754 rounds in one way on every machine; beyond, it is LAPACK.

The fundamental matrix of a large sparse chain is full, and so nearly are its factors (measured at order 4: 17,000
windows, 39,000 moves, 6 million nonzeros in the factors, 6 seconds). There the series I + Q + Q**2 + … is summed,
until what is left is bounded below rounding. Every term is >= 0: nothing cancels.
"""

import numpy as np
import scipy.sparse as sp

from attribution.engine.paths import Floats, Integers

ELEMENTWISE = 256

# What a series may leave out, as a part of its sum.
_LEFT_OUT = 2.0**-64
_NO_DRIFT = 2.0**-50
# Steps between two looks at what is left.
_STRIDE = 12


def eliminate(matrix: Floats, right: Floats) -> Floats:
    """(n, c) x of matrix @ x = right, for an M-matrix (n, n) or the inverse of one: neither needs pivots.

    Both keep that property in each step (Fiedler and Pták, 1962), so pivots stay positive and entries do not grow.
    """
    size = matrix.shape[0]
    if size > ELEMENTWISE:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    work = np.concatenate([matrix, right], axis=1)
    for pivot in range(size):
        work[pivot] /= work[pivot, pivot]
        factors = work[:, pivot].copy()
        factors[pivot] = 0.0
        work -= factors[:, None] * work[pivot]
    return work[:, size:]


def series(
    step: "sp.csr_array[np.float64, tuple[int, int]]", first: Floats, gone: tuple[Integers, Integers], weigh: Floats
) -> Floats:
    """(W, c) first + S first + S**2 first + …, where S is `step` and then 0 at the places `gone`; all are >= 0.

    first: (W, c). gone: rows and columns of places, where `first` too is taken as 0. weigh: (W,) >= 0, how much it
    matters to leave something out there.

    Once a term is `ratio` times the one a stride before, but for a drift, the rest is a geometric series of strides,
    but for the drift's own. So slow chains end as early as quick ones, as soon as their terms keep their shape. A
    stride is twelve, because journeys in circles of 2, 3, 4, 6 or 12 windows come round in it; in others they would
    swing for as long as they last.
    """
    term = first.copy()
    term[gone] = 0.0
    total = term.copy()
    while True:
        before, stride = term, np.zeros_like(term)
        for _ in range(_STRIDE):
            term = np.asarray(step @ term)
            term[gone] = 0.0
            stride += term
        total += stride
        ratio = term.sum(axis=0) / np.maximum(before.sum(axis=0), np.finfo(np.float64).tiny)
        rest = 1 / np.maximum(1 - ratio, np.finfo(np.float64).eps)
        # A drift of a few roundings is none: it moves the rest by as much of itself.
        drift = np.maximum(np.abs(term - ratio * before) - _NO_DRIFT * term, 0.0)
        left = rest * (drift * weigh[:, None]).sum(axis=0)
        if np.all(left <= _LEFT_OUT * (total * weigh[:, None]).sum(axis=0)):
            return np.asarray(total + stride * (ratio * rest))
