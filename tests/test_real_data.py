"""docs/real-data.md, command by command, against results of an independent program."""

import csv
import re
import shlex
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import Count, Sum

from attribution import training
from attribution.engine.models import MODELS
from attribution.engine.parameters import Parameters
from attribution.models import AttributionRecord, Training
from conversions.models import Conversion
from touchpoints.models import Touchpoint

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
TOTAL = Decimal("11423.50")
# The file's own names, by what they become here.
NAMES = {
    ("social_media", "facebook"): "Facebook",
    ("social_media", "instagram"): "Instagram",
    ("display_ad", None): "Online Display",
    ("other", None): "Online Video",
    ("paid_search", None): "Paid Search",
}
REFERENCES = {
    "first_touch": ("heuristics_exact.csv", "first_conv", "first_value"),
    "last_touch": ("heuristics_exact.csv", "last_conv", "last_value"),
    "linear": ("heuristics_exact.csv", "linear_conv", "linear_value"),
    "position_based": ("heuristics_exact.csv", "position_40_20_40_conv", "position_40_20_40_value"),
    "time_decay": ("time_decay_7d_exact.csv", "conv_cont", "value_cont"),
}

pytestmark = [
    pytest.mark.skipif(
        not (SHARED / "data/events_62k.csv.gz").exists(),
        reason="the real data is not beside this checkout (../shared/data/events_62k.csv.gz)",
    ),
    pytest.mark.django_db(transaction=True),
]


def commands():
    text = (ROOT / "docs/real-data.md").read_text()
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
    return [shlex.split(line)[2:] for line in lines if line.startswith("python manage.py ")]


def run(arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def reference(model):
    name, conversions, value = REFERENCES[model]
    with (SHARED / "reference/events" / name).open() as file:
        return {row["channel"]: (Decimal(row[conversions]), Decimal(row[value])) for row in csv.DictReader(file)}


def removal_effects(order):
    """Of the one training, or what another order would have learnt: all figures by the file's own names."""
    [trained] = Training.objects.select_related("config")
    parameters = replace(Parameters.from_json(trained.config.parameters), markov_order=order)
    learnt = training.learn(parameters, start=trained.start, end=trained.end)
    if order == 1:
        assert vars(learnt)["effects"] == trained.effects
    return {NAMES[tuple(each["state"])]: each for each in learnt.effects}


def markov_reference(order):
    with (SHARED / f"reference/events/markov_o{order}_exact.csv").open() as file:
        return {row.pop("channel"): {name: float(each) for name, each in row.items()} for row in csv.DictReader(file)}


def attributed(model):
    rows = AttributionRecord.objects.filter(model=model).values("channel", "source")
    return {
        NAMES[row["channel"], row["source"]]: (row["conversions"], row["value"], row["journeys"])
        for row in rows.annotate(
            conversions=Sum("credit"), value=Sum("revenue_attributed"), journeys=Count("conversion_id", distinct=True)
        )
    }


def check_heuristics():
    for model in MODELS:
        assert AttributionRecord.objects.filter(model=model).aggregate(s=Sum("revenue_attributed"))["s"] == TOTAL
    for model in set(MODELS) - {"data_driven"}:
        expected, found = reference(model), attributed(model)
        assert found.keys() == expected.keys()
        for channel, (conversions, value) in expected.items():
            ours, our_value, journeys = found[channel]
            assert abs(ours - conversions) <= Decimal("0.000001"), (model, channel)
            # Whole cents a conversion: each share is off by half a cent at the most from the exact one.
            assert abs(our_value - value) <= Decimal("0.005") * journeys, (model, channel)


def check_markov(order):
    found = removal_effects(order)
    for channel, expected in markov_reference(order).items():
        ours = found[channel]
        for name in ("removal_effect", "removal_effect_value"):
            assert abs(ours[name] - expected[name]) < 1e-9, (order, channel, name)
        assert abs(ours["conversions"] - expected["conv"]) < 1e-6, (order, channel)
        assert abs(ours["value"] - expected["value"]) < 1e-6, (order, channel)


def check_shapley():
    found = removal_effects(2)
    with (SHARED / "reference/events/shapley_exact.csv").open() as file:
        for row in csv.DictReader(file):
            ours = found[row["channel"]]
            assert abs(ours["shapley_set_game"] - float(row["shapley_conv"])) < 1e-6
            assert abs(ours["shapley_rate_game"] - float(row["rate_game_scaled_conv"])) < 1e-6


def check_printed(step):
    printed = run(step)
    assert f"{TOTAL:,}" in printed
    for channel, (conversions, _) in reference(step[2]).items() if step[2] != "data_driven" else ():
        assert f"{conversions:.2f}" in printed, (step, channel)


def test_the_documented_sequence_ends_in_the_reference_numbers(monkeypatch):
    monkeypatch.chdir(ROOT)
    steps = commands()
    prepared = "migrate import_touchpoints import_conversions configure_model configure_model train_model"
    assert [step[0] for step in steps[:7]] == [*prepared.split(), "calculate_attribution"]
    for step in steps[1:7]:
        run(step)
    assert Touchpoint.objects.count() == 62_483
    assert Conversion.objects.aggregate(n=Count("pk"), value=Sum("value")) == {"n": 1838, "value": TOTAL}
    check_heuristics()
    assert not AttributionRecord.objects.filter(model="data_driven", training=None).exists()
    check_markov(1)
    check_markov(2)
    check_shapley()
    for step in steps[7:]:
        check_printed(step)
