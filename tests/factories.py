"""One factory a model, with believable defaults."""

import datetime as dt
import uuid
from decimal import Decimal

import factory
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from attribution.models import AttributionRecord, ModelConfig, Training
from conversions.models import Conversion
from disputes.models import Dispute, Evidence, Message, Party
from partners.models import Broker, Partner, WebhookEndpoint, WebhookMessage
from partners.webhooks import sealing
from payouts.banking.keeping import fingerprints
from payouts.banking.numbers import mask
from payouts.models import BankAccount
from touchpoints.models import Touchpoint, TrackedSite, TrackingLink, uuid7


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user-{n}")
    is_staff = True

    @factory.post_generation
    def role(self, create, name, **_):
        """UserFactory(role="Operations") puts the user into that group."""
        if name:
            self.groups.add(Group.objects.get(name=name))


class PartnerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Partner

    id = factory.Sequence(lambda n: f"partner-{n}")
    name = factory.Sequence(lambda n: f"Northwind Comparison {n}")


class BrokerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Broker

    id = factory.Sequence(lambda n: f"broker-{n}")
    name = factory.Sequence(lambda n: f"Harbour Insurance Brokers {n}")


class WebhookEndpointFactory(factory.django.DjangoModelFactory):
    """Of the house. `secret` is given in plain, and stored sealed."""

    class Meta:
        model = WebhookEndpoint

    class Params:
        plain_secret = "whsec_" + "c2VjcmV0" * 5

    url = factory.Sequence(lambda n: f"https://hooks-{n}.example.com/in")
    description = factory.Sequence(lambda n: f"CRM {n}")
    events = ["conversion.created"]
    secret = factory.LazyAttribute(lambda e: sealing.seal(e.plain_secret))


class WebhookMessageFactory(factory.django.DjangoModelFactory):
    """One that has arrived."""

    class Meta:
        model = WebhookMessage

    endpoint = factory.SubFactory(WebhookEndpointFactory)
    event = "conversion.created"
    body = '{"type":"conversion.created","timestamp":"2026-01-01T00:00:00Z","data":{}}'
    status = "delivered"
    attempts = 1
    next_attempt_at = None
    delivered_at = factory.LazyFunction(timezone.now)


class TouchpointFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Touchpoint

    lead_id = factory.Sequence(lambda n: f"lead-{n}")
    channel = "paid_search"
    source = "google"
    campaign = "home-insurance-q4"
    timestamp = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(days=3))


class TrackedSiteFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = TrackedSite

    code = factory.Sequence(lambda n: f"site-{n}")
    name = factory.Sequence(lambda n: f"Compare and Save {n}")
    origins = factory.LazyFunction(lambda: ["https://www.example.com"])


class TrackingLinkFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = TrackingLink

    code = factory.Sequence(lambda n: f"link-{n}")
    name = factory.Sequence(lambda n: f"Autumn letter {n}")
    target_url = "https://www.example.com/quote"
    channel = "email"
    source = "newsletter"
    medium = "email"
    campaign = "autumn"


class ConversionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Conversion

    lead_id = factory.Sequence(lambda n: f"lead-{n}")
    type = "policy_bound"
    value = Decimal("1500.00")
    currency = "USD"
    commission_rate = Decimal("0.10")
    commission_amount = factory.LazyAttribute(lambda c: c.value * c.commission_rate)
    occurred_at = factory.LazyFunction(timezone.now)


def _of_time(moment):
    """An id that begins with that time, which may be told as a text."""
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | uuid7().int & (1 << 80) - 1)


class AttributionRecordFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AttributionRecord

    # As the calculation makes it: it begins with the time of the conversion.
    id = factory.LazyAttribute(lambda r: _of_time(r.occurred_at))
    conversion_id = factory.LazyFunction(uuid7)
    touchpoint_id = factory.LazyFunction(uuid7)
    lead_id = "lead-123"
    model = "position_based"
    config = factory.LazyAttribute(lambda r: ModelConfig.objects.get(model=r.model, version=1))
    payable = True
    status = "calculated"
    credit = Decimal(1)
    currency = "USD"
    revenue_attributed = Decimal("1500.00")
    commission_amount = Decimal("150.00")
    payee_type = "partner"
    payee_id = "partner-abc"
    partner_id = "partner-abc"
    channel = "partner_referral"
    touched_at = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(days=3))
    occurred_at = factory.LazyFunction(timezone.now)
    conversion_type = "policy_bound"
    position = 1
    journey_length = 1
    calculated_at = factory.LazyFunction(timezone.now)


