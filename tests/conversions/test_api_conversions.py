"""Conversions over HTTP."""

import datetime as dt
from decimal import Decimal

import pytest

from conversions.models import Conversion
from tests.api import BASE, refused, send_raw
from tests.factories import ConversionFactory

URL = f"{BASE}/conversions"
GOOD = {"leadId": "lead-123", "type": "policy_bound", "value": 1500}
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def test_a_conversion_is_stored_with_all_its_fields(api):
    sent = GOOD | {
        "externalId": "crm-1",
        "currency": "EUR",
        "policyId": "policy-789",
        "policyNumber": "POL-2024-001",
        "commissionRate": 0.1,
        "commissionAmount": 149.99,
        "occurredAt": "2026-03-01T12:00:00Z",
    }
    response = api.post(URL, sent)
    assert response.status_code == 201
    answer = response.json()
    assert {name: answer[name] for name in sent} == sent
    reversals = {"reversed", "reversedAmount", "remainingValue", "reversedCommission", "remainingCommission"}
    assert set(answer) - set(sent) == {"id", "createdAt", "updatedAt", *reversals}
    assert api.get(f"{URL}/{answer['id']}").json() == answer


@pytest.mark.parametrize(
    ("value", "rate", "currency", "commission"),
    [
        ("1500.00", "0.1", "USD", "150.00"),
        ("0.50", "0.05", "USD", "0.02"),  # 0.025: half goes to the even cent
        ("1.50", "0.05", "USD", "0.08"),  # 0.075
        ("50", "0.05", "JPY", "2.00"),  # 2.5 yen
        ("70", "0.05", "JPY", "4.00"),  # 3.5 yen
        ("1500.00", "0", "USD", "0.00"),
    ],
)
def test_the_commission_is_value_by_rate_to_the_smallest_unit(api, value, rate, currency, commission):
    body = f'{{"leadId": "l", "type": "sale", "value": {value}, "commissionRate": {rate}, "currency": "{currency}"}}'
    response = send_raw(api, "conversions", body)
    assert response.status_code == 201
    assert f'"commissionAmount":{commission},'.encode() in response.content


def test_without_a_rate_there_is_no_commission_and_the_currency_is_the_houses(api):
    answer = api.post(URL, GOOD).json()
    assert (answer["commissionRate"], answer["commissionAmount"], answer["currency"]) == (None, None, "USD")


def test_the_same_external_id_and_content_answers_with_the_first(api):
    body = GOOD | {"externalId": "crm-1", "commissionRate": 0.1}
    first, again = api.post(URL, body), api.post(URL, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert Conversion.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"value": 1500.01},
        {"leadId": "lead-124"},
        {"type": "sale"},
        {"currency": "EUR"},
        {"policyId": "policy-1"},
        {"commissionRate": 0.2},
        {"commissionAmount": 3},
        {"occurredAt": "2026-03-02T12:00:00Z"},
    ],
)
def test_the_same_external_id_with_other_content_is_a_conflict(api, other):
    body = GOOD | {"externalId": "crm-1", "commissionRate": 0.1, "occurredAt": "2026-03-01T12:00:00Z"}
    first = api.post(URL, body)
    response = api.post(URL, body | other)
    assert response.status_code == 409
    assert refused(response) == {(None, "conflict")}
    assert api.get(f"{URL}/{first.json()['id']}").json() == first.json()


def test_put_replaces_but_keeps_time_external_id_and_currency(api):
    stored = ConversionFactory(external_id="crm-1", currency="EUR", policy_id="p", policy_number="n", occurred_at=NOON)
    answer = api.put(f"{URL}/{stored.id}", GOOD | {"commissionRate": 0.2}).json()
    kept = {"externalId": "crm-1", "currency": "EUR", "occurredAt": "2026-03-01T12:00:00Z"}
    changed = {"policyId": None, "policyNumber": None, "commissionRate": 0.2, "commissionAmount": 300.0}
    assert {name: answer[name] for name in kept | changed} == kept | changed


