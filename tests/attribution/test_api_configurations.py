"""Configurations over HTTP: reading and comparing them, making and scheduling new ones, and every bad one by name."""

import datetime as dt

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from attribution.models import ModelConfig, PayableModel, Training
from tests.api import BASE, refused, send_raw
from tests.factories import AttributionRecordFactory, UserFactory

URL = f"{BASE}/attribution/models"
DAY = dt.timedelta(days=1)
NOW = timezone.now().replace(microsecond=0)
FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def administrator(db):
    return UserFactory(username="ana", is_superuser=True)


@pytest.fixture
def admin_api(administrator):
    client = APIClient()
    client.force_login(administrator)
    return client


def text(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def days_from_now(days):
    return NOW + days * DAY


def created(admin_api, **body):
    response = admin_api.post(f"{URL}/config", {"model": "linear", "parameters": {}} | body)
    assert response.status_code == 201, response.content
    return response.json()


def test_every_model_says_how_it_shares_and_whether_it_pays(api):
    answer = api.get(URL).json()
    models = {each["model"]: each for each in answer["results"]}
    assert answer["count"] == len(models) == 6
    assert "same share" in models["linear"]["description"]
    assert models["position_based"] == models["position_based"] | {
        "label": "Position Based",
        "payable": True,
        "payableFrom": text(FIRST),
        "payableUntil": None,
        "currentVersion": 1,
        "nextVersion": None,
        "nextEffectiveFrom": None,
    }
    assert (models["linear"]["payable"], models["linear"]["payableFrom"]) == (False, None)


def test_what_is_scheduled_is_told_beforehand(api, admin_api):
    soon, later = days_from_now(3), days_from_now(9)
    created(admin_api, parameters={"lookbackDays": 30}, payable=True, effectiveFrom=text(soon))
    created(admin_api, model="time_decay", parameters={"halfLifeDays": 3}, payable=True, effectiveFrom=text(later))
    models = {each["model"]: each for each in api.get(URL).json()["results"]}
    assert (models["position_based"]["payable"], models["position_based"]["payableUntil"]) == (True, text(soon))
    linear = models["linear"]
    assert (linear["payable"], linear["payableFrom"], linear["payableUntil"]) == (False, text(soon), text(later))
    assert (linear["currentVersion"], linear["nextVersion"], linear["nextEffectiveFrom"]) == (1, 2, text(soon))


def test_a_configuration_is_complete_and_says_since_and_until_when(api, admin_api):
    soon = days_from_now(3)
    created(admin_api, model="position_based", parameters={"positionWeights": [1, 1, 2]}, effectiveFrom=text(soon))
    answer = api.get(f"{URL}/position_based/config").json()
    parameters = answer.pop("parameters")
    assert (parameters["lookbackDays"], parameters["positionWeights"]) == (90, [0.4, 0.2, 0.4])
    # Younger than the version that a migration stored: they have their defaults.
    assert (parameters["markovOrder"], parameters["states"]) == (1, "channel")
    assert answer.pop("createdAt").endswith("Z")
    assert answer == {
        "model": "position_based",
        "version": 1,
        "effectiveFrom": text(FIRST),
        "effectiveUntil": text(soon),
        "payable": True,
        "payablePeriods": [{"from": text(FIRST), "until": text(soon)}],
        "createdBy": None,
        "trainings": [],
    }


def test_a_new_version_is_answered_as_it_can_be_read_again(api, admin_api):
    soon = days_from_now(3)
    made = created(admin_api, parameters={"lookbackDaysByType": {"policy_bound": 30}}, effectiveFrom=text(soon))
    assert (made["version"], made["createdBy"], made["payable"]) == (2, "ana", False)
    assert made["parameters"]["lookbackDaysByType"] == {"policy_bound": 30}
    assert api.get(f"{URL}/linear/config", {"version": "2"}).json() == made
    assert api.get(f"{URL}/linear/config").json()["version"] == 1


def test_what_was_read_can_be_sent_back_with_a_change(admin_api):
    parameters = admin_api.get(f"{URL}/data_driven/config").json()["parameters"]
    made = created(admin_api, model="data_driven", parameters=parameters | {"markovOrder": "auto", "halfLifeDays": 2.5})
    assert made["parameters"] == parameters | {"markovOrder": "auto", "halfLifeDays": 2.5}


def test_a_version_without_a_date_applies_from_now_on(admin_api):
    before = timezone.now()
    made = created(admin_api, parameters={"lookbackDays": 30}, payable=True)
    assert before <= dt.datetime.fromisoformat(made["effectiveFrom"]) <= timezone.now()
    assert PayableModel.objects.first().model == "linear"
    assert admin_api.get(f"{URL}/linear/config").json()["version"] == 2


def test_the_payable_model_can_change_with_parameters_that_stay(admin_api):
    made = created(admin_api, payable=True, effectiveFrom=text(days_from_now(2)))
    assert made["payable"]
    assert made["parameters"]["lookbackDays"] == 90


def test_a_payable_model_that_is_payable_already_is_not_set_twice(admin_api):
    created(admin_api, model="position_based", parameters={"positionWeights": [1, 0, 0]}, payable=True)
    assert PayableModel.objects.count() == 1


def test_a_version_put_between_two_ends_where_the_next_begins(admin_api):
    created(admin_api, parameters={"lookbackDays": 10}, effectiveFrom=text(days_from_now(9)))
    between = created(admin_api, parameters={"lookbackDays": 20}, effectiveFrom=text(days_from_now(5)))
    assert (between["version"], between["effectiveUntil"]) == (3, text(days_from_now(9)))
    assert admin_api.get(f"{URL}/linear/config").json()["effectiveUntil"] == text(days_from_now(5))


def test_a_data_driven_version_has_its_trainings(api):
    config = ModelConfig.objects.get(model="data_driven")
    window = {"start": days_from_now(-90), "end": days_from_now(0)}
    fields = {"status": "finished", "order": 2, "journeys": 900, "conversions": 120, "effects": [{"state": ["email"]}]}
    Training.objects.create(config=config, number=1, effective_from=days_from_now(1), **window, **fields)
    assert api.get(f"{URL}/data_driven/config").json()["trainings"] == [
        {
            "number": 1,
            "status": "finished",
            "startDate": text(window["start"]),
            "endDate": text(window["end"]),
            "order": 2,
            "journeys": 900,
            "conversions": 120,
            "effectiveFrom": text(days_from_now(1)),
        }
    ]


def test_the_history_is_the_latest_first_and_costs_the_same_for_many(api, admin_api, django_assert_max_num_queries):
    created(admin_api, parameters={"lookbackDays": 80})
    with django_assert_max_num_queries(10) as few:
        assert api.get(f"{URL}/linear/config/history").json()["count"] == 2
    cost = len(few.captured_queries)
    for day in range(1, 20):
        created(admin_api, parameters={"lookbackDays": day}, effectiveFrom=text(days_from_now(day)))
    with django_assert_max_num_queries(cost):
        answer = api.get(f"{URL}/linear/config/history", {"pageSize": "15"}).json()
    assert [each["version"] for each in answer["results"]] == list(range(21, 6, -1))
    assert (answer["count"], answer["results"][0]["createdBy"]) == (21, "ana")


@pytest.mark.parametrize(
    "path", ["astrology/config", "astrology/config/history", "linear/config?version=9", "shapley/config"]
)
def test_what_is_not_there_is_not_found(api, path):
    assert api.get(f"{URL}/{path}").status_code == 404


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("linear/config?version=two", ("version", "invalid")),
        ("linear/config?version=", ("version", "blank")),
        ("linear/config?v=2", ("v", "unknown_field")),
        ("linear/config/history?version=2", ("version", "unknown_field")),
        ("linear/config/history?pageSize=501", ("pageSize", "invalid")),
    ],
)
def test_a_bad_query_is_refused_by_name(api, path, named):
    response = api.get(f"{URL}/{path}")
    assert response.status_code == 400
    assert refused(response) == {named}


