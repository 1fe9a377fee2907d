import numpy as np
import pytest

from attribution.engine.journeys import NEVER, apply_path_rules, lookbacks
from attribution.engine.parameters import Parameters
from tests.attribution.engine.strategies import DAY, HOUR, journeys_of, path


def kept(journeys, parameters, **rules):
    return np.flatnonzero(apply_path_rules(journeys, parameters, **rules)).tolist()


def test_both_ends_of_the_lookback_count_to_the_microsecond():
    journeys = journeys_of([90 * DAY + 1, 90 * DAY, 0])

    assert kept(journeys, Parameters()) == [1, 2]


def test_the_lookback_may_differ_by_conversion_type():
    journeys = journeys_of([40 * DAY, 20 * DAY], [40 * DAY, 20 * DAY])
    parameters = Parameters(lookback_days=30, lookback_days_by_type={"renewal": 365})

    lookback = lookbacks(parameters, ["sale", "renewal"])

    assert lookback.tolist() == [30 * DAY, 365 * DAY]
    assert kept(journeys, parameters, lookback=lookback) == [1, 2, 3]


def test_after_a_restart_touches_up_to_the_previous_conversion_do_not_count():
    journeys = journeys_of([3 * HOUR, 2 * HOUR, 2 * HOUR - 1], [3 * HOUR])
    since = np.array([2 * HOUR, NEVER])

    restarting = Parameters(restart_after_conversion=True)

    assert kept(journeys, restarting, since_previous_conversion=since) == [2, 3]
    assert kept(journeys, Parameters(), since_previous_conversion=since) == [0, 1, 2, 3]


def test_a_restart_without_the_previous_conversions_is_refused():
    with pytest.raises(ValueError, match="needs since_previous_conversion"):
        apply_path_rules(path("email"), Parameters(restart_after_conversion=True))


def test_excluded_channels_are_left_out_even_when_alone():
    journeys = journeys_of([2, 1], [1], channels=[["chat", "email"], ["chat"]])

    assert kept(journeys, Parameters(excluded_channels=("chat", "event"))) == [1]


def test_the_coding_of_channels_is_the_callers():
    journeys = journeys_of([2, 1], channels=[["organic_search", "paid_search"]])
    parameters = Parameters(excluded_channels=("email", "chat"))

    assert kept(journeys, parameters, channel_codes={"email": 1, "event": 0}) == [0]


def test_direct_is_left_out_unless_it_is_alone():
    journeys = journeys_of(
        [3, 2, 1], [2, 1], [1], channels=[["direct", "email", "direct"], ["direct", "direct"], ["chat"]]
    )

    assert kept(journeys, Parameters(exclude_direct=True)) == [1, 3, 4, 5]


def test_direct_counts_as_alone_once_the_other_channels_are_excluded():
    journeys = path("email", "direct")

    assert kept(journeys, Parameters(exclude_direct=True, excluded_channels=("email",))) == [1]


def test_of_repeats_of_a_channel_the_first_stays():
    journeys = journeys_of([4, 3, 2, 1], [2, 1], channels=[["email", "email", "chat", "email"], ["email", "email"]])

    assert kept(journeys, Parameters(collapse_repeats=True)) == [0, 2, 3, 4]


def test_repeats_are_those_that_remain_when_what_stood_between_is_left_out():
    journeys = path("email", "direct", "email", "chat")

    assert kept(journeys, Parameters(collapse_repeats=True, exclude_direct=True)) == [0, 3]


def test_the_cap_in_steps_keeps_the_last_ones_of_what_the_other_rules_left():
    journeys = journeys_of(
        [5, 4, 3, 2, 1],
        [],
        [1],
        channels=[["email", "chat", "chat", "event", "direct"], [], ["chat"]],
    )

    assert kept(journeys, Parameters(lookback_steps=2)) == [3, 4, 5]
    assert kept(journeys, Parameters(lookback_steps=3, collapse_repeats=True, excluded_channels=("direct",))) == [
        0,
        1,
        3,
        5,
    ]


def test_a_touch_outside_the_lookback_does_not_hide_a_repeat_inside():
    journeys = journeys_of([91 * DAY, DAY], channels=[["email", "email"]])

    assert kept(journeys, Parameters(collapse_repeats=True)) == [1]


def test_no_journeys_and_empty_journeys_pass_all_rules():
    everything = Parameters(lookback_steps=1, exclude_direct=True, collapse_repeats=True, excluded_channels=("chat",))

    assert kept(journeys_of(), everything) == []
    assert kept(journeys_of([], []), everything) == []
