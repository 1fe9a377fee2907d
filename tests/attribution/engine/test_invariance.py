"""The same journey gives the same bits and the same cents, whatever stands beside it."""

import hashlib

import numpy as np
import pytest

from attribution.engine.credit import attribute
from attribution.engine.journeys import Journeys
from attribution.engine.models import MODELS, halved
from attribution.engine.parameters import Parameters
from tests.attribution.engine.strategies import DAY, HOUR, big_batch, journeys_of, part

PARAMETERS = Parameters(half_life_days=3.3, position_weights=(0.37, 0.21, 0.41))


@pytest.fixture(scope="module")
def million():
    journeys = big_batch(1_000_000, seed=20)
    random = np.random.default_rng(21)
    return journeys, random.integers(0, 10**8, journeys.count), random.integers(0, 10**6, journeys.count)


def calculated(model, journeys, values, commissions):
    """Weights as their bits, and what they come to: everything that must not change."""
    weights = MODELS[model](journeys, PARAMETERS).view(np.int64)
    result = attribute(journeys, model, PARAMETERS, values=values, commissions=commissions)
    return np.stack([weights, *result])


@pytest.mark.parametrize("model", MODELS)
def test_a_journey_alone_is_what_it_is_among_a_million_touches(model, million):
    journeys, values, commissions = million
    together = calculated(model, journeys, values, commissions)
    longest = int(journeys.lengths.argmax())

    for index in [longest, *np.random.default_rng(22).integers(0, journeys.count, 300).tolist()]:
        one = slice(index, index + 1)
        single = calculated(model, part(journeys, index, index + 1), values[one], commissions[one])
        begin, end = journeys.offsets[index : index + 2]
        assert np.array_equal(single, together[:, begin:end])


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_in_two_is_the_batch_in_one(model, million):
    journeys, values, commissions = million
    together = calculated(model, journeys, values, commissions)

    for cut in (1, journeys.count // 2 + 1):
        halves = [
            calculated(model, part(journeys, begin, end), values[begin:end], commissions[begin:end])
            for begin, end in ((0, cut), (cut, journeys.count))
        ]
        assert np.array_equal(np.concatenate(halves, axis=1), together)


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_the_journeys_changes_nothing(model):
    journeys = big_batch(30_000, seed=23)
    random = np.random.default_rng(24)
    values = random.integers(-(10**6), 10**6, journeys.count)
    order = random.permutation(journeys.count)
    lengths = journeys.lengths[order]
    moved = np.repeat(journeys.starts[order] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    shuffled = Journeys.from_lengths(lengths, journeys.ages[moved], journeys.channels[moved])

    before = calculated(model, journeys, values, values)
    after = calculated(model, shuffled, values[order], values[order])

    assert np.array_equal(after, before[:, moved])


def test_halving_does_not_depend_on_where_a_number_stands():
    times = np.random.default_rng(25).random(100_003) * 300
    together = halved(times)

    for begin in range(9):
        for step in (1, 2, 3):
            assert np.array_equal(halved(times[begin::step]), together[begin::step])
    assert [halved(times[[place]])[0] for place in range(500)] == together[:500].tolist()


@pytest.mark.parametrize(
    ("model", "digest"),
    [
        ("time_decay", "5f1fba5057e1cfb4"),
        ("position_based", "f9f13c235d69dd46"),
        ("linear", "ff47fbba4676cc01"),
    ],
)
def test_every_machine_gets_these_very_bits(model, digest):
    # The digests are those of a loop over plain Python floats. What goes in is made of whole numbers
    # only, so that no library decides it.
    lengths = [1 + index * 7919 % 60 for index in range(500)]
    numbers = [[index * 60 + touch for touch in range(length)] for index, length in enumerate(lengths)]
    journeys = journeys_of(
        *[sorted((number * 104_729_000_003 % (90 * DAY) for number in journey), reverse=True) for journey in numbers]
    )

    weights = MODELS[model](journeys, PARAMETERS)

    assert hashlib.sha256(weights.astype("<f8").tobytes()).hexdigest()[:16] == digest


def test_touches_of_the_same_moment_have_the_same_weight():
    journeys = journeys_of([9 * HOUR] * 37 + [HOUR] * 41)

    weights = MODELS["time_decay"](journeys, PARAMETERS)

    assert len(set(weights.tolist())) == 2
