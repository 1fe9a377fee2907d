"""Touchpoints one at a time."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.api import BASE, refused
from tests.factories import BrokerFactory, ConversionFactory, PartnerFactory, TouchpointFactory
from touchpoints.models import Touchpoint

URL = f"{BASE}/touchpoints"
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
OWN_ID = "01950000-0000-7000-8000-000000000001"


def test_a_touchpoint_is_stored_with_all_its_fields(api):
    PartnerFactory(id="partner-abc")
    BrokerFactory(id="broker-xyz")
    sent = {
        "leadId": "lead-123",
        "sessionId": "sess-456",
        "channel": "paid_search",
        "source": "google",
        "medium": "cpc",
        "campaign": "home-insurance-q4",
        "content": "banner",
        "term": "home insurance quotes",
        "referralCode": "PARTNER001",
        "partnerId": "partner-abc",
        "brokerId": "broker-xyz",
        "clickIds": {"gclid": "Cj0"},
        "timestamp": "2026-03-01T12:00:00Z",
    }
    response = api.post(URL, sent)
    assert response.status_code == 201
    answers = {
        "converted": False,
        "conversionValue": None,
        "conversionCurrency": None,
        "conversionTimestamp": None,
        "redacted": None,
    }
    assert response.json() == sent | answers | {"id": response.json()["id"]}
    assert uuid.UUID(response.json()["id"]).version == 7
    assert api.get(f"{URL}/{response.json()['id']}").json() == response.json()


def test_what_is_left_out_or_empty_is_null_and_the_time_is_now(api):
    response = api.post(URL, {"leadId": "lead-123", "channel": "direct", "source": "", "partnerId": None})
    answer = response.json()
    assert (answer["source"], answer["partnerId"], answer["term"]) == (None, None, None)
    age = timezone.now() - dt.datetime.fromisoformat(answer["timestamp"])
    assert dt.timedelta() <= age < dt.timedelta(minutes=1)


def test_an_own_id_stores_once_and_answers_with_what_is_stored(api):
    body = {"id": OWN_ID, "leadId": "lead-123", "channel": "email", "timestamp": "2026-03-01T12:00:00Z"}
    first = api.post(URL, body)
    again = api.post(URL, body | {"channel": "chat"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert Touchpoint.objects.count() == 1


def test_an_own_id_at_another_time_is_a_conflict(api):
    body = {"id": OWN_ID, "leadId": "lead-123", "channel": "email", "timestamp": "2026-03-01T12:00:00Z"}
    api.post(URL, body)
    response = api.post(URL, body | {"timestamp": "2026-04-01T12:00:00Z"})
    assert response.status_code == 409
    assert refused(response) == {(None, "conflict")}
    assert Touchpoint.objects.get().timestamp == NOON


def test_an_own_id_needs_its_time(api):
    response = api.post(URL, {"id": OWN_ID, "leadId": "lead-123", "channel": "email"})
    assert refused(response) == {("timestamp", "required")}


def test_put_replaces_all_but_the_time(api):
    stored = TouchpointFactory(term="old", campaign="old", timestamp=NOON)
    response = api.put(f"{URL}/{stored.id}", {"leadId": "lead-9", "channel": "chat", "campaign": "new"})
    assert response.status_code == 200
    answer = response.json()
    assert (answer["leadId"], answer["channel"], answer["campaign"]) == ("lead-9", "chat", "new")
    assert (answer["term"], answer["timestamp"]) == (None, "2026-03-01T12:00:00Z")


def test_what_was_got_can_be_put_back(api):
    stored = TouchpointFactory(click_ids={"gclid": "a"})
    got = api.get(f"{URL}/{stored.id}").json()
    response = api.put(f"{URL}/{stored.id}", got)
    assert (response.status_code, response.json()) == (200, got)


def test_patch_changes_what_it_names_and_can_move_to_another_month(api):
    stored = TouchpointFactory(campaign="kept", timestamp=NOON)
    response = api.patch(f"{URL}/{stored.id}", {"timestamp": "2025-11-05T00:00:00Z"})
    assert response.status_code == 200
    assert (response.json()["campaign"], response.json()["timestamp"]) == ("kept", "2025-11-05T00:00:00Z")
    assert Touchpoint.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"converted": True}])
def test_a_patch_of_nothing_changes_nothing(api, body):
    stored = TouchpointFactory()
    assert api.patch(f"{URL}/{stored.id}", body).json() == api.get(f"{URL}/{stored.id}").json()


def test_an_id_cannot_change(api):
    response = api.patch(f"{URL}/{TouchpointFactory().id}", {"id": OWN_ID})
    assert refused(response) == {("id", "fixed")}


def test_delete_deletes(api):
    stored = TouchpointFactory()
    assert api.delete(f"{URL}/{stored.id}").status_code == 204
    assert api.get(f"{URL}/{stored.id}").status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
@pytest.mark.parametrize("pk", [OWN_ID, "tp-1", "1", "%00", OWN_ID + "0"])
def test_an_id_that_is_not_there_is_not_found(api, method, pk):
    response = getattr(api, method)(f"{URL}/{pk}")
    assert response.status_code == 404
    assert refused(response) == {(None, "not_found")}


def test_a_leads_touchpoints_come_in_time_order(api):
    late = TouchpointFactory(lead_id="lead-123", timestamp=NOON)
    early = TouchpointFactory(lead_id="lead-123", timestamp=NOON - dt.timedelta(days=40))
    TouchpointFactory(lead_id="lead-124")
    rows = api.get(f"{BASE}/leads/lead-123/touchpoints").json()["results"]
    assert [row["id"] for row in rows] == [str(early.id), str(late.id)]
    assert api.get(f"{BASE}/leads/lead-none/touchpoints").json()["results"] == []


FILTERS = {
    "leadId": {"lead_id": "x"},
    "sessionId": {"session_id": "x"},
    "source": {"source": "x"},
    "medium": {"medium": "x"},
    "campaign": {"campaign": "x"},
    "referralCode": {"referral_code": "x"},
    "partnerId": {"partner_id": "x"},
    "brokerId": {"broker_id": "x"},
}


@pytest.mark.parametrize("name", FILTERS)
def test_lists_are_filtered(api, name):
    wanted = TouchpointFactory(**FILTERS[name])
    TouchpointFactory()
    rows = api.get(f"{URL}?{name}=x").json()["results"]
    assert [row["id"] for row in rows] == [str(wanted.id)]


def test_the_channel_filter_repeats_and_knows_its_channels(api):
    for channel in ("email", "chat", "event"):
        TouchpointFactory(channel=channel)
    rows = api.get(f"{URL}?channel=email&channel=chat").json()["results"]
    assert {row["channel"] for row in rows} == {"email", "chat"}
    assert refused(api.get(f"{URL}?channel=tv")) == {("channel", "invalid_choice")}


def test_conversions_within_ninety_days_after_the_touch_are_summed(api):
    touch = TouchpointFactory(lead_id="lead-123", timestamp=NOON)
    for days, value in ((-1, 1), (0, 10), (90, 100), (91, 1000)):
        ConversionFactory(lead_id="lead-123", occurred_at=NOON + dt.timedelta(days=days), value=Decimal(value))
    ConversionFactory(lead_id="lead-124", occurred_at=NOON)
    response = api.get(f"{URL}/{touch.id}")
    assert b'"conversionValue":110.00,' in response.content
    answer = response.json()
    assert (answer["converted"], answer["conversionCurrency"]) == (True, "USD")
    assert answer["conversionTimestamp"] == "2026-03-01T12:00:00Z"


def test_currencies_are_not_summed(api):
    touch = TouchpointFactory(lead_id="lead-123")
    for currency in ("USD", "EUR"):
        ConversionFactory(lead_id="lead-123", currency=currency)
    answer = api.get(f"{URL}/{touch.id}").json()
    assert (answer["converted"], answer["conversionValue"], answer["conversionCurrency"]) == (True, None, None)


def test_the_converted_filter_splits_the_list(api):
    touch = TouchpointFactory(lead_id="lead-123")
    other = TouchpointFactory(lead_id="lead-124")
    ConversionFactory(lead_id="lead-123")
    for answer, wanted in (("true", touch), ("false", other)):
        rows = api.get(f"{URL}?converted={answer}").json()["results"]
        assert [row["id"] for row in rows] == [str(wanted.id)]
    assert refused(api.get(f"{URL}?converted=yes")) == {("converted", "invalid_choice")}


@pytest.mark.parametrize("path", ["touchpoints", "leads/lead-123/touchpoints"])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_one(
    api, path, django_assert_num_queries, django_assert_max_num_queries
):
    TouchpointFactory(lead_id="lead-123")
    with django_assert_max_num_queries(8) as first:
        api.get(f"{BASE}/{path}")
    TouchpointFactory.create_batch(20, lead_id="lead-123")
    ConversionFactory.create_batch(5, lead_id="lead-123")
    with django_assert_num_queries(len(first)):
        assert len(api.get(f"{BASE}/{path}").json()["results"]) == 21
