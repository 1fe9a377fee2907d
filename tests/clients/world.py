"""The small world that the examples of the API are about: what is made here has the ids that they name."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

import payouts.operations
from attribution import operations
from attribution.models import Adjustment, AttributionRecord, Comparison, Run
from partners.models import ApiKey
from partners.operations import create_key
from partners.webhooks.models import WebhookMessage
from payouts.models import Entry, Payout, PayoutLine
from reports.models import Report, Spend
from reports.operations import ask, generate_report, save_spend
from tests.factories import (
    BankAccountFactory,
    BrokerFactory,
    ConversionFactory,
    DisputeFactory,
    EvidenceFactory,
    MessageFactory,
    PartnerFactory,
    PartyFactory,
    TouchpointFactory,
    TrainingFactory,
    UserFactory,
    WebhookEndpointFactory,
)
from tests.payouts.books import earned

START, END = (dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (1, 11))


def name(number):
    """A UUID of version 7."""
    return UUID(f"019ca600-0000-7000-8000-{number:012d}")


CONVERSION, RUN, TRAINING, COMPARISON, REPORT, KEY, WEBHOOK, DELIVERY, FAILED = (name(10 * n) for n in range(1, 10))
PAYOUT, TO_PAY, TO_VOID = (name(10 * n) for n in range(17, 20))
DISPUTE, WAITING, FILED_FOR, DECIDED, EVIDENCE = (name(10 * n) for n in range(10, 15))
ACCOUNT, PROPOSED = name(150), name(160)
SILENT: dict[str, None] = {"source": None, "campaign": None}
TOUCHES = {
    name(1): {"channel": "paid_search", "source": "google", "medium": "cpc", "campaign": "home-insurance-q1"},
    name(2): {"channel": "email", "source": "newsletter", "broker_id": "broker-xyz"},
    name(3): {"channel": "partner_referral", "partner_id": "partner-abc", "referral_code": "PARTNER001"},
}


def make_world(person=None):
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
    _make_disputes(person)
    _make_payouts()
    _make_statement()
    _make_work()
    _make_settings()


def _sold(number):
    """Another lead, in which the partner and the broker have a half each, and its two records."""
    lead, moment = f"lead-{123 + number}", dt.datetime(2026, 3, 5, 9, 30, tzinfo=dt.UTC)
    for pk, fields in ((10 + number, {"partner_id": "partner-abc"}), (20 + number, {"broker_id": "broker-xyz"})):
        channel = "partner_referral" if "partner_id" in fields else "broker_referral"
        TouchpointFactory(id=name(pk), lead_id=lead, timestamp=moment, channel=channel, **SILENT, **fields)
    sale = ConversionFactory(
        id=name(30 + number),
        lead_id=lead,
        value=Decimal("900.00"),
        occurred_at=moment + dt.timedelta(days=1),
        policy_number=f"POL-2026-00{1 + number}",
    )
    operations.calculate_and_save(lead_id=lead)
    return list(AttributionRecord.objects.filter(conversion_id=sale.pk, payable=True).order_by("position"))


def _make_disputes(person):
    """One that is open, one that waits for an answer, one that is decided, and a record that nobody disputes yet."""
    dispute = _disputed(_sold(1)[0], id=DISPUTE, expected_amount=Decimal("60.00"))
    PartyFactory(dispute=dispute, payee_type="broker", payee_id="broker-xyz")
    EvidenceFactory(id=EVIDENCE, dispute=dispute)
    MessageFactory(dispute=dispute, author=person)
    waiting, other = _sold(2)
    _disputed(waiting, id=WAITING, status="needs_information", time_left=dt.timedelta(hours=10))
    _disputed(other, id=FILED_FOR, claimant_type="broker", claimant_id="broker-xyz", filed_by=person)
    decided, undisputed = _sold(3)
    now = timezone.now()
    over = {"status": "rejected", "rejection": "not_proven", "resolution": "The log shows another call."}
    decider = UserFactory(username="decider", role="Operations")
    DisputeFactory(id=DECIDED, record=decided, filed_at=now, closed_at=now, resolved_by=decider, **over)
    AttributionRecord.objects.filter(pk=undisputed.pk).update(status="approved")
    refund = {"reason": "refund", "amount": Decimal("90.00")}
    operations.reverse_conversion(conversion_id=undisputed.conversion_id, values=refund, by=None)


def _disputed(record, **values):
    AttributionRecord.objects.filter(pk=record.pk).update(status="disputed")
    return DisputeFactory(record=record, **values)


def _make_payouts():
    """One that waits for its approval, and two that wait for the bank."""
    ana, ben = (UserFactory(username=name, role="Finance") for name in ("ana", "ben"))
    for number, pk in enumerate((PAYOUT, TO_PAY, TO_VOID)):
        entry = earned(payee="partner-abc", id=name(50 + number), conversion_id=name(55 + number), lead_id="lead-130")
        payout = Payout(pk=pk, payee_type="partner", payee_id="partner-abc", currency="USD", prepared_by=ana)
        payout.period_end, payout.total, payout.line_count = END.date(), entry.amount, 1
        payout.save(force_insert=True)
        PayoutLine.objects.create(payout=payout, entry_id=entry.pk, amount=entry.amount)
        submitted = payouts.operations.submit_payout(payout_id=pk, by=ana)
        if pk != PAYOUT:
            payouts.operations.approve_payout(payout_id=pk, lines_hash=submitted.lines_hash, by=ben)


def _make_statement():
    """What the broker earned in March, and what a refund took back of it."""
    record = AttributionRecord.objects.get(payee_id="broker-xyz", status="approved")
    adjustment = Adjustment.objects.get(record_id=record.pk)
    facts = {"payee_type": "broker", "payee_id": "broker-xyz", "currency": record.currency, "record_id": record.pk}
    facts |= {"conversion_id": record.conversion_id, "lead_id": record.lead_id}
    share = {"share": record.commission_amount, "earned_on": record.occurred_at.date()}
    booked_at = dt.datetime(2026, 3, 12, 2, tzinfo=dt.UTC)
    Entry.objects.create(
        id=name(60), kind="earning", amount=record.commission_amount, booked_at=booked_at, **facts, **share
    )
    Entry.objects.create(
        id=name(61),
        kind="reversal",
        amount=adjustment.commission_amount,
        adjustment_id=adjustment.pk,
        booked_at=booked_at + dt.timedelta(days=5),
        **facts,
    )


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
    BankAccountFactory(id=ACCOUNT, holder="Lantern Compare Inc.", is_company=True)
    BankAccountFactory(id=PROPOSED, holder="Lantern Compare Inc.", number="000123456798", proposed=True)
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
