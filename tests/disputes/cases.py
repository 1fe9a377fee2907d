"""Cases as operations have them on their page: with a journey, a conversation and files."""

import datetime as dt
from decimal import Decimal

from django.core.files.base import ContentFile

import attribution.operations
from disputes import operations
from disputes.actors import Actor
from partners.models import Broker, Partner
from tests.attribution.worlds import NOW
from tests.disputes.worlds import file, house, records
from tests.factories import ConversionFactory, TouchpointFactory

CHANNELS = ["paid_search", "email", "partner_referral", "phone_call", "organic_search", "broker_referral", "display_ad"]
PAYEES = [("partner", "northwind-compare"), ("partner", "safe-choice"), ("broker", "harbour-brokers"), (None, None)]


def journey(touches, *, lead="lead-case", value="1500.00", commission="150.00"):
    """A conversion after touches of several payees, the last ones close together, as they are."""
    for kind, pk in PAYEES:
        if kind:
            model = Partner if kind == "partner" else Broker
            model.objects.get_or_create(pk=pk, defaults={"name": pk.replace("-", " ").title()})
    conversion = ConversionFactory(
        lead_id=lead,
        value=Decimal(value),
        commission_rate=None,
        commission_amount=Decimal(commission),
        occurred_at=NOW,
        policy_number=f"POL-{lead}",
    )
    for number in range(touches):
        before = dt.timedelta(days=80) * ((touches - number) / touches) ** 2 + dt.timedelta(minutes=10)
        kind, pk = PAYEES[number % len(PAYEES)]
        TouchpointFactory(
            lead_id=lead,
            channel=CHANNELS[number % len(CHANNELS)],
            campaign=["spring", "renewals", None][number % 3],
            session_id=f"session-{number // 3}",
            click_ids={"gclid": f"Cj0KCQ{number // 2}"} if number % 4 == 0 else None,
            timestamp=NOW - before,
            **({f"{kind}_id": pk} if kind else {}),
        )
    attribution.operations.calculate_and_save(lead_id=lead)
    return conversion


def case(touches=8, messages=0, files=0, *, lead="lead-case", of=0, **claim):
    """An open dispute about the first record that a payee has."""
    conversion = journey(touches, lead=lead)
    record = [each for each in records(conversion) if each.payee_id][of]
    dispute = file(record, **claim)
    fill(dispute, messages, files)
    return dispute


def fill(dispute, messages, files):
    parties = list(dispute.parties.all())
    person = house()
    for number in range(messages):
        party = parties[number % len(parties)]
        by = person if number % 3 else Actor(payee=party.payee)
        to = party.pk if number % 3 else None
        operations.post_message(dispute_id=dispute.pk, body=f"Message {number} about the call of March.", by=by, to=to)
    for number in range(files):
        text = ContentFile(f"Call log {number}\n".encode() * 20)
        by = person if number % 2 else Actor(payee=parties[0].payee)
        operations.add_file(dispute_id=dispute.pk, upload=text, name=f"call-log-{number}.txt", by=by)
