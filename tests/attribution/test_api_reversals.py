"""`POST /conversions/:id/reverse`, `GET /conversions/:id/reversals`, and what conversions say of them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from attribution import operations
from attribution.models import AttributionRecord
from conversions.models import Conversion
from tests.api import BASE, refused, send_raw
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory

pytestmark = pytest.mark.django_db

SOLD_AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def conversion():
    return ConversionFactory(
        lead_id="lead-1",
        value=Decimal("1500.00"),
        commission_rate=Decimal("0.1"),
        commission_amount=Decimal("150.00"),
        occurred_at=SOLD_AT,
    )


@pytest.fixture
def paid_record(conversion):
    PartnerFactory(id="partner-abc")
    TouchpointFactory(lead_id="lead-1", partner_id="partner-abc", timestamp=SOLD_AT - dt.timedelta(days=1))
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based"])
    record = AttributionRecord.objects.get()
    for status in ("approved", "paid"):
        AttributionRecord.objects.filter(pk=record.pk).update(status=status)
    return record


def reverse(api, conversion, **body):
    return send_raw(api, f"conversions/{conversion.pk}/reverse", _json(body or {"reason": "cancellation"}))


def _json(body):
    pairs = [f'"{name}": {value if isinstance(value, Decimal | int) else _text(value)}' for name, value in body.items()]
    return "{" + ", ".join(pairs) + "}"


def _text(value):
    return "null" if value is None else f'"{value}"'


def test_a_part_is_reversed_and_the_answer_says_what_it_took_from_whom(api, conversion, paid_record):
    response = reverse(
        api, conversion, reason="refund", amount=Decimal("300.00"), occurredAt="2026-03-05T09:00:00Z", note="Storm."
    )
    answer = response.json(parse_float=Decimal)
    [adjustment] = answer.pop("adjustments")
    assert response.status_code == 201
    assert (answer.pop("id"), answer.pop("createdAt")) != (None, None)
    assert answer == {
        "conversionId": str(conversion.pk),
        "reason": "refund",
        "note": "Storm.",
        "amount": Decimal("300.00"),
        "commissionAmount": Decimal("30.00"),
        "currency": "USD",
        "occurredAt": "2026-03-05T09:00:00Z",
    }
    assert adjustment.pop("id")
    assert adjustment == {
        "attributionId": str(paid_record.pk),
        "payeeType": "partner",
        "payeeId": "partner-abc",
        "revenueAmount": Decimal("-300.00"),
        "commissionAmount": Decimal("-30.00"),
    }


def test_without_an_amount_all_that_is_left_is_reversed(api, conversion):
    reverse(api, conversion, reason="refund", amount=Decimal("0.01"))
    response = reverse(api, conversion, reason="cancellation")
    assert response.json(parse_float=Decimal)["amount"] == Decimal("1499.99")
    again = reverse(api, conversion, reason="cancellation")
    assert (again.status_code, refused(again)) == (409, {(None, "more_than_is_left")})


def test_more_than_is_left_is_a_409_that_names_what_is_left(api, conversion):
    reverse(api, conversion, reason="refund", amount=Decimal("1000.00"))
    response = reverse(api, conversion, reason="refund", amount=Decimal("500.01"))
    assert (response.status_code, refused(response)) == (409, {(None, "more_than_is_left")})
    assert "500.00 USD is left" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ("reason", "required")),
        ({"reason": "boredom"}, ("reason", "invalid_choice")),
        ({"reason": "lapse", "amount": 0}, ("amount", "min_value")),
        ({"reason": "lapse", "amount": -5}, ("amount", "min_value")),
        ({"reason": "lapse", "amount": Decimal("1.005")}, ("amount", "max_decimal_places")),
        ({"reason": "lapse", "amount": "5"}, ("amount", "invalid")),
        ({"reason": "lapse", "occurredAt": "2026-02-28T12:00:00Z"}, ("occurredAt", "before_conversion")),
        ({"reason": "lapse", "occurredAt": "2126-02-28T12:00:00Z"}, ("occurredAt", "in_the_future")),
        ({"reason": "lapse", "occurredAt": "2026-03-05T12:00:00"}, ("occurredAt", "naive")),
        ({"reason": "lapse", "percent": 5}, ("percent", "unknown_field")),
    ],
)
def test_bad_input_is_named(api, conversion, body, named):
    response = send_raw(api, f"conversions/{conversion.pk}/reverse", _json(body))
    assert (response.status_code, refused(response)) == (400, {named})
    assert not conversion.reversals.exists()


def test_a_currency_without_cents_has_no_half_to_reverse(api):
    conversion = ConversionFactory(value=1500, currency="JPY", commission_amount=150)
    response = reverse(api, conversion, reason="lapse", amount=Decimal("0.50"))
    assert (response.status_code, refused(response)) == (400, {("amount", "too_precise")})


def test_a_conversion_worth_nothing_gives_its_commission_back(api):
    conversion = ConversionFactory(value=0, commission_rate=None, commission_amount=Decimal("25.00"))
    answer = reverse(api, conversion).json(parse_float=Decimal)
    assert (answer["amount"], answer["commissionAmount"]) == (0, Decimal("25.00"))
    stored = api.get(f"{BASE}/conversions/{conversion.pk}").json()
    assert (stored["reversed"], stored["remainingCommission"]) == (True, 0)


def test_a_conversion_without_commission_is_reversed_by_value_alone(api):
    conversion = ConversionFactory(value=100, commission_rate=None, commission_amount=None)
    assert reverse(api, conversion).json()["commissionAmount"] == 0
    assert api.get(f"{BASE}/conversions/{conversion.pk}").json()["remainingCommission"] is None


def test_one_that_is_ahead_of_our_clock_can_be_reversed_at_once(api):
    ahead = (timezone.now() + dt.timedelta(hours=1)).replace(microsecond=0)
    response = reverse(api, ConversionFactory(occurred_at=ahead))
    assert (response.status_code, response.json()["occurredAt"]) == (201, f"{ahead:%Y-%m-%dT%H:%M:%SZ}")


def test_what_is_not_there_is_a_404(api):
    for pk in ("0195a2f2-7c00-7000-8000-000000000000", "nothing"):
        assert api.post(f"{BASE}/conversions/{pk}/reverse", {"reason": "lapse"}).status_code == 404
        assert api.get(f"{BASE}/conversions/{pk}/reversals").status_code == 404


def test_reversals_are_listed_in_the_order_they_were_made_in_by_pages(api, conversion):
    for reason in ("lapse", "refund", "cancellation"):
        reverse(api, conversion, reason=reason, amount=Decimal("1.00"))
    path = f"{BASE}/conversions/{conversion.pk}/reversals"
    answer = api.get(path, {"pageSize": 2}).json()
    assert (answer["count"], [each["reason"] for each in answer["results"]]) == (3, ["lapse", "refund"])
    assert [each["reason"] for each in api.get(answer["next"]).json()["results"]] == ["cancellation"]
    assert refused(api.get(path, {"reason": "lapse"})) == {("reason", "unknown_field")}


def test_the_list_takes_as_many_queries_for_many_reversals_as_for_one(api, conversion, paid_record):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as counted:
            api.get(f"{BASE}/conversions/{conversion.pk}/reversals")
        return len(counted)

    reverse(api, conversion, reason="lapse", amount=Decimal("1.00"))
    one = queries()
    for _ in range(5):
        reverse(api, conversion, reason="lapse", amount=Decimal("1.00"))
    assert queries() == one


def test_a_conversion_says_what_was_reversed_and_what_is_left(api, conversion):
    plain = api.get(f"{BASE}/conversions/{conversion.pk}").json(parse_float=Decimal)
    reverse(api, conversion, reason="lapse", amount=Decimal("500.00"))
    answer = api.get(f"{BASE}/conversions/{conversion.pk}").json(parse_float=Decimal)
    names = ("reversed", "reversedAmount", "remainingValue", "reversedCommission", "remainingCommission", "value")
    assert [plain[name] for name in names] == [False, 0, 1500, 0, 150, 1500]
    assert [answer[name] for name in names] == [True, 500, 1000, 50, 100, 1500]
    assert answer["updatedAt"] > plain["updatedAt"]


@pytest.mark.parametrize(("asked", "found"), [("true", 1), ("false", 2)])
def test_conversions_are_listed_by_whether_they_are_reversed(api, conversion, asked, found):
    ConversionFactory.create_batch(2)
    reverse(api, conversion, reason="lapse", amount=Decimal("0.01"))
    answer = api.get(f"{BASE}/conversions", {"reversed": asked}).json()
    assert (answer["count"], {each["reversed"] for each in answer["results"]}) == (found, {asked == "true"})
    assert api.get(f"{BASE}/conversions", {"reversed": "perhaps"}).status_code == 400


def test_what_was_got_can_be_put_back_and_reverses_nothing(api, conversion):
    reverse(api, conversion, reason="lapse", amount=Decimal("500.00"))
    got = api.get(f"{BASE}/conversions/{conversion.pk}")
    response = send_raw(api, f"conversions/{conversion.pk}", got.content, method="PUT")
    assert response.status_code == 200
    assert {**response.json(), "updatedAt": None} == {**got.json(), "updatedAt": None}


@pytest.mark.parametrize("change", [{"value": 2000}, {"value": 1}, {"commissionAmount": 1}, {"currency": "EUR"}])
def test_what_its_reversals_took_a_part_of_cannot_change_any_more(api, conversion, change):
    reverse(api, conversion, reason="lapse", amount=Decimal("500.00"))
    response = api.patch(f"{BASE}/conversions/{conversion.pk}", change)
    assert (response.status_code, refused(response)) == (409, {(None, "conflict")})
    assert "is reversed" in response.json()["errors"][0]["detail"]
    assert api.patch(f"{BASE}/conversions/{conversion.pk}", {"policyNumber": "P-1"}).status_code == 200


def test_sending_the_conversion_again_by_its_external_id_still_finds_it_the_same(api):
    sale = {
        "leadId": "lead-1",
        "type": "sale",
        "value": 10,
        "externalId": "crm-1",
        "occurredAt": "2026-03-01T12:00:00Z",
    }
    first = api.post(f"{BASE}/conversions", sale)
    reverse(api, Conversion.objects.get())
    again = api.post(f"{BASE}/conversions", sale)
    assert (first.status_code, again.status_code, again.json()["remainingValue"]) == (201, 200, 0)


def test_a_touchpoint_says_what_is_left_of_its_leads_conversions(api, conversion, paid_record):
    reverse(api, conversion, reason="lapse", amount=Decimal("500.00"))
    [touch] = api.get(f"{BASE}/touchpoints").json()["results"]
    assert (touch["converted"], touch["conversionValue"]) == (True, 1000)


def test_who_reversed_it_is_kept(api, conversion, operations_user):
    reverse(api, conversion)
    assert conversion.reversals.get().created_by == operations_user


@pytest.mark.parametrize("role", ["Finance", "Analyst"])
def test_who_may_not_reverse_is_told_so_and_nothing_happens(conversion, role):
    client = APIClient()
    client.force_login(UserFactory(role=role))
    assert reverse(client, conversion).status_code == 403
    assert not conversion.reversals.exists()
