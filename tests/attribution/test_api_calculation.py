"""Calculation over HTTP: tried out, and stored."""

import datetime as dt
from decimal import Decimal

import pytest

from attribution.models import AttributionRecord
from tests.api import BASE, refused, send_raw
from tests.factories import AttributionRecordFactory, ConversionFactory, PartnerFactory, TouchpointFactory

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
CALCULATE = f"{BASE}/attribution/calculate"
SAVE = f"{BASE}/attribution/calculate-and-save"


@pytest.fixture
def journey(db):
    """Three touches in ten days, then a policy of 1500.00 with a commission of 150.00."""
    PartnerFactory(id="partner-abc")
    for days, channel, partner in ((10, "paid_search", "partner-abc"), (5, "email", None), (1, "direct", None)):
        TouchpointFactory(
            lead_id="lead-123",
            channel=channel,
            partner_id=partner,
            timestamp=NOON - dt.timedelta(days=days),
        )
    return ConversionFactory(
        lead_id="lead-123", occurred_at=NOON, value=Decimal("1500.00"), commission_rate=Decimal("0.1")
    )


def test_the_example_of_the_users_document(api, journey):
    body = {"leadId": "lead-123", "model": "position_based", "conversionId": str(journey.id)}
    response = api.post(CALCULATE, body)
    assert response.status_code == 200
    answer = response.json()
    shares = answer.pop("attributions")
    expected = {
        "leadId": "lead-123",
        "model": "position_based",
        "conversionId": str(journey.id),
        "conversionValue": 1500.0,
        "currency": "USD",
        "commissionAmount": 150.0,
        "unattributed": 0.0,
        "configVersion": 1,
        "trainingId": None,
        "fallback": None,
    }
    assert answer == expected | {"calculatedAt": answer["calculatedAt"]}
    earned = [(s["channel"], s["percentage"], s["revenue"], s["commission"]) for s in shares]
    assert earned == [
        ("paid_search", 40.0, 600.0, 60.0),
        ("email", 20.0, 300.0, 30.0),
        ("direct", 40.0, 600.0, 60.0),
    ]
    assert (shares[0]["partnerId"], shares[0]["campaign"]) == ("partner-abc", "home-insurance-q4")
    assert shares[0]["timestamp"] == "2026-02-19T12:00:00Z"
    assert b'"credit":0.4000000000,"percentage":40.00000000,"revenue":600.00,' in response.content
    assert not AttributionRecord.objects.exists()


def test_without_a_conversion_named_it_is_the_latest(api, journey):
    latest = ConversionFactory(lead_id="lead-123", occurred_at=NOON + dt.timedelta(days=1))
    answer = api.post(CALCULATE, {"leadId": "lead-123", "model": "linear"}).json()
    assert answer["conversionId"] == str(latest.id)


def test_a_value_makes_a_hypothetical_conversion_now(api):
    TouchpointFactory(lead_id="lead-123")
    body = '{"leadId": "lead-123", "model": "linear", "conversionValue": 0.07, "commissionRate": 0.5}'
    response = send_raw(api, "attribution/calculate", body)
    assert response.status_code == 200
    assert b'"conversionId":null,"conversionValue":0.07,' in response.content
    assert response.json()["attributions"][0]["revenue"] == 0.07


def test_parameters_are_tried_without_saving_and_their_inner_keys_stay(api, journey):
    body = {"leadId": "lead-123", "model": "position_based"}
    config = {"positionWeights": [0.5, 0.25, 0.25], "lookbackDaysByType": {"policy_bound": 30}}
    answer = api.post(CALCULATE, body | {"config": config}).json()
    assert [share["percentage"] for share in answer["attributions"]] == [50.0, 25.0, 25.0]
    assert answer["configVersion"] is None
    config["lookbackDaysByType"] = {"policy_bound": 3}
    assert len(api.post(CALCULATE, body | {"config": config}).json()["attributions"]) == 1


def test_a_conversion_without_a_journey_is_unattributed(api):
    ConversionFactory(lead_id="lead-123", value=Decimal("1500.00"))
    response = api.post(CALCULATE, {"leadId": "lead-123", "model": "linear"})
    assert b'"attributions":[],"unattributed":1500.00,' in response.content


def test_a_lead_without_conversions_has_nothing_to_calculate(api):
    for url in (CALCULATE, SAVE):
        response = api.post(url, {"leadId": "lead-none", "model": "linear"})
        assert response.status_code == 409
        assert refused(response) == {(None, "nothing_to_calculate")}


