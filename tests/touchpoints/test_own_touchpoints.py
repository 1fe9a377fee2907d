"""A partner's program writes its own touches, and nothing of anybody else's."""

import datetime as dt

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from partners.operations import create_key
from tests.api import BASE, refused
from tests.factories import BrokerFactory, ConversionFactory, PartnerFactory, TouchpointFactory
from touchpoints.models import Touchpoint

URL = f"{BASE}/touchpoints"
GOOD = {"leadId": "lead-123", "channel": "email"}
OWN_ID = {"id": "01950000-0000-7000-8000-000000000001", "timestamp": "2026-03-01T12:00:00Z"}


@pytest.fixture(autouse=True)
def old_touches_are_taken(settings):
    settings.PARTNER_TOUCH_HOURS = 1_000_000


def client_of(*scopes, payee=None):
    _, key = create_key(name="tests", scopes=scopes, payee=payee)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


@pytest.fixture
def partner(db):
    PartnerFactory(id="partner-a")
    PartnerFactory(id="partner-b")
    BrokerFactory(id="broker-b")
    return client_of("partner", payee=("partner", "partner-a"))


@pytest.mark.parametrize("given", [{}, {"partnerId": None}, {"partnerId": ""}, {"partnerId": "partner-a"}])
def test_what_it_sends_is_its_own_alone_and_in_an_array(partner, given):
    assert partner.post(URL, GOOD | given).json()["partnerId"] == "partner-a"
    assert partner.post(URL, [GOOD | given]).json()["accepted"] == 1
    assert set(Touchpoint.objects.values_list("partner_id", "broker_id")) == {("partner-a", None)}


@pytest.mark.parametrize("name", ["partnerId", "brokerId"])
def test_somebody_elses_id_is_refused_as_one_that_nobody_has(partner, name):
    there = {"partnerId": "partner-b", "brokerId": "broker-b"}[name]
    kind = name.removesuffix("Id")
    own = TouchpointFactory(lead_id="lead-123", partner_id="partner-a")
    for value in (there, "nobody"):
        expected = [{"code": "unknown", "detail": f"There is no {kind} {value}.", "attr": name}]
        body = GOOD | {name: value}
        for response in (
            partner.post(URL, body),
            partner.put(f"{URL}/{own.id}", body),
            partner.patch(f"{URL}/{own.id}", {name: value}),
        ):
            assert (response.status_code, response.json()["errors"]) == (400, expected)
        assert partner.post(URL, [body]).json()["items"] == [{"index": 0, "errors": expected}]
    assert Touchpoint.objects.count() == 1


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("given", [{}, {"partnerId": None, "brokerId": None}])
def test_it_neither_gives_its_touch_away_nor_clears_whose_else_it_is(partner, method, given):
    both = TouchpointFactory(lead_id="lead-123", channel="email", partner_id="partner-a", broker_id="broker-b")
    response = getattr(partner, method)(f"{URL}/{both.id}", GOOD | given | {"campaign": "new"})
    assert response.status_code == 200
    both.refresh_from_db()
    assert (both.campaign, both.partner_id, both.broker_id) == ("new", "partner-a", "broker-b")


@pytest.mark.parametrize("time", ["2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"])
def test_an_id_that_somebody_else_has_is_taken_and_nothing_is_told_of_it(partner, time):
    TouchpointFactory(**OWN_ID, partner_id="partner-b", campaign="secret")
    body = GOOD | OWN_ID | {"timestamp": time}
    response = partner.post(URL, body)
    assert (response.status_code, refused(response)) == (409, {(None, "conflict")})
    assert response.json()["errors"][0]["detail"] == "This id is taken."
    [item] = partner.post(URL, [body]).json()["items"]
    assert item["errors"][0]["detail"] == "This id is taken."
    assert Touchpoint.objects.get().partner_id == "partner-b"


