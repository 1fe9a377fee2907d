"""Removal effects on paper, against slow oracles, and where the data is odd."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from attribution.engine.markov import MAX_WINDOWS, ORDERS, TooManyWindows, chain, train
from attribution.engine.paths import Paths
from tests.attribution.engine.chains import STATES, WAYS, SlowChain, flat, generated, paths_of, rows, rows_of, solved

EXAMPLES = Path(__file__).resolve().parents[4] / "shared" / "reference" / "worked_examples.json"
NUMBERS = ("removal_effects", "removal_effects_value", "conversions", "values")

needs_examples = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="the shared worked examples are not beside this project"
)


def worked_rows(example, *, with_nulls):
    """Rows of an example, and the names of its states by code."""
    paths = [{**each, "path": each["path"].split(" > ")} for each in example["paths"]]
    names = sorted({name for each in paths for name in each["path"]})
    return [
        (
            tuple(map(names.index, each["path"])),
            each["conversions"],
            each["null"] if with_nulls else 0,
            each["value"],
        )
        for each in paths
    ], names


@needs_examples
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("with_nulls", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("example", ["W1_bryl_2016", "W2_puzyrov_2019", "W3_repeats_values", "W4_shapley"])
def test_the_worked_examples_come_out_exactly(example, order, with_nulls, way):
    worked = json.loads(EXAMPLES.read_text())[example]
    expected = worked["expected"][f"markov_o{order}{'' if with_nulls else '_nonull'}"]
    drawn, names = worked_rows(worked, with_nulls=with_nulls)

    with solved(way):
        result = train(paths_of(drawn), states=len(names), order=order)

    assert result.windows == expected["n_states"]
    assert result.probability == pytest.approx(expected["p_conv"], abs=1e-12)
    compared = {
        "removal": result.removal_effects,
        "conv": result.conversions,
        "removal_value": result.removal_effects_value,
        "val": result.values,
    }
    for key, numbers in compared.items():
        for name, number in expected.get(key, {}).items():
            assert numbers[names.index(name)] == pytest.approx(number, abs=1e-11)


def test_the_first_example_on_paper():
    # C1 > C2 > C3 converts; C1, and C2 > C3, do not.
    result = train(paths_of([((0, 1, 2), 1, 0, 30), ((0,), 0, 1, 0), ((1, 2), 0, 1, 0)]), states=4, order=1)

    assert result.probability == 0.333333333333
    assert result.removal_effects.tolist() == result.removal_effects_value.tolist() == [0.5, 1.0, 1.0, 0.0]
    assert result.conversions.tolist() == [0.2, 0.4, 0.4, 0.0]
    assert result.values.tolist() == [6.0, 12.0, 12.0, 0.0]


@settings(max_examples=40)
@given(rows)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ORDERS)
def test_effects_are_those_of_fractions(order, way, drawn):
    slow = SlowChain(drawn, order)

    with solved(way):
        result = train(paths_of(drawn), states=STATES, order=order)

    whole = slow.reached("conversion")
    assert result.windows == len(slow.windows)
    assert result.probability == pytest.approx(float(whole), rel=1e-11)
    assert whole == 0 or whole == slow.converted / Fraction(sum(row[1] + row[2] for row in drawn))
    for goal, total, effects, credit in (
        ("conversion", slow.converted, result.removal_effects, result.conversions),
        ("worth", slow.value, result.removal_effects_value, result.values),
    ):
        exact = slow.effects(goal, STATES)
        share = total / sum(exact) if sum(exact) else 0
        assert effects == pytest.approx([float(each) for each in exact], abs=2e-12)
        assert credit == pytest.approx([float(share * each) for each in exact], rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ORDERS)
def test_effects_of_many_windows_are_those_of_removing_each_state_by_hand(order, way):
    paths = Paths.aggregate(**generated(300, states=6, mean=7, seed=order))
    slow = SlowChain(rows_of(paths), order, number=float)

    with solved(way):
        result = train(paths, states=6, order=order)

    assert result.windows == len(slow.windows) > (5, 20, 90, 200)[order - 1]
    assert result.removal_effects == pytest.approx(slow.effects("conversion", 6), abs=1e-11)
    assert result.removal_effects_value == pytest.approx(slow.effects("worth", 6), abs=1e-11)


ODD = {
    "nothing at all": ([], 0.0, [0, 0, 0, 0, 0]),
    "never converting": ([((0, 1), 0, 3, 0), ((2,), 0, 1, 0)], 0.0, [0, 0, 0, 0, 0]),
    "always converting": ([((0, 1), 3, 0, 0), ((2,), 1, 0, 0)], 1.0, [0.75, 0.75, 0.25, 0, 0]),
    "a single state": ([((3,), 2, 6, 0)], 0.25, [0, 0, 0, 1, 0]),
    "a single state again and again": ([((3, 3, 3, 3, 3, 3), 2, 6, 0)], 0.25, [0, 0, 0, 1, 0]),
    "disconnected parts": ([((0, 1), 1, 1, 0), ((2, 3), 3, 3, 0)], 0.5, [0.25, 0.25, 0.75, 0.75, 0]),
    "one part never converting": ([((0, 1), 1, 1, 0), ((2, 3), 0, 2, 0)], 0.25, [1, 1, 0, 0, 0]),
    "taken by nobody": ([((0,), 1, 1, 0), ((1, 2), 0, 0, 0)], 0.5, [1, 0, 0, 0, 0]),
    "half a conversion": ([((0,), 0.5, 0, 0), ((1,), 0.25, 0.25, 0)], 0.75, [2 / 3, 1 / 3, 0, 0, 0]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", ODD)
def test_odd_data_has_a_defined_answer(case, order, way):
    drawn, probability, effects = ODD[case]

    with solved(way):
        result = train(paths_of(drawn), states=STATES, order=order)

    assert result.probability == probability
    assert result.removal_effects == pytest.approx(effects, abs=1e-12)
    assert result.removal_effects_value.tolist() == result.values.tolist() == [0.0] * STATES
    converted = sum(row[1] for row in drawn)
    assert result.conversions.sum() == pytest.approx(converted)
    assert np.isfinite(result.standard_errors).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("circle", [(0, 1), (0, 1, 3), (0, 1, 3, 4)])
def test_loops_are_walked_to_their_end(circle, way):
    # 0 > 1 > 0 > 1 … 20,000 touches or more; one in a million such journeys converts.
    drawn = [(circle * 10_000, 1, 999_999, 0), ((2,), 1, 0, 0)]

    with solved(way):
        result = train(paths_of(drawn), states=STATES, order=1, errors=False)

    exact = SlowChain(drawn, 1).effects("conversion", STATES)
    assert exact == [Fraction(1, 2) if code in (*circle, 2) else 0 for code in range(STATES)]
    assert result.removal_effects == pytest.approx([float(each) for each in exact], abs=1e-11)


def test_one_conversion_in_two_million_is_seen():
    result = train(paths_of([((0, 1), 1, 0, 7), ((0,), 0, 1_000_000, 0), ((1,), 0, 1_000_000, 0)]), states=2, order=1)

    # Without 0, those that begin with 1 still convert at 1 in 1,000,001.
    assert result.removal_effects == pytest.approx([1 / 1_000_001, 1.0], rel=1e-11)
    assert result.conversions.sum() == pytest.approx(1.0, rel=1e-11)
    assert result.values.sum() == pytest.approx(7.0, rel=1e-11)


@given(rows)
@pytest.mark.parametrize("order", ORDERS)
def test_everything_is_finite_within_bounds_and_adds_up(order, drawn):
    result = train(paths_of(drawn), states=STATES, order=order)

    for name in NUMBERS:
        assert np.isfinite(getattr(result, name)).all()
        assert (getattr(result, name) >= 0).all()
    assert (result.removal_effects <= 1).all()
    assert (result.removal_effects_value <= 1).all()
    assert np.isfinite(result.standard_errors).all()
    assert result.conversions.sum() == pytest.approx(sum(row[1] for row in drawn), rel=1e-11)
    assert result.values.sum() == pytest.approx(sum(row[3] for row in drawn), rel=1e-11)
    assert not result.removal_effects_value[result.removal_effects == 0].any()


@pytest.mark.parametrize("order", [0, 5, 9, -1])
def test_another_order_is_refused(order):
    with pytest.raises(ValueError, match="order must be 1, 2, 3 or 4"):
        train(paths_of([((0,), 1, 1, 0)]), states=1, order=order)


def test_a_code_beyond_the_states_is_refused():
    with pytest.raises(ValueError, match="below the number of states"):
        train(paths_of([((0, 3), 1, 1, 0)]), states=3, order=1)


def test_more_windows_than_allowed_are_refused_and_say_so():
    # Every touch a state of its own.
    length = MAX_WINDOWS + 1
    too_long = Paths.aggregate(*flat([range(length)]), conversions=[1], nulls=[0], values=[0])
    with pytest.raises(TooManyWindows, match="states are more than"):
        train(too_long, states=length, order=1)


def test_more_windows_of_a_higher_order_are_refused_and_say_so(monkeypatch):
    monkeypatch.setattr(chain, "MAX_WINDOWS", 30)
    paths = Paths.aggregate(**generated(500, states=6, mean=5, seed=3))

    assert train(paths, states=6, order=1).windows == 6
    with pytest.raises(TooManyWindows, match="different windows of order 2; 30 is the most"):
        train(paths, states=6, order=2)
