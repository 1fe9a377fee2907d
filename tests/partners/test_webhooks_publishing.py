"""Who is told what, and that nothing is told that did not happen."""

import json
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.models import WebhookMessage
from partners.webhooks import outbox
from tests.factories import BrokerFactory, PartnerFactory, WebhookEndpointFactory

pytestmark = pytest.mark.django_db


def told():
    return set(WebhookMessage.objects.values_list("endpoint__description", "event"))


def test_an_event_reaches_the_webhooks_that_ask_for_it():
    WebhookEndpointFactory(description="asks", events=["conversion.created", "conversion.updated"])
    WebhookEndpointFactory(description="does not", events=["conversion.updated"])
    WebhookEndpointFactory(description="is off", status="disabled", disabled_at=timezone.now())
    outbox.publish(event="conversion.created", data={"conversion_id": 1})
    assert told() == {("asks", "conversion.created")}


def test_a_payees_webhook_hears_of_its_own_only():
    events = ["records.changed"]
    WebhookEndpointFactory(description="partner a", partner=PartnerFactory(id="a"), events=events)
    WebhookEndpointFactory(description="partner b", partner=PartnerFactory(id="b"), events=events)
    WebhookEndpointFactory(description="broker a", broker=BrokerFactory(id="a"), events=events)
    WebhookEndpointFactory(description="house", events=events)
    outbox.publish(event="records.changed", data={}, payees=[("partner", "a")])
    assert told() == {("partner a", "records.changed"), ("house", "records.changed")}
    WebhookMessage.objects.all().delete()
    outbox.publish(event="records.changed", data={}, payees=[("broker", "a")], to_house=False)
    assert told() == {("broker a", "records.changed")}


def test_a_closed_partner_is_told_nothing():
    WebhookEndpointFactory(partner=PartnerFactory(id="a", status="closed"), events=["records.changed"])
    outbox.publish(event="records.changed", data={}, payees=[("partner", "a")])
    assert told() == set()


def test_what_the_house_alone_may_know_cannot_be_published_to_payees():
    with pytest.raises(AssertionError, match="for the house alone"):
        outbox.publish(event="conversion.created", data={}, payees=[("partner", "a")])


def test_amounts_are_exact_and_names_as_in_the_api():
    WebhookEndpointFactory()
    outbox.publish(event="conversion.created", data={"lead_id": "lead-ü", "value": Decimal("0.10"), "at": None})
    body = WebhookMessage.objects.get().body
    assert '"value":0.10' in body
    read = json.loads(body)
    assert set(read) == {"type", "timestamp", "data"}
    assert (read["type"], read["data"]["leadId"], read["data"]["at"]) == ("conversion.created", "lead-ü", None)
    assert read["timestamp"].endswith("Z")


def test_where_nobody_asks_nothing_is_written_and_one_query_made():
    WebhookEndpointFactory(events=["conversion.updated"])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert outbox.publish(event="conversion.created", data={"lead_id": "lead-1"}) == []
    assert len(queries) == 1
    assert not WebhookMessage.objects.exists()


def test_what_is_rolled_back_was_never_told():
    WebhookEndpointFactory()
    with transaction.atomic():
        assert outbox.publish(event="conversion.created", data={})
        transaction.set_rollback(True)
    assert not WebhookMessage.objects.exists()


def test_the_house_and_payees_that_ask_are_known_beforehand():
    WebhookEndpointFactory(partner=PartnerFactory(id="a"), events=["records.changed"])
    assert outbox.who_asks_for("records.changed") == (False, [("partner", "a")])
    WebhookEndpointFactory(events=["records.changed"])
    assert outbox.who_asks_for("records.changed") == (True, [("partner", "a")])
    assert outbox.who_asks_for("record.approved") == (False, [])