BAD = [
    ("leadId", 5, "leadId", "invalid"),
    ("leadId", "x" * 65, "leadId", "max_length"),
    ("model", "magic", "model", "invalid_choice"),
    ("model", None, "model", "null"),
    ("conversionId", "conversion-1", "conversionId", "invalid"),
    ("conversionId", "01950000-0000-7000-8000-000000000001", "conversionId", "unknown_conversion"),
    ("models", ["linear"], "models", "unknown_field"),
]
BAD_TRIALS = [
    ("conversionValue", -1, "conversionValue", "min_value"),
    ("conversionValue", 1.001, "conversionValue", "max_decimal_places"),
    ("conversionValue", "1500", "conversionValue", "invalid"),
    ("commissionRate", 2, "commissionRate", "max_value"),
    ("commissionRate", 0.1, "commissionRate", "invalid"),
    ("config", [], "config", "invalid"),
    ("config", {"half_life_days": 3}, "config.half_life_days", "unknown_field"),
    ("config", {"halfLifeDays": -3}, "config.halfLifeDays", "invalid"),
    ("config", {"lookbackDays": 1.5}, "config.lookbackDays", "invalid"),
    ("config", {"lookbackDaysByType": {"gift": 3}}, "config.lookbackDaysByType", "invalid"),
    ("config", {"excludedChannels": [["email"]]}, "config.excludedChannels", "invalid"),
]


@pytest.mark.parametrize(("name", "value", "attr", "code"), BAD + BAD_TRIALS, ids=lambda v: str(v)[:30])
def test_a_bad_value_is_refused_by_name(api, journey, name, value, attr, code):
    response = api.post(CALCULATE, {"leadId": "lead-123", "model": "linear"} | {name: value})
    assert response.status_code == 400
    assert (attr, code) in refused(response)
    assert {named for named, _ in refused(response)} == {attr}


@pytest.mark.parametrize(
    ("name", "value", "attr", "code"),
    [bad for bad in BAD if bad[:2] != ("model", None)],
    ids=lambda v: str(v)[:30],
)
def test_a_bad_value_is_refused_by_name_before_anything_is_stored(api, journey, name, value, attr, code):
    response = api.post(SAVE, {"leadId": "lead-123", "model": "linear"} | {name: value})
    assert response.status_code == 400
    assert (attr, code) in refused(response)
    assert {named for named, _ in refused(response)} == {attr}
    assert not AttributionRecord.objects.exists()


def test_saving_answers_the_calculation_and_the_records(api, journey):
    body = {"leadId": "lead-123", "model": "position_based", "conversionId": str(journey.id)}
    response = api.post(SAVE, body)
    assert response.status_code == 200
    [saved] = response.json()["calculations"]
    records = saved.pop("records")
    tried = api.post(CALCULATE, body).json()
    assert saved | {"calculatedAt": None} == tried | {"calculatedAt": None}
    assert {record["id"] for record in records} == {str(r.id) for r in AttributionRecord.objects.all()}
    assert sum(record["commissionAmount"] for record in records) == 150.0
    assert (records[0]["payeeType"], records[0]["payeeId"]) == ("partner", "partner-abc")


def test_saving_twice_stores_nothing_new(api, journey):
    body = {"leadId": "lead-123", "model": "position_based"}
    first, again = api.post(SAVE, body), api.post(SAVE, body)
    assert first.json() == again.json()


def test_saving_all_covers_each_conversion_and_model_with_and_without_a_journey(api, journey):
    early = ConversionFactory(lead_id="lead-123", occurred_at=NOON - dt.timedelta(days=50))
    calculations = api.post(SAVE, {"leadId": "lead-123"}).json()["calculations"]
    unattributed = {(c["conversionId"], c["unattributed"]) for c in calculations}
    assert unattributed == {(str(early.id), 1500.0), (str(journey.id), 0.0)}
    assert len(calculations) == 2 * len({c["model"] for c in calculations}) == 12


def test_saving_leaves_frozen_records_and_answers_them(api, journey):
    frozen = AttributionRecordFactory(conversion_id=journey.id, lead_id="lead-123", status="approved")
    [saved] = api.post(SAVE, {"leadId": "lead-123", "model": "position_based"}).json()["calculations"]
    assert str(frozen.id) in {record["id"] for record in saved["records"]}


def test_saving_many_conversions_takes_as_many_queries_as_saving_few(
    api, journey, django_assert_num_queries, django_assert_max_num_queries
):
    def with_new_conversions(days):
        for day in days:
            ConversionFactory(lead_id="lead-123", occurred_at=NOON + dt.timedelta(days=day))
        return {"leadId": "lead-123", "model": "linear"}

    api.post(SAVE, with_new_conversions([1]))
    body = with_new_conversions([2])
    with django_assert_max_num_queries(40) as few:
        api.post(SAVE, body)
    body = with_new_conversions(range(3, 13))
    with django_assert_num_queries(len(few)):
        assert len(api.post(SAVE, body).json()["calculations"]) == 13
