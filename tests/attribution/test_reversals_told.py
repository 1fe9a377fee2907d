"""Partners read what they have net of reversals, and webhooks are told."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from attribution import operations
from attribution.models import AttributionRecord
from partners.models import WebhookMessage
from partners.operations import create_key
from tests.access.conftest import client_with
from tests.api import BASE
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, WebhookEndpointFactory


@pytest.fixture
def conversion(db):
    """100.00 of commission, half partner a's and approved, half partner b's and open."""
    now = timezone.now()
    for days, partner in ((2, "partner-a"), (1, "partner-b")):
        PartnerFactory(id=partner)
        TouchpointFactory(lead_id="lead-1", partner_id=partner, timestamp=now - dt.timedelta(days=days))
    made = ConversionFactory(lead_id="lead-1", value=Decimal(1000), occurred_at=now)
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based"], conversion_id=made.pk)
    AttributionRecord.objects.filter(payee_id="partner-a").update(status="calculated")
    AttributionRecord.objects.filter(payee_id="partner-a").update(status="approved")
    return made


def net(partner):
    key = create_key(name="n", scopes=["partner"], payee=("partner", partner))[1]
    [record] = client_with(key).get(f"{BASE}/attributions").json()["results"]
    return record["commissionAmount"], record["netCommission"], record["netRevenue"]


def test_a_partner_reads_its_record_and_what_is_left_of_it(conversion, api):
    assert [net(partner) for partner in ("partner-a", "partner-b")] == [(50, 50, 500), (50, 50, 500)]
    api.post(f"{BASE}/conversions/{conversion.pk}/reverse", {"reason": "lapse", "amount": 300})
    assert net("partner-a") == (50, 35, 350)
    assert net("partner-b") == (35, 35, 350)


def test_a_list_asks_as_often_whatever_was_adjusted(conversion, api, django_assert_num_queries):
    api.post(f"{BASE}/conversions/{conversion.pk}/reverse", {"reason": "lapse", "amount": 300})
    with django_assert_num_queries(5):  # session, user, two for what it may, the page
        assert len(api.get(f"{BASE}/attributions").json()["results"]) == 2


def test_webhooks_are_told_of_a_reversal(conversion, api):
    WebhookEndpointFactory(events=["conversion.reversed"])
    for partner in ("partner-a", "partner-b", None):
        WebhookEndpointFactory(partner_id=partner, events=["records.changed"])
    api.post(f"{BASE}/conversions/{conversion.pk}/reverse", {"reason": "lapse", "amount": 300})
    told = WebhookMessage.objects.values_list("event", "endpoint__partner_id")
    assert sorted(told, key=str) == [
        ("conversion.reversed", None),
        ("records.changed", "partner-a"),
        ("records.changed", "partner-b"),
        ("records.changed", None),
    ]
    assert '"reversedAmount":300.00' in WebhookMessage.objects.get(event="conversion.reversed").body


def test_a_partner_reads_what_was_taken_from_its_record_and_why(conversion, api):
    api.post(f"{BASE}/conversions/{conversion.pk}/reverse", {"reason": "lapse", "amount": 300})
    key = create_key(name="n", scopes=["partner"], payee=("partner", "partner-a"))[1]
    record = AttributionRecord.objects.get(payee_id="partner-a")
    [told] = client_with(key).get(f"{BASE}/attributions/{record.pk}").json()["adjustments"]
    assert (told["kind"], told["reason"], told["revenueAmount"], told["commissionAmount"]) == (
        "reversal",
        "lapse",
        -150,
        -15,
    )