def parameters(**each):
    return {"parameters": each}


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"model": "astrology"}, "model"),
        ({"model": None}, "model"),
        ({"parameters": None}, "parameters"),
        ({"parameters": [1]}, "parameters"),
        (parameters(half_life_days=3), "parameters.half_life_days"),
        (parameters(noSuch=3), "parameters.noSuch"),
        (parameters(halfLifeDays=0), "parameters.halfLifeDays"),
        (parameters(halfLifeDays=-7), "parameters.halfLifeDays"),
        (parameters(halfLifeDays="7"), "parameters.halfLifeDays"),
        (parameters(positionWeights=[-0.1, 0.5, 0.6]), "parameters.positionWeights"),
        (parameters(positionWeights=[0, 0, 0]), "parameters.positionWeights"),
        (parameters(positionWeights=[1, 1]), "parameters.positionWeights"),
        (parameters(lookbackDays=0), "parameters.lookbackDays"),
        (parameters(lookbackDays=10_000), "parameters.lookbackDays"),
        (parameters(lookbackDays=30.5), "parameters.lookbackDays"),
        (parameters(lookbackDaysByType={"sale": 0}), "parameters.lookbackDaysByType"),
        (parameters(lookbackDaysByType={"gift": 3}), "parameters.lookbackDaysByType"),
        (parameters(lookbackSteps=0), "parameters.lookbackSteps"),
        (parameters(excludedChannels=["tv"]), "parameters.excludedChannels"),
        (parameters(excludeDirect="yes"), "parameters.excludeDirect"),
        (parameters(markovOrder=9), "parameters.markovOrder"),
        (parameters(states="weather"), "parameters.states"),
        (parameters(weighBy="mood"), "parameters.weighBy"),
        (parameters(trainingDays=0), "parameters.trainingDays"),
        (parameters(minimumConversions=0), "parameters.minimumConversions"),
        (parameters(), "parameters"),
        ({"payable": "yes"}, "payable"),
        ({"effectiveFrom": "2026-13-01T00:00:00Z"}, "effectiveFrom"),
        ({"effectiveFrom": "2026-06-01T00:00:00"}, "effectiveFrom"),
        ({"effectiveFrom": "1999-12-31T23:59:59Z"}, "effectiveFrom"),
        ({"effectiveFrom": "2206-01-01T00:00:00Z"}, "effectiveFrom"),
        ({"effectiveFrom": "2000-01-01T00:00:00Z"}, "effectiveFrom"),
        ({"effective_from": "2026-06-01T00:00:00Z"}, "effective_from"),
    ],
    ids=str,
)
def test_a_bad_configuration_is_refused_by_name(admin_api, body, attr):
    response = admin_api.post(f"{URL}/config", {"model": "linear", "parameters": {"lookbackDays": 30}} | body)
    assert response.status_code == 400
    assert {name for name, _ in refused(response)} == {attr}
    assert not ModelConfig.objects.filter(version=2).exists()


