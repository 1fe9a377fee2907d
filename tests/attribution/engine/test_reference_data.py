"""Public data against the results of an independent engine, both kept beside the project and not in it."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from attribution.engine.markov import train
from attribution.engine.paths import Paths
from attribution.engine.shapley import rate_game, set_game
from tests.attribution.engine.chains import WAYS, flat, paths_of, solved
from tests.attribution.engine.test_markov import worked_rows

SHARED = Path(__file__).resolve().parents[4] / "shared"
SETS = ("events", "pathdata")

pytestmark = pytest.mark.skipif(
    not (SHARED / "reference/worked_examples.json").exists(),
    reason="the shared reference results are not beside this checkout (../shared/reference)",
)


def load(name):
    """The counted paths of a set, and the names of their states by code."""
    with gzip.open(SHARED / f"data/{name}_paths.csv.gz", "rt", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    journeys = [line["path"].split(" > ") for line in lines]
    names = sorted({name for journey in journeys for name in journey})
    codes = {name: code for code, name in enumerate(names)}
    amounts = {
        ours: np.array([float(line[theirs]) for line in lines])
        for ours, theirs in (
            ("conversions", "total_conversions"),
            ("nulls", "total_null"),
            ("values", "total_conversion_value"),
        )
    }
    return Paths.aggregate(*flat([[codes[name] for name in journey] for journey in journeys]), **amounts), names


def reference(name, file):
    with (SHARED / f"reference/{name}/{file}").open(encoding="utf-8") as opened:
        return {line["channel"]: line for line in csv.DictReader(opened)}


def differences(expected, names, column, numbers):
    assert set(expected) == set(names)
    return [abs(number - float(expected[name][column])) for name, number in zip(names, numbers, strict=True)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", SETS)
def test_removal_effects_are_the_references(name, order, way):
    paths, names = load(name)
    expected = reference(name, f"markov_o{order}_exact.csv")

    with solved(way):
        result = train(paths, states=len(names), order=order)

    # Wanted: 1e-9 and 1e-6. The reference has twelve digits, and so have we.
    assert max(differences(expected, names, "removal_effect", result.removal_effects)) <= 1e-11
    assert max(differences(expected, names, "removal_effect_value", result.removal_effects_value)) <= 1e-11
    assert max(differences(expected, names, "conv", result.conversions)) <= 1e-7
    assert max(differences(expected, names, "value", result.values)) <= 1e-6


@pytest.mark.parametrize("name", SETS)
def test_shapley_values_are_the_references(name):
    paths, names = load(name)
    expected = reference(name, "shapley_exact.csv")
    split, rates = set_game(paths, states=len(names)), rate_game(paths, states=len(names))

    assert max(differences(expected, names, "shapley_conv", split.conversions)) <= 1e-7
    assert max(differences(expected, names, "shapley_value", split.values)) <= 1e-6
    assert max(differences(expected, names, "rate_game_phi", rates.effects)) <= 1e-12
    assert max(differences(expected, names, "rate_game_scaled_conv", rates.conversions)) <= 1e-7


@pytest.mark.parametrize("example", ["W1_bryl_2016", "W2_puzyrov_2019", "W3_repeats_values", "W4_shapley"])
def test_shapley_values_of_the_worked_examples(example):
    worked = json.loads((SHARED / "reference/worked_examples.json").read_text())[example]
    drawn, names = worked_rows(worked, with_nulls=True)
    split, rates = set_game(paths_of(drawn), states=len(names)), rate_game(paths_of(drawn), states=len(names))

    for key, numbers in (
        ("shapley_zhao_conv", split.conversions),
        ("shapley_zhao_value", split.values),
        ("shapley_rate_game_phi", rates.effects),
    ):
        for name, number in worked["expected"].get(key, {}).items():
            assert numbers[names.index(name)] == pytest.approx(number, abs=1e-10)
    assert rates.probability == pytest.approx(worked["expected"]["shapley_rate_game_vN"], abs=1e-15)
