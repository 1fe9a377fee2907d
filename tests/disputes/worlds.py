"""A conversion that several payees have a share in, for disputes about it."""

import datetime as dt
from decimal import Decimal

import attribution.operations
from attribution.models import Adjustment, AttributionRecord
from disputes import operations
from disputes.actors import Actor
from tests.attribution.worlds import NOW
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory


def sold(value="100.00", commission="10.00", *, touches=3, lead="lead-1", policy=None):
    """After touches of partner-0, partner-1, …, a day apart; position_based pays, so three get 40, 20 and 40 %."""
    conversion = ConversionFactory(
        lead_id=lead,
        value=Decimal(value),
        commission_rate=None,
        commission_amount=Decimal(commission),
        occurred_at=NOW,
        policy_number=policy,
    )
    for number in range(touches):
        PartnerFactory._meta.model.objects.get_or_create(pk=f"partner-{number}", defaults={"name": f"Partner {number}"})
        TouchpointFactory(
            lead_id=lead, partner_id=f"partner-{number}", timestamp=NOW - dt.timedelta(days=touches - number)
        )
    attribution.operations.calculate_and_save(lead_id=lead)
    return conversion


def records(conversion, model="position_based"):
    return list(AttributionRecord.objects.filter(conversion_id=conversion.pk, model=model).order_by("position", "part"))


def approve(*found, status="approved"):
    """By hand as far as a person can; what is paid, payouts pay."""
    for record in found:
        attribution.operations.change_record(record_id=record.pk, status="approved", reason="checked", by=UserFactory())
        if status == "paid":
            AttributionRecord.objects.filter(pk=record.pk).update(status="paid")


def claim(**values):
    return {"dispute_type": "amount", "reason": "We brought this lead twice."} | values


def file(record, *, by=None, **values):
    by = by or Actor(payee=(record.payee_type, record.payee_id))
    return operations.file_dispute(record_id=record.pk, claim=claim(**values), by=by)


def decider(**values):
    return UserFactory(role="Operations", **values)


def house(person=None):
    return Actor(user=person or decider())


def resolve(dispute, decision=None, *, confirmed=()):
    return operations.resolve_dispute(
        dispute_id=dispute.pk, resolution="It is in the log.", decision=decision, confirmed=confirmed, by=house()
    )


def resolve_knowingly(dispute, decision):
    """Having read what it undoes."""
    [option] = operations.simulate(dispute_id=dispute.pk, decision=decision)
    to_confirm = [each.settlement.pk for each in option.plan.undoes if not each.is_asked]
    assert to_confirm
    return resolve(dispute, decision, confirmed=to_confirm)


def net_by_payee(conversion, model="position_based"):
    """Commission of each payee, adjustments included."""
    sums = {}
    for record in records(conversion, model):
        sums[record.payee_id] = sums.get(record.payee_id, Decimal(0)) + record.commission_amount
    for each in Adjustment.objects.filter(conversion_id=conversion.pk):
        sums[each.payee_id] = sums.get(each.payee_id, Decimal(0)) + each.commission_amount
    return {payee: amount for payee, amount in sums.items() if amount}
