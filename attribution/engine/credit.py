"""The one way from journeys to credit and money, for a single lead and for a batch of millions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attribution.engine import cents
from attribution.engine.journeys import Journeys
from attribution.engine.models import MODELS
from attribution.engine.parameters import Parameters


class UnknownModel(ValueError):
    pass


class Attributed(NamedTuple):
    """What each of the m touches earned; all (m,) int64.

    credits: units of 10**-10, 10**10 in all for a journey. values, commissions: minor units, in all
    the journey's value and commission. A touch without credit has neither value nor commission.
    """

    credits: NDArray[np.int64]
    values: NDArray[np.int64]
    commissions: NDArray[np.int64]


def attribute(
    journeys: Journeys,
    model: str,
    parameters: Parameters,
    *,
    values: NDArray[np.int64],
    commissions: NDArray[np.int64],
) -> Attributed:
    """Share each conversion's value and commission among its touches.

    journeys: with the path rules applied already. values, commissions: (n,) int64 minor units, of
    either sign. What belongs to an empty journey is given to nobody.
    Raises UnknownModel, and ValueError for amounts beyond `cents.MAX_TOTAL`.
    """
    if model not in MODELS:
        raise UnknownModel(f"There is no model {model}.")
    credits = cents.credits(MODELS[model](journeys, parameters), journeys.offsets)
    return Attributed(
        credits,
        cents.share(values, credits, journeys.offsets),
        cents.share(commissions, credits, journeys.offsets),
    )
