import numpy as np
import pytest

from attribution.engine.journeys import Journeys
from tests.attribution.engine.strategies import journeys_of


def test_a_batch_knows_where_its_journeys_begin_and_whose_each_touch_is():
    journeys = journeys_of([3, 2], [], [9, 5, 5], [])

    assert (journeys.count, journeys.touches) == (4, 5)
    assert journeys.lengths.tolist() == [2, 0, 3, 0]
    assert journeys.starts.tolist() == [0, 2, 2, 5]
    assert journeys.owner.tolist() == [0, 0, 2, 2, 2]
    assert journeys.position.tolist() == [0, 1, 0, 1, 2]


def test_a_batch_of_nothing_is_a_batch():
    journeys = journeys_of()

    assert (journeys.count, journeys.touches) == (0, 0)
    assert journeys.owner.size == journeys.position.size == 0


def test_selecting_touches_keeps_every_journey_even_when_it_loses_all_touches():
    journeys = journeys_of([3, 2], [7], [9, 5, 5], channels=[["email", "chat"], ["event"], ["chat"] * 3])

    selected, kept = journeys.select(np.array([False, True, False, True, False, True]))

    assert kept.tolist() == [1, 3, 5]
    assert selected.offsets.tolist() == [0, 1, 1, 3]
    assert selected.ages.tolist() == [2, 9, 5]
    assert selected.channels.tolist() == journeys.channels[kept].tolist()


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one entry a touch"):
        journeys_of([3, 2]).select(np.array([True]))


@pytest.mark.parametrize(
    ("offsets", "ages", "channels", "message"),
    [
        ([], [], [], "begin with 0"),
        ([1, 2], [5, 4], [0, 0], "begin with 0"),
        ([0, 1], [5, 4], [0, 0], "end with the number of touches"),
        ([0, 2, 1, 2], [5, 4], [0, 0], "never fall"),
        ([0, 2], [5, 4], [0], "same length"),
        ([0, 2], [5, -1], [0, 0], "after its conversion"),
        ([0, 2], [4, 5], [0, 0], "in order of time"),
    ],
)
def test_arrays_that_are_no_journeys_are_refused(offsets, ages, channels, message):
    with pytest.raises(ValueError, match=message):
        Journeys(np.array(offsets, np.int64), np.array(ages, np.int64), np.array(channels, np.int32))


def test_ages_in_floating_seconds_are_refused():
    with pytest.raises(TypeError, match="ages must be a one-dimensional int64 array"):
        Journeys(np.array([0, 1]), np.array([0.5]), np.array([0], np.int32))
