"""The list of touches that converted, which passes over the youngest ones quickly, leaves none out."""

import datetime as dt
import random

import pytest

from conversions.models import converted_only, with_conversion
from tests.factories import ConversionFactory, TouchpointFactory
from touchpoints.models import Touchpoint

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("latest", [1, 2, 5, 8, 9, 100])
def test_however_many_conversions_are_looked_up_first_the_touches_are_the_same(latest):
    """On a few moments only, so that conversions and touches fall on the same ones; and from before the ninety days."""
    draw = random.Random(7)

    def somewhere():
        return {"lead_id": f"lead-{draw.randrange(4)}"}, NOON + dt.timedelta(days=25 * draw.randrange(8))

    for _ in range(8):
        lead, moment = somewhere()
        ConversionFactory(occurred_at=moment, **lead)
    for _ in range(40):
        lead, moment = somewhere()
        TouchpointFactory(timestamp=moment, **lead)
    touches = with_conversion(Touchpoint.objects.all())
    expected = set(touches.filter(converted=True))
    assert 0 < len(expected) < 40
    assert set(converted_only(touches, latest=latest)) == expected


@pytest.mark.django_db
def test_without_any_conversion_there_are_none():
    TouchpointFactory()
    assert not converted_only(with_conversion(Touchpoint.objects.all()), latest=2)