@pytest.mark.parametrize(
    ("number", "attr"), [("1e999", "parameters.positionWeights"), ("NaN", None), ("Infinity", None)]
)
def test_weights_that_are_no_numbers_are_refused(admin_api, number, attr):
    """NaN is no JSON, so no field can be named; a number too great for any float is."""
    body = f'{{"model": "position_based", "parameters": {{"positionWeights": [0.4, {number}, 0.4]}}}}'
    response = send_raw(admin_api, "attribution/models/config", body)
    assert response.status_code == 400
    assert {name for name, _ in refused(response)} == {attr}


def test_of_several_bad_fields_each_is_named(admin_api):
    bad = parameters(halfLifeDays=0, lookbackDays=0) | {"model": "astrology", "payable": 1}
    response = admin_api.post(f"{URL}/config", bad)
    assert {name for name, _ in refused(response)} == {
        "model",
        "parameters.halfLifeDays",
        "parameters.lookbackDays",
        "payable",
    }


def test_two_versions_at_one_instant_are_refused(admin_api):
    soon = text(days_from_now(3))
    created(admin_api, parameters={"lookbackDays": 30}, payable=True, effectiveFrom=soon)
    again = {"model": "linear", "parameters": {"lookbackDays": 31}, "effectiveFrom": soon}
    assert refused(admin_api.post(f"{URL}/config", again)) == {("effectiveFrom", "taken")}
    other = again | {"model": "time_decay", "payable": True}
    assert refused(admin_api.post(f"{URL}/config", other)) == {("effectiveFrom", "taken")}
    assert created(admin_api, **other | {"payable": False})["version"] == 2


def test_a_past_date_that_would_price_approved_commission_anew_is_refused(admin_api):
    frozen = AttributionRecordFactory(status="approved", occurred_at=days_from_now(-10))
    body = {"model": "position_based", "parameters": {"lookbackDays": 30}, "effectiveFrom": text(days_from_now(-20))}
    response = admin_api.post(f"{URL}/config", body)
    assert refused(response) == {("effectiveFrom", "reprices_approved")}
    [error] = response.json()["errors"]
    earliest = frozen.occurred_at + dt.timedelta(seconds=1)
    assert error["detail"] == (
        f"1 approved, disputed or paid record since {frozen.occurred_at:%Y-%m-%d %H:%M:%S} UTC would be priced anew."
        f" The earliest moment that leaves them alone is {earliest:%Y-%m-%d %H:%M:%S} UTC."
    )
    assert created(admin_api, **body | {"effectiveFrom": text(earliest)})["version"] == 2
