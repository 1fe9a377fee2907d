"""Journeys as hypothesis draws them, and as the tests build them by hand."""

import numpy as np
from hypothesis import strategies as st

from attribution.engine.journeys import CHANNEL_CODES, Journeys
from attribution.engine.parameters import Parameters

HOUR = 3_600_000_000
DAY = 24 * HOUR

# Ages from a microsecond to 25 years, with the round ones that make ties.
ages = st.one_of(st.integers(0, 25 * 365 * DAY), st.sampled_from([0, HOUR, DAY, 7 * DAY, 14 * DAY]))
journey_ages = st.lists(ages, max_size=12).map(lambda drawn: sorted(drawn, reverse=True))
batches = st.lists(journey_ages, max_size=8)
parameters = st.builds(
    Parameters,
    half_life_days=st.floats(1e-9, 1e6),
    position_weights=st.tuples(*[st.floats(0, 1e9)] * 3).filter(any),
)


def journeys_of(*ages_by_journey, channels=None):
    """One journey a list of ages; `channels` are names, one list a journey."""
    names = [name for journey in channels for name in journey] if channels else []
    touches = [age for journey in ages_by_journey for age in journey]
    codes = [CHANNEL_CODES[name] for name in names] if channels else [0] * len(touches)
    return Journeys.from_lengths([len(journey) for journey in ages_by_journey], touches, codes)


def path(*channels):
    """A single journey of these channels, a day apart, the last at the conversion."""
    return journeys_of([DAY * age for age in reversed(range(len(channels)))], channels=[channels])


def part(journeys, begin, end):
    """The journeys from `begin` to `end` as a batch of their own."""
    first, last = journeys.offsets[begin], journeys.offsets[end]
    return Journeys(journeys.offsets[begin : end + 1] - first, journeys.ages[first:last], journeys.channels[first:last])


def big_batch(touches, seed):
    """About `touches` touches: mostly short journeys, some empty, one of 5,000."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(0.3, touches // 3) - (random.random(touches // 3) < 0.1)
    lengths[lengths.size // 2] = 5000
    owner = np.repeat(np.arange(lengths.size), lengths)
    unsorted = random.integers(0, 90 * DAY, owner.size)
    # Half of the touches fall on whole hours, so that many are of the same age.
    unsorted[::2] -= unsorted[::2] % HOUR
    ages_in_order = unsorted[np.lexsort((-unsorted, owner))]
    return Journeys.from_lengths(lengths, ages_in_order, random.integers(0, 15, owner.size))
