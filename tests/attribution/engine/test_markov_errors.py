"""Standard errors without simulation, against a simulation."""

import numpy as np
import pytest
from hypothesis import given

from attribution.engine.markov import ORDERS, chain, train
from attribution.engine.markov.removal import removals
from attribution.engine.markov.uncertainty import Influences
from attribution.engine.paths import Paths
from tests.attribution.engine.chains import STATES, WAYS, generated, paths_of, rows, solved

RESAMPLES = 400


@pytest.fixture(scope="module")
def sample():
    return Paths.aggregate(**generated(2_500, states=4, mean=3, seed=11, rate=0.2))


def resampled(paths, random):
    """As many journeys drawn again from these, with replacement."""
    journeys = np.concatenate([paths.conversions, paths.nulls])
    drawn = random.multinomial(int(journeys.sum()), journeys / journeys.sum()).astype(np.float64)
    conversions, nulls = np.split(drawn, 2)
    return Paths(paths.offsets, paths.states, conversions, nulls, np.zeros(paths.count))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_bootstrap_of_journeys_gives_nearly_the_same(sample, order):
    random = np.random.default_rng(12)
    effects = [
        train(resampled(sample, random), states=4, order=order, errors=False).removal_effects for _ in range(RESAMPLES)
    ]

    result = train(sample, states=4, order=order)

    # 400 resamples know a deviation to within 3.5 %; four times that, and what first order leaves out.
    assert result.standard_errors == pytest.approx(np.std(effects, axis=0), rel=0.16)
    assert (result.standard_errors > 0.001).all()


def test_a_journey_more_moves_the_effect_by_its_influence():
    drawn = [((0, 1, 0, 2), 3.0, 40.0, 0), ((1, 2), 5.0, 60.0, 0), ((2,), 1.0, 80.0, 0), ((0,), 2.0, 30.0, 0)]
    step = 1e-5
    for order in ORDERS:
        base = paths_of(drawn)
        derivatives = []
        for column in (1, 2):
            for index in range(len(drawn)):
                moved = [list(row) for row in drawn]
                moved[index][column] += step
                derivatives.append(_unrounded(paths_of([tuple(row) for row in moved]), order))
        derivatives = (np.array(derivatives) - _unrounded(base, order)) / step
        journeys = np.array([row[column] for column in (1, 2) for row in drawn])
        expected = np.sqrt((journeys[:, None] * derivatives**2).sum(axis=0))

        assert train(base, states=3, order=order).standard_errors == pytest.approx(expected, rel=1e-3)


def _unrounded(paths, order):
    made = chain.build(paths, order)
    converted = paths.conversions.sum() / made.journeys
    return np.concatenate([part.lost for part in removals(made, in_full=False)]) / converted


@given(rows)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ORDERS)
def test_what_no_journey_can_change_has_no_error(order, way, drawn):
    headed = [((STATES, *path), *amounts) for path, *amounts in drawn]
    with solved(way):
        result = train(paths_of(headed), states=STATES + 1, order=order)

    assert result.standard_errors[STATES] == pytest.approx(0.0, abs=1e-7)
    unseen = np.setdiff1d(np.arange(STATES), [code for path, *_ in drawn for code in path])
    assert not result.standard_errors[unseen].any()


def test_portions_of_states_and_paths_change_nothing(sample, monkeypatch):
    whole = train(sample, states=4, order=2).standard_errors
    for module, name, size in (("removal", "_PORTION", 1), ("uncertainty", "_ENTRIES", 1), ("uncertainty", "_ROWS", 7)):
        monkeypatch.setattr(f"attribution.engine.markov.{module}.{name}", size)
        assert train(sample, states=4, order=2).standard_errors == pytest.approx(whole, rel=1e-5)


def test_ten_times_the_data_has_a_smaller_error():
    drawn = [((0, 1), 3, 5, 0), ((1,), 1, 6, 0), ((0,), 2, 2, 0)]
    little, much = (train(paths_of(drawn * times), states=2, order=1) for times in (1, 100))

    assert much.removal_effects == pytest.approx(little.removal_effects, abs=1e-12)
    assert much.standard_errors * 10 == pytest.approx(little.standard_errors, rel=1e-5)


def test_intervals_are_normal_and_stay_between_0_and_1(sample):
    result = train(sample, states=4, order=1)
    low, high = result.intervals().T
    inside = (low > 0) & (high < 1)

    assert inside.any()
    assert (high - low)[inside] == pytest.approx(2 * 1.959963984540054 * result.standard_errors[inside])
    assert (result.intervals(0.5)[:, 0] > low)[inside].all()
    sharp = train(paths_of([((0,), 1, 1, 0), ((0, 1), 1, 1, 0), ((1,), 1, 3, 0)]), states=3, order=1)
    assert sharp.intervals(0.999).min() == 0.0
    assert sharp.intervals(0.999).max() == 1.0
    assert sharp.intervals(0.999)[2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, float("nan")])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        train(paths_of([((0,), 1, 1, 0)]), states=1, order=1).intervals(level)


def test_errors_that_were_not_asked_for_are_not_there():
    result = train(paths_of([((0,), 1, 1, 0)]), states=1, order=1, errors=False)
    assert result.standard_errors is None
    with pytest.raises(ValueError, match="errors=True"):
        result.intervals()


def test_errors_need_removals_in_full():
    made = chain.build(paths_of([((0,), 1, 1, 0)]), 1)
    with pytest.raises(ValueError, match="in full"):
        Influences(made).standard_errors(next(removals(made, in_full=False)))
