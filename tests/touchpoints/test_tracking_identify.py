"""Saying which lead a visitor is."""

import threading

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from partners.operations import create_key
from tests.api import BASE, refused, send_raw
from tests.factories import PartnerFactory, TouchpointFactory, TrackedSiteFactory
from touchpoints.models import ChangedDay, Touchpoint
from touchpoints.tracking import operations
from touchpoints.tracking.models import Identity

VISITOR, OTHER = "ab" * 16, "cd" * 16
PATH = f"{BASE}/visitors/identify"
pytestmark = pytest.mark.django_db


def said(client, visitor=VISITOR, lead="lead-1"):
    return client.post(PATH, {"visitorId": visitor, "leadId": lead})


def test_the_visitors_touches_become_the_leads(api):
    mine = [TouchpointFactory(lead_id=f"visitor:{VISITOR}") for _ in range(3)]
    others = TouchpointFactory(lead_id=f"visitor:{OTHER}")
    response = said(api)
    assert response.status_code == 200
    assert response.json() == {"visitorId": VISITOR, "leadId": "lead-1", "touchpointsMoved": 3}
    assert set(Touchpoint.objects.filter(lead_id="lead-1")) == set(mine)
    others.refresh_from_db()
    assert others.lead_id == f"visitor:{OTHER}"


def test_said_again_it_changes_nothing(api):
    TouchpointFactory(lead_id=f"visitor:{VISITOR}")
    said(api)
    identified_at = Identity.objects.get().identified_at
    ChangedDay.objects.all().delete()
    assert said(api).json()["touchpointsMoved"] == 0
    assert Identity.objects.get().identified_at == identified_at
    assert not ChangedDay.objects.exists()


def test_a_visitor_of_another_lead_stays_there(api):
    said(api, lead="lead-1")
    response = said(api, lead="lead-2")
    assert response.status_code == 409
    assert refused(response) == {(None, "visitor_of_other_lead")}
    assert "lead-1" not in response.content.decode()
    assert Identity.objects.get().lead_id == "lead-1"


def test_a_lead_may_have_many_visitors(api):
    assert [said(api, visitor).status_code for visitor in (VISITOR, OTHER)] == [200, 200]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("{}", {("visitorId", "required"), ("leadId", "required")}),
        (f'{{"visitorId": "{VISITOR}", "leadId": ""}}', {("leadId", "blank")}),
        (f'{{"visitorId": "{VISITOR}", "leadId": null}}', {("leadId", "null")}),
        (f'{{"visitorId": "{VISITOR}", "leadId": 7}}', {("leadId", "invalid")}),
        (f'{{"visitorId": "{VISITOR}", "leadId": "a\\u0000"}}', {("leadId", "null_characters_not_allowed")}),
        (f'{{"visitorId": "{VISITOR}", "leadId": "visitor:{OTHER}"}}', {("leadId", "a_visitor")}),
        (f'{{"visitorId": "{VISITOR.upper()}", "leadId": "lead-1"}}', {("visitorId", "invalid")}),
        (f'{{"visitorId": "visitor:{VISITOR}", "leadId": "lead-1"}}', {("visitorId", "max_length")}),
        (f'{{"visitorId": "{VISITOR}", "leadId": "lead-1", "x": 1}}', {("x", "unknown_field")}),
    ],
)
def test_bad_input_is_named(api, body, refusal):
    response = send_raw(api, "visitors/identify", body)
    assert response.status_code == 400
    assert refused(response) >= refusal
    assert not Identity.objects.exists()


@pytest.mark.parametrize(("scope", "status"), [("ingest", 200), ("touchpoints:write", 200), ("read", 403)])
def test_keys_of_the_house_may_say_it_by_their_scopes(scope, status):
    _, key = create_key(name="CRM", scopes=[scope])
    assert said(APIClient(headers={"Authorization": f"Api-Key {key}"})).status_code == status


@pytest.mark.parametrize("scope", ["ingest", "partner"])
def test_a_partners_key_may_not_say_who_a_visitor_is(scope):
    _, key = create_key(name="Partner", scopes=[scope], payee=("partner", PartnerFactory().pk))
    assert said(APIClient(headers={"Authorization": f"Api-Key {key}"})).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_an_arrival_at_the_very_moment_of_identifying_is_not_lost():
    """The arrival has looked up who the visitor is and is not committed yet: identifying waits for it."""
    site = TrackedSiteFactory()
    arrived, go_on = threading.Event(), threading.Event()

    def arrive():
        with transaction.atomic():
            operations.record_arrival(
                site=site, visitor_id=VISITOR, session_id=OTHER, url="https://www.example.com/", referrer=""
            )
            arrived.set()
            go_on.wait(5)
        connection.close()

    moved = []

    def identify():
        moved.append(operations.identify(visitor_id=VISITOR, lead_id="lead-1").touchpoints_moved)
        connection.close()

    threads = [threading.Thread(target=each) for each in (arrive, identify)]
    threads[0].start()
    assert arrived.wait(5)
    threads[1].start()
    threads[1].join(0.5)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join()
    assert moved == [1]
    assert Touchpoint.objects.get().lead_id == "lead-1"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_say_different_leads_at_once_one_is_refused():
    gate, outcomes = threading.Barrier(2), []

    def say(lead):
        gate.wait()
        try:
            outcomes.append(operations.identify(visitor_id=VISITOR, lead_id=lead).lead_id)
        except operations.VisitorOfOtherLead:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=say, args=[lead]) for lead in ("lead-1", "lead-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == sorted([Identity.objects.get().lead_id, "refused"])