def test_what_was_got_can_be_put_back(api):
    stored = ConversionFactory(external_id="crm-1")
    got = api.get(f"{URL}/{stored.id}").json()
    answer = api.put(f"{URL}/{stored.id}", got).json()
    assert answer | {"updatedAt": None} == got | {"updatedAt": None}


def test_a_default_commission_follows_and_one_that_was_set_stays(api):
    follows = ConversionFactory(value=Decimal("1500.00"), commission_rate=Decimal("0.1"))
    was_set = ConversionFactory(commission_amount=Decimal("7.00"))
    answers = [api.patch(f"{URL}/{c.id}", {"value": 2000}).json() for c in (follows, was_set)]
    assert [answer["commissionAmount"] for answer in answers] == [200.0, 7.0]
    assert api.patch(f"{URL}/{was_set.id}", {"commissionAmount": None}).json()["commissionAmount"] == 200.0


def test_an_external_id_that_another_has_is_a_conflict(api):
    ConversionFactory(external_id="crm-1")
    response = api.patch(f"{URL}/{ConversionFactory().id}", {"externalId": "crm-1"})
    assert response.status_code == 409
    assert refused(response) == {(None, "conflict")}


def test_there_is_no_delete(api):
    response = api.delete(f"{URL}/{ConversionFactory().id}")
    assert response.status_code == 405
    assert refused(response) == {(None, "method_not_allowed")}
    assert Conversion.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch"])
@pytest.mark.parametrize("pk", ["01950000-0000-7000-8000-000000000001", "conversion-1", "%00"])
def test_an_id_that_is_not_there_is_not_found(api, method, pk):
    response = getattr(api, method)(f"{URL}/{pk}")
    assert response.status_code == 404
    assert refused(response) == {(None, "not_found")}


FILTERS = {
    "leadId=x": {"lead_id": "x"},
    "type=renewal": {"type": "renewal"},
    "policyId=x": {"policy_id": "x"},
    "policyNumber=x": {"policy_number": "x"},
    "currency=EUR": {"currency": "EUR"},
    "minValue=2000.01": {"value": Decimal("2000.01")},
    "maxValue=0.99": {"value": Decimal("0.99")},
    "endDate=2026-03-01": {"occurred_at": NOON},
}


@pytest.mark.parametrize("query", FILTERS)
def test_lists_are_filtered(api, query):
    wanted = ConversionFactory(**FILTERS[query])
    ConversionFactory()
    assert [row["id"] for row in api.get(f"{URL}?{query}").json()["results"]] == [str(wanted.id)]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("type=gift", ("type", "invalid_choice")),
        ("minValue=abc", ("minValue", "invalid")),
        ("minValue=NaN", ("minValue", "invalid")),
        ("leadId=%00", ("leadId", "null_characters_not_allowed")),
    ],
)
def test_a_bad_filter_is_refused_by_name(api, query, named):
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 400
    assert refused(response) == {named}


@pytest.mark.parametrize("value", ["1e400", "1e-400", "-1", "1e14"])
def test_a_number_filter_of_any_size_is_answered(api, value):
    assert api.get(f"{URL}?minValue={value}").status_code in {200, 400}


def test_the_list_is_ordered_latest_first_or_as_asked(api):
    for day, value in ((1, 30), (2, 10), (3, 20)):
        ConversionFactory(occurred_at=NOON + dt.timedelta(days=day), value=Decimal(value))

    def values(query=""):
        return [row["value"] for row in api.get(f"{URL}{query}").json()["results"]]

    assert values() == values("?ordering=-occurredAt") == [20, 10, 30]
    assert values("?ordering=occurredAt") == [30, 10, 20]
    assert values("?ordering=-value") == [30, 20, 10]


def test_the_list_takes_as_many_queries_for_many_rows_as_for_one(api, django_assert_num_queries):
    ConversionFactory()
    with django_assert_num_queries(6) as first:
        api.get(URL)
    ConversionFactory.create_batch(20)
    with django_assert_num_queries(len(first)):
        assert len(api.get(URL).json()["results"]) == 21
