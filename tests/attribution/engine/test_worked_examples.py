"""Examples small enough for paper; the second half are an independent engine's, kept outside the project."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from attribution.engine.credit import attribute
from attribution.engine.models import MODELS
from attribution.engine.parameters import Parameters
from tests.attribution.engine.strategies import DAY, HOUR, journeys_of

PROJECT = Path(__file__).resolve().parents[3]
EXAMPLES = PROJECT.parent / "shared" / "reference" / "worked_examples.json"
CREDIT_TOLERANCE = 1e-6

needs_examples = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="the shared worked examples are not beside this project"
)


def earned(model, ages, value, commission, **parameters):
    result = attribute(
        journeys_of(ages),
        model,
        Parameters(**parameters),
        values=np.array([value]),
        commissions=np.array([commission]),
    )
    return result.values.tolist(), result.commissions.tolist()


# A policy of 1,500.00 at 10 %, after touches on days 21, 14, 7 and 0 before it.
@pytest.mark.parametrize(
    ("model", "values", "commissions"),
    [
        ("first_touch", [1500_00, 0, 0, 0], [150_00, 0, 0, 0]),
        ("last_touch", [0, 0, 0, 1500_00], [0, 0, 0, 150_00]),
        ("linear", [375_00, 375_00, 375_00, 375_00], [37_50, 37_50, 37_50, 37_50]),
        # 1, 2, 4 and 8 fifteenths.
        ("time_decay", [100_00, 200_00, 400_00, 800_00], [10_00, 20_00, 40_00, 80_00]),
        ("position_based", [600_00, 150_00, 150_00, 600_00], [60_00, 15_00, 15_00, 60_00]),
    ],
)
def test_a_policy_of_fifteen_hundred_after_four_weekly_touches(model, values, commissions):
    assert earned(model, [21 * DAY, 14 * DAY, 7 * DAY, 0], 1500_00, 150_00) == (values, commissions)


def test_odd_cents_go_where_the_paper_says():
    # 40 %, three times 6.666… %, 40 % of 100.00: two of the middle ones are rounded up.
    assert earned("position_based", [4, 3, 2, 1, 0], 100_00, 1) == (
        [40_00, 6_67, 6_67, 6_66, 40_00],
        [1, 0, 0, 0, 0],
    )
    # Sevenths of 0.10: 1.43, 2.86, 5.71 cents.
    assert earned("time_decay", [14 * DAY, 7 * DAY, 0], 10, 0) == ([1, 3, 6], [0, 0, 0])


def by_channel(paths, model, amount_of):
    """Credit by channel over all converting paths, each weighed by `amount_of(path)`."""
    converting = [each for each in paths if each["conversions"]]
    steps = [each["path"].split(" > ") for each in converting]
    journeys = journeys_of(*[[len(step) - place for place in range(len(step))] for step in steps])
    weights = MODELS[model](journeys, Parameters())
    amounts = np.repeat([amount_of(each) for each in converting], journeys.lengths)
    result = defaultdict(float)
    for channel, amount in zip([name for step in steps for name in step], weights * amounts, strict=True):
        result[channel] += amount
    return result


@needs_examples
@pytest.mark.parametrize("example", ["W1_bryl_2016", "W2_puzyrov_2019", "W3_repeats_values", "W4_shapley"])
@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("first_touch", "first"),
        ("last_touch", "last"),
        ("linear", "linear"),
        ("position_based", "position_40_20_40"),
    ],
)
def test_paths_give_each_channel_what_the_reference_gives(example, model, name):
    worked = json.loads(EXAMPLES.read_text())[example]
    compared = 0
    for suffix, amount in (("conv", "conversions"), ("value", "value")):
        expected = worked["expected"].get(f"{name}_{suffix}")
        if expected is None:
            continue
        result = by_channel(worked["paths"], model, lambda each, amount=amount: each[amount])
        compared += 1
        for channel, credit in expected.items():
            assert result.get(channel, 0.0) == pytest.approx(credit, abs=CREDIT_TOLERANCE)
        assert set(result) <= set(expected)
    assert compared


@needs_examples
def test_time_decay_is_the_references():
    worked = json.loads(EXAMPLES.read_text())["W5_time_decay"]
    ages = [touch["hours_before_conversion"] * HOUR for touch in worked["touches"]]

    weights = MODELS["time_decay"](journeys_of(ages), Parameters(half_life_days=worked["half_life_hours"] / 24))

    assert weights == pytest.approx(worked["continuous_weights"], abs=1e-12)
    assert earned("time_decay", ages, worked["value"] * 100, 0)[0] == [17_57, 35_14, 47_29]


@needs_examples
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_position_based_is_the_references(length):
    expected = json.loads(EXAMPLES.read_text())["W6_position"][f"len{length}"]

    weights = MODELS["position_based"](journeys_of(list(reversed(range(length)))), Parameters())

    assert weights == pytest.approx(expected, abs=1e-15)
