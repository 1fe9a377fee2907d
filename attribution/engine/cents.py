"""Whole units shared out without losing one: the largest remainder method (Hamilton, 1792).

Everybody gets the whole part of their quota; the units left over go, one each, to the largest
fractions. Equal fractions: the earlier touch.

Weights become credits once, whole numbers of 10**-10 that sum to exactly 1. Every amount is then
shared by credits in integer arithmetic: what a record stores is enough to compute its cents again,
and a touch without credit never gets a cent.
"""

import numpy as np
from numpy.typing import NDArray

from attribution.engine.journeys import check_offsets

Units = NDArray[np.int64]

# Credit is kept with ten decimals.
CREDIT = 10**10
# 9 * 10**16 minor units is the most whose products with a credit fit 64 bits in two halves.
MAX_TOTAL = 9 * 10**16

_HALF = 10**8
_LAST_RANK = np.iinfo(np.int64).max
# Fractions of a credit unit are compared in steps coarser than the noise in a quota (about 1e-6 of
# a unit), so that noise does not decide between two that should be equal. Halves, thirds … twelfths
# are whole numbers of these steps and so stay clear of the edges between them.
_FRACTION_STEPS = 55440.0


def credits(weights: NDArray[np.float64], offsets: Units) -> Units:
    """(m,) credits in units of 10**-10, CREDIT in all for each journey that has touches.

    weights: (m,) >= 0, summing to 1 in each journey. offsets: (n + 1,) as in `Journeys`.
    Raises ValueError for weights that are negative, not numbers, or off the sum of 1 by more than
    one unit a touch.
    """
    check_offsets(offsets, weights.size)
    if not ((weights >= 0) & (weights < 2)).all():
        raise ValueError("Weights must be numbers from 0 to 1.")
    quotas = weights * CREDIT
    whole = np.floor(quotas)
    # A touch without weight ranks behind the smallest fraction.
    fractions = np.rint((quotas - whole) * _FRACTION_STEPS).astype(np.int64) + (weights > 0)
    lengths = offsets[1:] - offsets[:-1]
    totals = np.where(lengths > 0, CREDIT, 0)
    return _hand_out(whole.astype(np.int64), fractions, totals, offsets)


def share(totals: Units, credits: Units, offsets: Units) -> Units:
    """(m,) each journey's total shared by its credits; the shares of a journey sum to its total.

    totals: (n,) minor units, either sign: the shares of -t are those of t, negated. Exact up to
    MAX_TOTAL. credits: (m,) as `credits` returns them. A journey without touches shares nothing.
    Raises TypeError for totals that are not int64, ValueError for larger ones and for credits that
    don't sum to CREDIT.
    """
    if totals.dtype != np.int64:
        raise TypeError("Totals must be int64 minor units.")
    check_offsets(offsets, credits.size)
    lengths = offsets[1:] - offsets[:-1]
    if (credits < 0).any() or (_sums(credits, offsets) != np.where(lengths > 0, CREDIT, 0)).any():
        raise ValueError("The credits of a journey must sum to 1.")
    if totals.shape != lengths.shape:
        raise ValueError("There must be one total a journey.")
    amounts = np.abs(totals)
    # The smallest int64 has no absolute value.
    if ((amounts > MAX_TOTAL) | (amounts < 0)).any():
        raise ValueError(f"A total must lie within {MAX_TOTAL} minor units.")
    whole, fractions = quotas(np.repeat(amounts, lengths), credits)
    shares = _hand_out(whole, fractions, np.where(lengths > 0, amounts, 0), offsets)
    if (totals < 0).any():
        np.negative(shares, out=shares, where=np.repeat(totals < 0, lengths))
    return shares


def largest_remainder(totals: Units, weights: NDArray[np.float64], offsets: Units) -> Units:
    """(m,) each journey's total shared by its weights, by way of credits. See `credits` and `share`."""
    return share(totals, credits(weights, offsets), offsets)


def quotas(amounts: Units, credits: Units) -> tuple[Units, Units]:
    """amounts * credits divided by CREDIT, as whole part and rest, without leaving 64 bits.

    amounts: (m,) >= 0, each touch's journey's total. credits: (m,)."""
    if amounts.max(initial=0) < _HALF:
        whole, rest = np.divmod(amounts * credits, CREDIT)
        return whole, rest
    high, low = np.divmod(amounts, _HALF)
    carried, left = np.divmod(high * credits, CREDIT // _HALF)
    whole, rest = np.divmod(left * _HALF + low * credits, CREDIT)
    return carried + whole, rest


def _sums(parts: Units, offsets: Units) -> Units:
    # Of a journey without touches reduceat would answer the first touch of the next one.
    sums = np.zeros(offsets.size - 1, dtype=np.int64)
    has_touches = offsets[1:] > offsets[:-1]
    if parts.size:
        sums[has_touches] = np.add.reduceat(parts, offsets[:-1][has_touches])
    return sums


def _hand_out(whole: Units, fractions: Units, totals: Units, offsets: Units) -> Units:
    """Add one to the largest `fractions` (m,), until `whole` (m,) sums to `totals` (n,).

    Works in place. Journeys are ranked as rows of tables, one table for each power of two of the
    length: a row's order never depends on the rows beside it.
    """
    lengths = offsets[1:] - offsets[:-1]
    starts = offsets[:-1]
    left = totals - _sums(whole, offsets)
    if ((left < 0) | (left > lengths)).any():
        raise ValueError("The parts of a journey don't sum to the whole.")
    to_rank = np.flatnonzero(left > 0)
    _, exponents = np.frexp(lengths[to_rank] - 1)
    for exponent in np.flatnonzero(np.bincount(exponents)):
        rows = to_rank[exponents == exponent]
        winners = _largest(fractions, starts[rows], lengths[rows], left[rows], 2 ** int(exponent))
        whole[winners] += 1
    return whole


def _largest(fractions: Units, starts: Units, lengths: Units, wanted: Units, width: int) -> Units:
    """Indices of the `wanted` largest fractions of each journey of at most `width` touches."""
    places = np.arange(width, dtype=np.int64)
    index = np.minimum(starts[:, None] + places, fractions.size - 1)
    # One number orders by fraction, downwards, then by place: fractions stay below 2**34.
    ranked = np.where(places < lengths[:, None], (CREDIT - fractions[index]) * width + places, _LAST_RANK)
    ranked.sort(axis=1)
    chosen = ranked[places < wanted[:, None]] & (width - 1)
    return chosen + np.repeat(starts, wanted)
