"""The engine knows no Django, so it says some names again: they must stay the same ones."""

from attribution.engine.models import MODELS
from attribution.engine.parameters import CHANNELS, CONVERSION_TYPES
from attribution.models import AttributionModel
from conversions.models import Conversion
from touchpoints.models import Channel


def test_channels_are_the_same():
    assert list(CHANNELS) == Channel.values


def test_conversion_types_are_the_same():
    assert list(CONVERSION_TYPES) == Conversion.Type.values


def test_every_model_of_the_engine_is_a_model_of_the_contract():
    assert set(MODELS) <= set(AttributionModel.values)
