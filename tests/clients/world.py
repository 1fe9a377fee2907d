"""The small world that the examples of the API are about: what is made here has the ids that they name."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

from attribution import operations
from attribution.models import Comparison, Run
from partners.models import ApiKey
from partners.operations import create_key
from partners.webhooks.models import WebhookMessage
from reports.models import Report, Spend
from reports.operations import ask, generate_report, save_spend
from tests.factories import (
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    TrainingFactory,
    WebhookEndpointFactory,
)

START, END = (dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (1, 11))


def name(number):
    """A UUID of version 7."""
    return UUID(f"019ca600-0000-7000-8000-{number:012d}")


CONVERSION, RUN, TRAINING, COMPARISON, REPORT, KEY, WEBHOOK, DELIVERY, FAILED = (name(10 * n) for n in range(1, 10))
TOUCHES = {
    name(1): {"channel": "paid_search", "source": "google", "medium": "cpc", "campaign": "home-insurance-q1"},
    name(2): {"channel": "email", "source": "newsletter", "broker_id": "broker-xyz"},
    name(3): {"channel": "partner_referral", "partner_id": "partner-abc", "referral_code": "PARTNER001"},
}


def make_world():
    PartnerFactory(id="partner-abc", name="Lantern Compare", contact_email="ana@lantern.example")
    BrokerFactory(id="broker-xyz", name="Harbour Insurance Brokers")
    for day, (pk, fields) in enumerate(TOUCHES.items(), start=2):
        moment = dt.datetime(2026, 3, day, 9, 30, tzinfo=dt.UTC)
        TouchpointFactory(id=pk, lead_id="lead-123", timestamp=moment, **{"source": None, "campaign": None} | fields)
    ConversionFactory(
        id=CONVERSION,
        external_id="crm-1",
        lead_id="lead-123",
        value=Decimal("1500.00"),
        policy_id="policy-789",
        policy_number="POL-2026-001",
        occurred_at=dt.datetime(2026, 3, 9, 16, tzinfo=dt.UTC),
    )
    operations.calculate_and_save(lead_id="lead-123")
    save_spend(values={"day": dt.date(2026, 3, 2), "channel": "paid_search", "amount": Decimal("120.00")})
    _make_work()
    _make_settings()


def _make_work():
    Run.objects.create(id=RUN, model_names=["linear"])
    TrainingFactory(id=TRAINING, start=START - dt.timedelta(days=90), end=START)
    asked = operations.start_comparison(
        start=START, end=END, currency="USD", contenders=[{}, {"model": "last_touch"}], by=None
    )
    Comparison.objects.filter(pk=asked.pk).update(id=COMPARISON)
    assert operations.compare(COMPARISON)
    period = {"start": "2026-03-01", "end": "2026-03-10"}
    made = generate_report(question=ask(start=START, end=END, model="position_based"), period=period, created_by=None)
    Report.objects.filter(pk=made.pk).update(id=REPORT)


def _make_settings():
    made, _key = create_key(name="CRM", scopes=["read", "ingest"])
    ApiKey.objects.filter(pk=made.pk).update(id=KEY)
    webhook = WebhookEndpointFactory(id=WEBHOOK, url="https://crm.example.com/attribution", description="CRM")
    for pk, status in ((DELIVERY, "delivered"), (FAILED, "failed")):
        WebhookMessage.objects.create(
            id=pk,
            endpoint=webhook,
            event="conversion.created",
            body='{"type": "conversion.created", "timestamp": "2026-03-09T16:00:00Z", "data": {}}',
            status=status,
            attempts=1,
            next_attempt_at=None,
        )


def spend_id():
    return Spend.objects.get().pk
