import json

import pytest

from attribution.engine.parameters import InvalidParameters, Parameters


def test_an_empty_object_is_the_default_configuration():
    assert Parameters.from_json({}) == Parameters()


def test_a_configuration_survives_the_way_through_json():
    data = {
        "lookback_days": 30,
        "lookback_days_by_type": {"sale": 60, "renewal": 365},
        "lookback_steps": 5,
        "half_life_days": 3.5,
        "position_weights": [30, 40, 30],
        "excluded_channels": ["chat", "email"],
        "exclude_direct": True,
        "collapse_repeats": True,
        "restart_after_conversion": True,
        "states": "channel_partner",
        "markov_order": "auto",
        "weigh_by": "value",
        "training_days": 60,
        "minimum_conversions": 50,
    }

    parameters = Parameters.from_json(json.loads(json.dumps(data)))

    assert parameters.to_json() == data
    assert Parameters.from_json(json.loads(json.dumps(parameters.to_json()))) == parameters


def test_the_same_configuration_has_one_form():
    written_one_way = {"half_life_days": 7, "excluded_channels": ["email", "chat", "email"]}
    written_another = {
        "excluded_channels": ["chat", "email"],
        "half_life_days": 7.0,
        "position_weights": [0.4, 0.2, 0.4],
    }

    one, other = Parameters.from_json(written_one_way), Parameters.from_json(written_another)

    assert json.dumps(one.to_json()) == json.dumps(other.to_json())
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lookback_days", 0),
        ("lookback_days", 3651),
        ("lookback_days", True),
        ("lookback_days", 30.0),
        ("lookback_days", "30"),
        ("lookback_days", None),
        ("lookback_days_by_type", {"purchase": 30}),
        ("lookback_days_by_type", {"sale": 0}),
        ("lookback_days_by_type", {"sale": False}),
        ("lookback_days_by_type", [30]),
        ("lookback_steps", 0),
        ("lookback_steps", True),
        ("lookback_steps", 10**30),
        ("half_life_days", 0),
        ("half_life_days", -1),
        ("half_life_days", float("nan")),
        ("half_life_days", float("inf")),
        ("half_life_days", 10**400),
        ("half_life_days", True),
        ("half_life_days", "7"),
        ("markov_order", 0),
        ("markov_order", 9),
        ("markov_order", True),
        ("markov_order", "best"),
        ("markov_order", None),
        ("states", "campaign"),
        ("states", None),
        ("weigh_by", "commission"),
        ("training_days", 0),
        ("minimum_conversions", 0),
        ("minimum_conversions", 2.5),
        ("position_weights", [0.5, 0.5]),
        ("position_weights", [0, 0, 0]),
        ("position_weights", [0.4, -0.2, 0.4]),
        ("position_weights", [0.4, float("nan"), 0.4]),
        ("position_weights", [1e300, 1e300, 1e300]),
        ("position_weights", [True, False, True]),
        ("position_weights", "abc"),
        ("excluded_channels", ["carrier_pigeon"]),
        ("excluded_channels", "email"),
        ("excluded_channels", [["email"]]),
        ("exclude_direct", 1),
        ("collapse_repeats", "yes"),
        ("restart_after_conversion", None),
        ("half_life", 7),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(name, value):
    with pytest.raises(InvalidParameters) as refused:
        Parameters.from_json({name: value})

    assert list(refused.value.errors) == [name]
    assert refused.value.errors[name]


def test_every_bad_field_is_named_not_only_the_first():
    with pytest.raises(InvalidParameters) as refused:
        Parameters.from_json({"lookback_days": 0, "half_life_days": "x", "colour": 1, "exclude_direct": True})

    assert set(refused.value.errors) == {"lookback_days", "half_life_days", "colour"}


def test_an_unknown_name_inside_a_field_is_quoted():
    with pytest.raises(InvalidParameters) as refused:
        Parameters.from_json({"lookback_days_by_type": {"purchase": 3}, "excluded_channels": ["email", "fax"]})

    assert "purchase" in refused.value.errors["lookback_days_by_type"]
    assert "fax" in refused.value.errors["excluded_channels"]
    assert "email" not in refused.value.errors["excluded_channels"]


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_what_is_not_an_object_is_refused(data):
    with pytest.raises(InvalidParameters, match="Must be an object"):
        Parameters.from_json(data)


def test_the_allowed_names_may_be_given():
    parameters = Parameters.from_json(
        {"excluded_channels": ["fax"], "lookback_days_by_type": {"purchase": 3}},
        channels={"fax"},
        conversion_types={"purchase"},
    )

    assert parameters.excluded_channels == ("fax",)
    assert parameters.lookback_microseconds("purchase") == 3 * 86_400_000_000
