"""A partner's program writes its own touches, and nothing of anybody else's."""

import pytest
from rest_framework.test import APIClient

from partners.operations import create_key
from tests.api import BASE, refused
from tests.factories import BrokerFactory, ConversionFactory, PartnerFactory, TouchpointFactory
from touchpoints.models import Touchpoint

URL = f"{BASE}/touchpoints"
GOOD = {"leadId": "lead-123", "channel": "email"}
OWN_ID = {"id": "01950000-0000-7000-8000-000000000001", "timestamp": "2026-03-01T12:00:00Z"}


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
    own = TouchpointFactory(partner_id="partner-a")
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
    both = TouchpointFactory(partner_id="partner-a", broker_id="broker-b")
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
