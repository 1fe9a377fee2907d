"""Approving by rule: small records of payees in good standing."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

import attribution.operations
from attribution.models import AttributionRecord
from attribution_site.errors import DomainError
from conversions import currencies
from disputes.models import OPEN, Party
from partners.models import Broker, Partner
from payouts.models import ApprovalRule, Hold


class RuleInEffect(DomainError):
    """There is a rule for the currency already."""

    code = "rule_in_effect"


class RuleEnded(DomainError):
    code = "rule_ended"


def add_rule(*, currency: str, below: Decimal, days_as_payee: int, note: str, by: Any) -> ApprovalRule:
    """From now on, records of less than `below` are approved by themselves. Raises ValidationError by field,
    RuleInEffect."""
    try:
        currencies.known(currency)
    except ValidationError as error:
        raise ValidationError({"currency": error}) from None
    if below <= 0 or not currencies.fits(below, currency):
        raise _refusal("below", f"Give an amount of whole units of {currency}, above zero.", "invalid")
    if not note.strip():
        raise _refusal("note", "Say why: the audit log keeps it.", "required")
    values = {"currency": currency, "below": below, "days_as_payee": days_as_payee, "note": note.strip()}
    try:
        with transaction.atomic():
            return ApprovalRule.objects.create(**values, created_by=by)
    except IntegrityError as error:
        if "one_rule_a_currency" not in str(error):
            raise
        raise RuleInEffect(f"There is a rule for {currency}. End it first.") from None


@transaction.atomic
def end_rule(*, rule_id: int, by: Any) -> ApprovalRule:
    """What it approved stays approved. Raises RuleEnded."""
    rule = ApprovalRule.objects.select_for_update().get(pk=rule_id)
    if rule.ended_at:
        raise RuleEnded(f"It ended already, at {rule.ended_at:%Y-%m-%d %H:%M} UTC.")
    rule.ended_at, rule.ended_by = timezone.now(), by
    rule.save(update_fields=["ended_at", "ended_by"])
    return rule


def approve_by_rule() -> int:
    """Approve what the rules in effect say, as far as it may be; answers how many records."""
    return sum(_apply(rule) for rule in ApprovalRule.objects.filter(ended_at=None))


def _apply(rule: ApprovalRule) -> int:
    done = attribution.operations.approve_records(
        records=covered(rule), reason=f"Rule {rule.pk}: less than {rule.below} {rule.currency}.", by=None
    )
    return done.count


def covered(rule: ApprovalRule) -> QuerySet[AttributionRecord]:
    """The records that the rule approves now."""
    since = timezone.now() - dt.timedelta(days=rule.days_as_payee)
    waiting = AttributionRecord.objects.filter(
        payable=True, status="calculated", currency=rule.currency, commission_amount__lt=rule.below
    )
    of_good = Q()
    for kind, model in {"partner": Partner, "broker": Broker}.items():
        payees = model.objects.active().filter(created_at__lte=since)
        of_good |= Q(payee_type=kind, payee_id__in=payees.values("pk"))
    return waiting.filter(of_good).exclude(_stands_badly())


def _stands_badly() -> Any:
    payee = {"payee_type": OuterRef("payee_type"), "payee_id": OuterRef("payee_id")}
    held = Hold.objects.filter(lifted_at=None, **payee)
    in_dispute = Party.objects.filter(dispute__status__in=OPEN, **payee)
    return Exists(held) | Exists(in_dispute)


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(text, code=code)})
