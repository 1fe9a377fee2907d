"""What the model lab may be asked: bad questions are refused by the name of their field."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from attribution import operations
from attribution.models import Comparison
from tests.attribution.worlds import NOW
from tests.factories import ConversionFactory, UserFactory

DAY = dt.timedelta(days=1)
PERIOD = {"start": NOW - 31 * DAY, "end": NOW + DAY}


BAD = [
    ({"end": PERIOD["start"]}, "end_date"),
    ({"end": PERIOD["start"] + dt.timedelta(days=366, seconds=1)}, "end_date"),
    ({"start": dt.datetime(1999, 1, 1, tzinfo=dt.UTC)}, "start_date"),
    ({"start": PERIOD["start"] - 90 * DAY, "end": PERIOD["start"] - 60 * DAY}, "start_date"),
    ({"currency": "EUR"}, "start_date"),
    ({"currency": "ZZZ"}, "currency"),
    ({"contenders": []}, "contenders"),
    (
        {"contenders": [{}, *({"model": "linear", "parameters": {"lookback_days": n}} for n in range(1, 7))]},
        "contenders",
    ),
    ({"contenders": [{"model": "astrology"}]}, "contenders.0.model"),
    ({"contenders": [{}, {"version": 1}]}, "contenders.1.model"),
    ({"contenders": [{}, {"model": "linear", "version": 9}]}, "contenders.1.version"),
    ({"contenders": [{}, {"model": "linear", "version": 1, "parameters": {}}]}, "contenders.1.parameters"),
    ({"contenders": [{}, {"model": "linear", "parameters": []}]}, "contenders.1.parameters"),
    (
        {"contenders": [{}, {"model": "time_decay", "parameters": {"half_life_days": 0}}]},
        "contenders.1.parameters.half_life_days",
    ),
    ({"contenders": [{"model": "linear"}, {"model": "linear"}]}, "contenders.1"),
    ({"contenders": [{}]}, "contenders.0"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "field"), BAD, ids=[f"{n} {field}" for n, (_, field) in enumerate(BAD)])
def test_a_bad_question_is_refused_by_its_field(asked, field):
    ConversionFactory(occurred_at=NOW)
    with pytest.raises(ValidationError) as refused:
        operations.start_comparison(**{**PERIOD, "contenders": [{"model": "linear"}], **asked})
    assert list(refused.value.message_dict) == [field]
    assert not Comparison.objects.exists()


@pytest.mark.django_db
def test_all_bad_contenders_are_told_at_once():
    ConversionFactory(occurred_at=NOW)
    bad = [{"model": "linear", "version": 9}, {"model": "linear"}, {"model": "x"}]
    with pytest.raises(ValidationError) as refused:
        operations.start_comparison(**PERIOD, contenders=bad)
    assert list(refused.value.message_dict) == ["contenders.0.version", "contenders.2.model"]


@pytest.mark.django_db(transaction=True)
def test_a_fourth_comparison_of_one_person_waits_until_one_is_over():
    ConversionFactory(occurred_at=NOW)
    user, asked = UserFactory(), {**PERIOD, "contenders": [{"model": "linear"}], "queue": False}
    mine = [operations.start_comparison(**asked, by=user) for _ in range(3)]
    with pytest.raises(operations.TooManyComparisons):
        operations.start_comparison(**asked, by=user)
    operations.start_comparison(**asked, by=UserFactory())
    operations.compare(mine[0].pk)
    operations.start_comparison(**asked, by=user)
