"""What is agreed with payees, and sales whose records come out of the calculation itself."""

import datetime as dt
from decimal import Decimal

from django.utils import timezone

import attribution.operations
from attribution.models import AttributionRecord
from payouts.models import GroupMembership, PayeeGroup, Terms
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory

LONG_AGO = dt.date(2020, 1, 1)


def agree(payee="partner-1", **values):
    """Terms of one partner, in dollars; payee None: of everybody."""
    whom = {"payee_type": "partner", "payee_id": payee} if payee else {}
    return Terms.objects.create(**whom | {"currency": "USD", "starts_on": LONG_AGO} | values)


def agree_in_group(*payees, **values):
    group = PayeeGroup.objects.create(name="Comparison sites")
    for payee in payees:
        GroupMembership.objects.create(group=group, payee_type="partner", payee_id=payee, starts_on=LONG_AGO)
    return Terms.objects.create(group=group, **{"currency": "USD", "starts_on": LONG_AGO} | values)


def sell(commission="100.00", *, payee="partner-1", days_ago=1, lead=None, **values):
    """A sale that one touch of the partner led to: one payable record of the whole commission."""
    PartnerFactory._meta.model.objects.get_or_create(pk=payee, defaults={"name": payee})
    at = values.pop("occurred_at", timezone.now() - dt.timedelta(days=days_ago))
    conversion = ConversionFactory(
        **{"value": Decimal(1000), "commission_rate": None, "commission_amount": Decimal(commission)}
        | {"occurred_at": at}
        | ({"lead_id": lead} if lead else {})
        | values
    )
    TouchpointFactory(lead_id=conversion.lead_id, partner_id=payee, timestamp=at - dt.timedelta(hours=1))
    attribution.operations.calculate_and_save(lead_id=conversion.lead_id, conversion_id=conversion.pk)
    return conversion


def record_of(conversion):
    return AttributionRecord.objects.get(conversion_id=conversion.pk, payable=True)


def approve(*conversions):
    person = UserFactory(role="Finance")
    for conversion in conversions:
        for record in AttributionRecord.objects.filter(conversion_id=conversion.pk, payable=True):
            attribution.operations.change_record(record_id=record.pk, status="approved", reason="checked", by=person)