def test_its_own_id_sent_again_is_answered_with_what_is_stored(partner):
    first, again = partner.post(URL, GOOD | OWN_ID), partner.post(URL, GOOD | OWN_ID | {"channel": "chat"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


@pytest.mark.django_db
def test_who_may_only_send_is_told_nothing_of_the_lead():
    ConversionFactory(lead_id="lead-123")
    writer = client_of("ingest")
    body = GOOD | OWN_ID
    first, again = writer.post(URL, body), writer.post(URL, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    told = {
        name: first.json()[name]
        for name in ("converted", "conversionValue", "conversionCurrency", "conversionTimestamp")
    }
    assert set(told.values()) == {None}
    assert writer.post(URL, GOOD).json()["converted"] is None
    assert writer.get(URL).status_code == 403


@pytest.mark.parametrize("kind", ["partner", "broker"])
def test_of_a_touch_of_two_neither_alone_changes_who_is_paid(partner, kind):
    own = {"partner": ("partner", "partner-a"), "broker": ("broker", "broker-b")}[kind]
    client = client_of("partner", payee=own)
    both = TouchpointFactory(channel="broker_referral", partner_id="partner-a", broker_id="broker-b")
    for response in (
        client.patch(f"{URL}/{both.id}", {"channel": "partner_referral"}),
        client.delete(f"{URL}/{both.id}"),
    ):
        assert (response.status_code, refused(response)) == (409, {(None, "shared")})
    assert client.patch(f"{URL}/{both.id}", {"campaign": "new"}).status_code == 200
    both.refresh_from_db()
    assert (both.channel, both.campaign) == ("broker_referral", "new")


def test_its_touch_stays_in_its_journey_and_its_place(partner):
    own = TouchpointFactory(lead_id="lead-123", partner_id="partner-a")
    for name, value in (("leadId", "lead-of-another"), ("timestamp", "2026-01-01T00:00:00Z")):
        response = partner.patch(f"{URL}/{own.id}", {name: value})
        assert (response.status_code, refused(response)) == (400, {(name, "fixed")})
    same = {"leadId": "lead-123", "timestamp": own.timestamp.isoformat(), "channel": "chat"}
    assert partner.put(f"{URL}/{own.id}", same).status_code == 200


def test_a_touch_is_told_when_it_happens(partner, settings):
    """Whoever sees a sale could else put itself in front of it."""
    settings.PARTNER_TOUCH_HOURS = 24
    ages = {hours: GOOD | {"timestamp": (timezone.now() - dt.timedelta(hours=hours)).isoformat()} for hours in (23, 25)}
    assert partner.post(URL, ages[23]).status_code == 201
    response = partner.post(URL, ages[25])
    assert (response.status_code, refused(response)) == (400, {("timestamp", "too_old")})
    [item] = partner.post(URL, [ages[25]]).json()["items"]
    assert [(error["attr"], error["code"]) for error in item["errors"]] == [("timestamp", "too_old")]
    assert client_of("ingest").post(URL, ages[25]).status_code == 201


def test_a_retry_of_what_is_stored_is_never_too_old(partner, settings):
    assert partner.post(URL, GOOD | OWN_ID).status_code == 201
    settings.PARTNER_TOUCH_HOURS = 24
    assert partner.post(URL, GOOD | OWN_ID).status_code == 200


def test_a_touch_sent_afterwards_tells_nothing_of_what_the_lead_did_before(partner):
    ConversionFactory(lead_id="lead-123", occurred_at=timezone.now())
    planted = GOOD | {"timestamp": (timezone.now() - dt.timedelta(hours=3)).isoformat()}
    answer = partner.post(URL, planted).json()
    again = partner.get(f"{URL}/{answer['id']}").json()
    assert answer == again
    assert (again["converted"], again["conversionValue"], again["conversionTimestamp"]) == (False, None, None)
    assert partner.get(f"{URL}?converted=true").json()["results"] == []
    ConversionFactory(lead_id="lead-123", occurred_at=timezone.now() + dt.timedelta(seconds=1))
    told = partner.get(f"{URL}/{answer['id']}").json()
    assert (told["converted"], told["conversionValue"]) == (True, 1500)
