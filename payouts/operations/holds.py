"""Holds: a payee that is paid nothing for a while, and why."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from partners.models import Broker, Partner
from payouts.models import Hold


class AlreadyOnHold(DomainError):
    code = "already_on_hold"


class HoldLifted(DomainError):
    code = "hold_lifted"


def place_hold(*, payee_type: str, payee_id: str, reason: str, by: Any) -> Hold:
    """Pay this payee nothing until it is lifted. Payouts that are made already go on: void them to stop them.

    Raises ValidationError by field, AlreadyOnHold."""
    payees = {"partner": Partner, "broker": Broker}
    if payee_type not in payees:
        raise _refusal("payee_type", f"{payee_type} is not partner or broker.", "invalid_choice")
    if not payees[payee_type].objects.filter(pk=payee_id).exists():
        raise _refusal("payee_id", f"There is no {payee_type} {payee_id}.", "does_not_exist")
    said = _said(reason)
    try:
        with transaction.atomic(), because(reason=said):
            return Hold.objects.create(payee_type=payee_type, payee_id=payee_id, reason=said, placed_by=by)
    except IntegrityError as error:
        if "one_hold_a_payee" not in str(error):
            raise
        raise AlreadyOnHold(f"Payments to {payee_type} {payee_id} are on hold already.") from None


@transaction.atomic
def lift_hold(*, hold_id: int, reason: str, by: Any) -> Hold:
    """The next run pays the payee again. Raises HoldLifted, ValidationError for a missing reason."""
    said = _said(reason)
    hold = Hold.objects.select_for_update().get(pk=hold_id)
    if hold.lifted_at:
        raise HoldLifted(f"It was lifted already, at {hold.lifted_at:%Y-%m-%d %H:%M} UTC.")
    with because(reason=said):
        hold.lifted_by, hold.lifted_at = by, timezone.now()
        hold.save(update_fields=["lifted_by", "lifted_at"])
    return hold


def _said(reason: str) -> str:
    if not reason.strip():
        raise _refusal("reason", "Say why: the audit log keeps it.", "required")
    return reason.strip()


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(text, code=code)})