class DisputeFactory(factory.django.DjangoModelFactory):
    """About a record of its own, with its claimant as the only party."""

    class Meta:
        model = Dispute
        skip_postgeneration_save = True

    class Params:
        record = factory.SubFactory(
            AttributionRecordFactory,
            status="disputed",
            payee_id=factory.SelfAttribute("..claimant_id"),
            partner_id=factory.SelfAttribute("..claimant_id"),
        )

    claimant_type = "partner"
    claimant_id = "partner-abc"
    record_id = factory.SelfAttribute("record.id")
    conversion_id = factory.SelfAttribute("record.conversion_id")
    lead_id = factory.SelfAttribute("record.lead_id")
    model = factory.SelfAttribute("record.model")
    currency = factory.SelfAttribute("record.currency")
    at_stake = factory.SelfAttribute("record.commission_amount")
    record_status_before = "calculated"
    dispute_type = "amount"
    reason = "We brought this lead twice."
    filed_at = factory.LazyFunction(timezone.now)
    due_at = factory.LazyAttribute(lambda d: d.filed_at + dt.timedelta(days=7))

    @factory.post_generation
    def party(self, create, given, **_):
        PartyFactory(
            dispute=self, payee_type=self.claimant_type, payee_id=self.claimant_id, role="claimant", is_of_record=True
        )
        self.refresh_from_db(fields=["number"])


class PartyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Party

    dispute = factory.SubFactory(DisputeFactory)
    payee_type = "partner"
    payee_id = factory.Sequence(lambda n: f"partner-{n}")
    role = "respondent"


class EvidenceFactory(factory.django.DjangoModelFactory):
    """Data of the claimant."""

    class Meta:
        model = Evidence

    dispute = factory.SubFactory(DisputeFactory)
    party = factory.LazyAttribute(lambda e: e.dispute.parties.get(role="claimant"))
    source = "claimant"
    kind = "json"
    name = "Data"
    content_type = "application/json"
    content = factory.LazyFunction(lambda: {"originalSource": "partner_referral"})
    size = 37
    sha256 = factory.Sequence(lambda n: f"{n:064x}")


class MessageFactory(factory.django.DjangoModelFactory):
    """To the claimant."""

    class Meta:
        model = Message

    dispute = factory.SubFactory(DisputeFactory)
    party = factory.LazyAttribute(lambda m: m.dispute.parties.get(role="claimant"))
    kind = "message"
    is_from_house = True
    body = "We look into it."


class TrainingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Training

    config = factory.LazyFunction(lambda: ModelConfig.objects.get(model="data_driven", version=1))
    number = factory.Sequence(lambda n: n + 1)
    status = "finished"
    end = factory.LazyFunction(timezone.now)
    start = factory.LazyAttribute(lambda t: t.end - dt.timedelta(days=90))
    effective_from = factory.LazyAttribute(lambda t: t.end)
    order = 1
    journeys = 1000
    conversions = 200
    effects = factory.LazyFunction(lambda: [effect("email", 0.6), effect("partner_referral", 0.3)])
    finished_at = factory.LazyAttribute(lambda t: t.end)


def effect(channel, removal_effect):
    return {
        "state": [channel],
        "removal_effect": removal_effect,
        "low": removal_effect - 0.01,
        "high": removal_effect + 0.01,
        "conversions": 100.0,
        "removal_effect_value": removal_effect,
        "value": 150000.0,
        "shapley_set_game": 90.0,
        "shapley_rate_game": -5.5,
    }


class BankAccountFactory(factory.django.DjangoModelFactory):
    """A US account, confirmed and in force. `proposed=True`: it waits for a second person."""

    class Meta:
        model = BankAccount

    class Params:
        number = "000123456789"
        proposed = factory.Trait(status="proposed", confirmed_by=None, confirmed_at=None, effective_at=None)

    payee_type = "partner"
    payee_id = "partner-abc"
    method = "ach"
    currency = "USD"
    country = "US"
    holder = "Acme Leads"
    routing = "091000019"
    account_type = "checking"
    sealed = factory.LazyAttribute(lambda a: sealing.seal(a.number))
    mask = factory.LazyAttribute(lambda a: mask(a.number))
    fingerprint = factory.LazyAttribute(lambda a: fingerprints(a.routing, a.number)[0])
    status = "confirmed"
    proposed_by = factory.SubFactory(UserFactory)
    confirmed_by = factory.SubFactory(UserFactory)
    confirmed_at = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(days=10))
    effective_at = factory.LazyAttribute(lambda a: a.confirmed_at and a.confirmed_at + dt.timedelta(days=3))
