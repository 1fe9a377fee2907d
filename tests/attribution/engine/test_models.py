from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine.models import MODELS, halved
from attribution.engine.parameters import Parameters
from tests.attribution.engine import strategies
from tests.attribution.engine.strategies import DAY, HOUR, journeys_of, path


def weights(model, journeys, **parameters):
    return MODELS[model](journeys, Parameters(**parameters)).tolist()


@pytest.mark.parametrize("model", MODELS)
@given(batch=strategies.batches, parameters=strategies.parameters)
def test_weights_are_never_negative_and_sum_to_one_in_every_journey(model, batch, parameters):
    journeys = journeys_of(*batch)

    result = MODELS[model](journeys, parameters)

    assert result.shape == (journeys.touches,)
    assert result.dtype == np.float64
    assert (result >= 0).all()
    sums = np.bincount(journeys.owner, weights=result, minlength=journeys.count)
    assert sums == pytest.approx([1.0 if journey else 0.0 for journey in batch], abs=1e-12)


def test_first_and_last_touch_take_all():
    journeys = journeys_of([3, 2, 1], [], [5], [2, 1])

    assert weights("first_touch", journeys) == [1, 0, 0, 1, 1, 0]
    assert weights("last_touch", journeys) == [0, 0, 1, 1, 0, 1]


def test_linear_gives_every_touch_the_same():
    assert weights("linear", journeys_of([3, 2, 1], [], [5], [2, 1])) == [1 / 3] * 3 + [1] + [0.5] * 2


def test_time_decay_halves_with_each_half_life():
    assert weights("time_decay", journeys_of([14 * DAY, 7 * DAY, 0])) == [1 / 7, 2 / 7, 4 / 7]
    assert weights("time_decay", journeys_of([2 * DAY, 0]), half_life_days=2) == [1 / 3, 2 / 3]


def test_time_decay_only_looks_at_differences_of_age():
    fresh, old = journeys_of([240 * HOUR, 72 * HOUR, 0]), journeys_of([1240 * HOUR, 1072 * HOUR, 1000 * HOUR])

    assert weights("time_decay", fresh) == weights("time_decay", old)


@pytest.mark.parametrize("half_life_days", [1e-300, 1e-9, 7, 1e6, 1e300])
def test_time_decay_survives_any_half_life_on_old_touches(half_life_days):
    journeys = journeys_of([3650 * DAY, 3649 * DAY, 3648 * DAY], [3650 * DAY] * 2)

    result = weights("time_decay", journeys, half_life_days=half_life_days)

    assert sum(result[:3]) == pytest.approx(1, abs=1e-15)
    assert result[0] <= result[1] <= result[2]
    assert result[3:] == [0.5, 0.5]


def test_position_based_gives_the_ends_forty_and_the_middle_twenty():
    journeys = journeys_of([1], [2, 1], [3, 2, 1], [5, 4, 3, 2, 1])

    assert weights("position_based", journeys) == pytest.approx(
        [1, 0.5, 0.5, 0.4, 0.2, 0.4, 0.4, 0.2 / 3, 0.2 / 3, 0.2 / 3, 0.4], abs=1e-15
    )


def test_position_weights_may_be_percentages_and_are_renormalised():
    journeys = journeys_of([2, 1], [4, 3, 2, 1])

    assert weights("position_based", journeys, position_weights=(60, 20, 20)) == pytest.approx(
        [0.75, 0.25, 0.6, 0.1, 0.1, 0.2], abs=1e-15
    )


def test_two_touches_share_evenly_when_only_the_middle_has_weight():
    journeys = journeys_of([1], [2, 1], [3, 2, 1])

    assert weights("position_based", journeys, position_weights=(0, 1, 0)) == [1, 0.5, 0.5, 0, 1, 0]


@pytest.mark.parametrize("model", MODELS)
def test_no_journeys_have_no_weights(model):
    assert weights(model, journeys_of()) == []
    assert weights(model, journeys_of([], [])) == []


@pytest.mark.parametrize("model", MODELS)
def test_a_hundred_thousand_touches_still_sum_to_one(model):
    journeys = journeys_of([age * HOUR for age in reversed(range(100_000))])

    result = MODELS[model](journeys, Parameters(half_life_days=3000))

    assert np.isfinite(result).all()
    assert result.sum() == pytest.approx(1, abs=1e-10)


@given(st.floats(0, 1000))
def test_halving_is_right_to_the_last_bits(times):
    with localcontext() as context:
        context.prec = 40
        exact = float(Decimal(2) ** -Decimal(times))

    assert halved(np.array([times]))[0] == pytest.approx(exact, rel=4e-16)


def test_halving_a_whole_number_of_times_is_exact():
    assert halved(np.array([0.0, 1.0, 2.0, 60.0])).tolist() == [1, 0.5, 0.25, 2.0**-60]


def test_the_weights_of_a_path_do_not_depend_on_its_channels():
    assert weights("time_decay", path("email", "chat")) == weights("time_decay", path("event", "event"))
