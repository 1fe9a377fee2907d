"""A trace tells the story of the very numbers that the calculation stores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine import cents, credit
from attribution.engine.journeys import CHANNEL_CODES, NEVER, PATH_RULES, Journeys, apply_path_rules, left_out_by
from attribution.engine.models import MODELS
from attribution.engine.parameters import CHANNELS, Parameters
from attribution.engine.trace import RAW, trace
from tests.attribution.engine.strategies import DAY, journey_ages

amounts = st.one_of(st.integers(-(10**12), 10**12), st.integers(-7, 7), st.just(0))
rules = st.builds(
    Parameters,
    lookback_days=st.sampled_from([1, 90, 3650]),
    lookback_steps=st.sampled_from([None, 1, 2, 5]),
    half_life_days=st.floats(0.01, 1000),
    position_weights=st.tuples(*[st.floats(0, 10)] * 3).filter(lambda weights: sum(weights) > 1e-6),
    excluded_channels=st.sampled_from([(), ("chat",), ("chat", "email")]),
    exclude_direct=st.booleans(),
    collapse_repeats=st.booleans(),
    restart_after_conversion=st.booleans(),
)


@st.composite
def journeys(draw):
    ages = draw(journey_ages)
    names = [draw(st.sampled_from(["chat", "email", "direct", "event"])) for _ in ages]
    effects = draw(st.one_of(st.none(), st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.7]), min_size=12, max_size=12)))
    return Journeys(
        np.array([0, len(ages)], dtype=np.int64),
        np.array(ages, dtype=np.int64),
        np.array([CHANNEL_CODES[name] for name in names], dtype=np.int32),
        None if effects is None else np.array(effects[: len(ages)]),
    )


def traced(journey, model="linear", parameters=None, *, value=10_000, commission=1000, since=NEVER):
    parameters = parameters or Parameters()
    return trace(
        journey,
        model,
        parameters,
        lookback=np.array([parameters.lookback_days * DAY]),
        since_previous_conversion=np.array([since]),
        value=value,
        commission=commission,
    )


@pytest.mark.parametrize("model", MODELS)
@given(journeys(), rules, amounts, amounts, st.sampled_from([NEVER, 7 * DAY]))
def test_a_trace_agrees_with_the_calculation(model, journey, parameters, value, commission, since):
    told = traced(journey, model, parameters, value=value, commission=commission, since=since)
    keep = apply_path_rules(journey, parameters, since_previous_conversion=np.array([since]))
    path, kept = journey.select(keep)
    earned = credit.attribute(path, model, parameters, values=np.array([value]), commissions=np.array([commission]))
    assert told.counted.tolist() == kept.tolist()
    assert [reason is None for reason in told.left_out] == keep.tolist()
    assert told.credits.tolist() == earned.credits.tolist()
    for sharing, shares in ((told.value, earned.values), (told.commission, earned.commissions)):
        assert sharing.shares.tolist() == shares.tolist()
        assert_adds_up(sharing, told.credits)


def assert_adds_up(sharing, credits):
    """Whole part and rest are the quota, and the units left over went to the largest rests: nobody else got one."""
    for whole, rest, credit_units in zip(sharing.whole.tolist(), sharing.rest.tolist(), credits.tolist(), strict=True):
        assert whole * cents.CREDIT + rest == abs(sharing.total) * credit_units
    assert (sharing.extra == (sharing.rank <= sharing.left_over)).all()
    assert (np.abs(sharing.shares) == sharing.whole + sharing.extra).all()


@pytest.mark.parametrize("model", MODELS)
@given(journeys(), rules)
def test_weights_are_the_raw_ones_divided_by_their_sum(model, journey, parameters):
    told = traced(journey, model, parameters)
    assert told.weights == pytest.approx(told.raw / told.raw.sum() if told.raw.size else told.raw, abs=1e-12)


def test_every_model_tells_its_raw_weights():
    assert set(RAW) == set(MODELS)


def test_each_rule_is_named_by_what_it_left_out():
    ages = np.array([100, 60, 50, 40, 30, 20, 10, 5], dtype=np.int64) * DAY
    names = ["email", "email", "chat", "event", "direct", "email", "email", "event"]
    journey = Journeys(np.array([0, 8]), ages, np.array([CHANNELS.index(name) for name in names], dtype=np.int32))
    parameters = Parameters(
        excluded_channels=("chat",),
        exclude_direct=True,
        collapse_repeats=True,
        restart_after_conversion=True,
        lookback_steps=2,
    )
    reasons = left_out_by(journey, parameters, since_previous_conversion=np.array([60 * DAY]))
    assert [PATH_RULES[reason] if reason >= 0 else None for reason in reasons] == [
        "lookback",
        "previous_conversion",
        "excluded_channel",
        "steps",
        "direct",
        None,
        "repeat",
        None,
    ]


def test_the_cent_that_was_left_over_went_to_the_largest_fraction():
    journey = Journeys.from_lengths([3], [3 * DAY, 2 * DAY, DAY], [0, 1, 2])
    told = traced(journey, value=10_000).value
    assert (told.whole.tolist(), told.extra.tolist(), told.left_over) == ([3333, 3333, 3333], [1, 0, 0], 1)
    assert told.rest.tolist() == [3333340000, 3333330000, 3333330000]
    assert told.rank.tolist() == [1, 2, 3]


def test_raw_weights_halve_with_each_half_life_before_the_last_touch():
    journey = Journeys.from_lengths([3], [24 * DAY, 17 * DAY, 10 * DAY], [0, 1, 2])
    assert traced(journey, "time_decay").raw.tolist() == [0.25, 0.5, 1.0]


def test_a_journey_that_training_does_not_know_is_told_by_position():
    plain = Journeys.from_lengths([2], [2 * DAY, DAY], [0, 1])
    known = Journeys(plain.offsets, plain.ages, plain.channels, np.array([0.3, 0.1]))
    assert (traced(known, "data_driven").by_effects, traced(known, "data_driven").raw.tolist()) == (True, [0.3, 0.1])
    assert (traced(plain, "data_driven").by_effects, traced(plain, "data_driven").raw.tolist()) == (False, [0.4, 0.4])


def test_a_trace_of_two_journeys_is_refused():
    with pytest.raises(ValueError, match="one journey"):
        traced(Journeys.from_lengths([1, 1], [1, 1], [0, 0]))
