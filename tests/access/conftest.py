from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from attribution.models import Adjustment, AttributionRecord
from attribution_site.api import keys
from attribution_site.api.keys import Payee
from conversions.models import Reversal
from partners.models import WebhookAttempt
from partners.operations import create_key
from partners.webhooks import operations as webhooks
from tests.factories import (
    AttributionRecordFactory,
    BankAccountFactory,
    BrokerFactory,
    ConversionFactory,
    DisputeFactory,
    EvidenceFactory,
    MessageFactory,
    PartnerFactory,
    TouchpointFactory,
    WebhookMessageFactory,
)
from tests.payouts.books import payout_of
from touchpoints.models import Touchpoint

A, B = Payee("partner", "partner-a"), Payee("partner", "partner-b")
NEVER = "never-was"


@pytest.fixture(autouse=True)
def nothing_known_of_keys():
    keys.known.forget()


def client_with(key):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


@pytest.fixture
def client_of(db):
    """client_of("read") asks with a new key of the scope; with a payee, as that."""

    def make(*scopes, payee=None):
        return client_with(create_key(name="test", scopes=scopes, payee=payee)[1])

    return make


@pytest.fixture
def of_b(db):
    """What is B's, by the names that paths and parameters call it."""
    PartnerFactory(id=A.id, name="A"), PartnerFactory(id=B.id, name="Secret name of B"), BrokerFactory(id="broker-b")
    conversion = ConversionFactory(lead_id="lead-of-b", policy_number="secret-policy")
    touch = TouchpointFactory(lead_id="lead-of-b", partner_id=B.id, campaign="secret-campaign", session_id="session-b")
    record = AttributionRecordFactory(
        lead_id="lead-of-b",
        conversion_id=conversion.pk,
        touchpoint_id=touch.pk,
        partner_id=B.id,
        payee_id=B.id,
        status="disputed",
    )
    own = TouchpointFactory(lead_id="lead-of-a", partner_id=A.id, campaign="own-campaign")
    AttributionRecordFactory(lead_id="lead-of-a", touchpoint_id=own.pk, partner_id=A.id, payee_id=A.id)
    dispute = DisputeFactory(
        record=record, claimant_id=B.id, reason="secret reason", record_status_before="calculated", number=4711
    )
    adjust(record)
    evidence = EvidenceFactory(dispute=dispute, content={"secret": "secret-evidence"})
    message = MessageFactory(dispute=dispute, body="secret message")
    key, text = create_key(name="secret key of B", scopes=["partner"], payee=B)
    endpoint, secret = webhooks.create_endpoint(
        url="https://secret.example.com/hook", events=["records.changed"], payee=B, created_by=None
    )
    delivery = WebhookMessageFactory(endpoint=endpoint, body='{"secret": "secret-delivery"}')
    WebhookAttempt.objects.create(message=delivery, at=timezone.now(), duration_ms=1, answer="secret answer")
    return {
        "touchpoint": touch.pk,
        "record": record.pk,
        "conversion": conversion.pk,
        "dispute": dispute.pk,
        "evidence": evidence.pk,
        "message": message.pk,
        "lead": "lead-of-b",
        "partner": B.id,
        "broker": "broker-b",
        "key": key.pk,
        "webhook": endpoint.pk,
        "delivery": delivery.pk,
        "payout": payout_of(B.id, is_approved=True).pk,
        "account": BankAccountFactory(payee_id=B.id, holder="Secret Holder").pk,
        "party": dispute.parties.get().pk,
        "session": "session-b",
        "campaign": "secret-campaign",
        "secrets": [text, key.prefix, secret],
    }


def adjust(record):
    """A part of it is taken back."""
    reversal = Reversal.objects.create(
        conversion=ConversionFactory(), reason="refund", amount=Decimal("47.11"), commission_amount=0
    )
    return Adjustment.objects.create(
        kind="reversal",
        reversal=reversal,
        record_id=record.pk,
        conversion_id=record.conversion_id,
        payee_type=record.payee_type,
        payee_id=record.payee_id,
        currency=record.currency,
        revenue_amount=Decimal("-47.11"),
        commission_amount=0,
    )


@pytest.fixture
def of_a(of_b):
    """What is A's own, by the same names."""
    conversion = ConversionFactory(lead_id="lead-of-a")
    touch = Touchpoint.objects.get(partner_id=A.id)
    record = AttributionRecord.objects.get(payee_id=A.id)
    dispute = DisputeFactory(
        record__payee_id=A.id, record__partner_id=A.id, record__status="disputed", claimant_id=A.id
    )
    delivery = WebhookMessageFactory(endpoint__partner_id=A.id)
    return {
        "touchpoint": touch.pk,
        "record": record.pk,
        "conversion": conversion.pk,
        "dispute": dispute.pk,
        "evidence": EvidenceFactory(dispute=dispute).pk,
        "lead": "lead-of-a",
        "partner": A.id,
        "broker": NEVER,
        "key": create_key(name="key of A", scopes=["partner"], payee=A)[0].pk,
        "webhook": delivery.endpoint_id,
        "delivery": delivery.pk,
        "payout": payout_of(A.id, is_approved=True).pk,
        "account": BankAccountFactory(payee_id=A.id).pk,
    }


@pytest.fixture
def as_a(of_b):
    return client_with(create_key(name="key of A", scopes=["partner"], payee=A)[1])
