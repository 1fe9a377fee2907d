"""Credit by trained effects, and what happens where training knows nothing."""

import numpy as np
import pytest

from attribution.engine.journeys import Journeys
from attribution.engine.models import data_driven, learnt, position_based
from attribution.engine.parameters import Parameters

LENGTHS, AGES, CHANNELS = [3, 2, 0, 1], [9, 5, 1, 4, 2, 7], [0, 1, 2, 0, 1, 3]


def journeys(effects):
    plain = Journeys.from_lengths(LENGTHS, AGES, CHANNELS)
    effects = None if effects is None else np.array(effects, dtype=np.float64)
    return Journeys(plain.offsets, plain.ages, plain.channels, effects)


def test_touches_share_by_the_effects_of_their_states():
    weights = data_driven(journeys([0.5, 0.25, 0.25, 0.3, 0.1, 0.9]), Parameters())
    assert weights == pytest.approx([0.5, 0.25, 0.25, 0.75, 0.25, 1.0])


def test_a_touch_of_a_state_that_training_did_not_see_gets_nothing_beside_one_that_it_saw():
    assert data_driven(journeys([0, 0.2, 0, 0.3, 0, 0.9]), Parameters()).tolist() == [0, 1, 0, 1, 0, 1]


def test_a_journey_without_any_known_state_is_shared_by_position():
    known = journeys([0, 0, 0, 0.3, 0.3, 0])
    weights = data_driven(known, Parameters())
    assert weights.tolist() == [0.4, 0.2, 0.4, 0.5, 0.5, 1.0]
    assert learnt(known).tolist() == [False, True, False, False]


def test_without_training_all_are_shared_by_position():
    untrained = journeys(None)
    parameters = Parameters(position_weights=(0.2, 0.5, 0.3))
    assert data_driven(untrained, parameters).tolist() == position_based(untrained, parameters).tolist()
    assert not learnt(untrained).any()


@pytest.mark.parametrize("bad", [[0.1] * 5, [-0.1] + [0.1] * 5, [np.nan] + [0.1] * 5, [np.inf] + [0.1] * 5])
def test_effects_that_are_no_effects_are_refused(bad):
    with pytest.raises(ValueError, match="effects"):
        journeys(bad)


def test_effects_go_with_their_touches():
    selected, _ = journeys([1, 2, 3, 4, 5, 6]).select(np.array([1, 0, 1, 0, 1, 1], dtype=bool))
    assert selected.effects.tolist() == [1, 3, 5, 6]
