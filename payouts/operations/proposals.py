"""Adjustments beside the records: proposed by one, decided by another."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from attribution.models import AttributionRecord
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions import currencies
from partners.models import Broker, Partner
from payouts.models import Entry, Proposal


class ProposalDecided(DomainError):
    code = "proposal_decided"


class OwnProposal(DomainError):
    """Who proposed an adjustment is not who accepts it."""

    code = "own_proposal"


def propose_adjustment(
    *,
    payee_type: str,
    payee_id: str,
    currency: str,
    amount: Decimal,
    reason: str,
    record_id: UUID | None = None,
    by: Any,
) -> Proposal:
    """An adjustment by hand: it moves no money before another person accepts it. Raises ValidationError by field."""
    payees = {"partner": Partner, "broker": Broker}
    if payee_type not in payees:
        raise _refusal("payee_type", f"{payee_type} is not partner or broker.", "invalid_choice")
    if not payees[payee_type].objects.filter(pk=payee_id).exists():
        raise _refusal("payee_id", f"There is no {payee_type} {payee_id}.", "does_not_exist")
    try:
        currencies.known(currency)
    except ValidationError as error:
        raise ValidationError({"currency": error}) from None
    if not amount or not currencies.fits(amount, currency):
        raise _refusal("amount", f"Give an amount of whole units of {currency}, above or below zero.", "invalid")
    if not reason.strip():
        raise _refusal("reason", "Say why: the payee reads it on the statement.", "required")
    record = _record(record_id, payee_type, payee_id, currency) if record_id else None
    return Proposal.objects.create(
        kind=Proposal.Kind.MANUAL,
        payee_type=payee_type,
        payee_id=payee_id,
        currency=currency,
        amount=amount,
        reason=reason.strip(),
        record_id=record_id,
        conversion_id=record.conversion_id if record else None,
        proposed_by=by,
    )


def _record(record_id: UUID, payee_type: str, payee_id: str, currency: str) -> AttributionRecord:
    own = AttributionRecord.objects.filter(payee_type=payee_type, payee_id=payee_id, currency=currency, payable=True)
    if record := own.filter(pk=record_id).first():
        return record
    raise _refusal("record_id", "The payee has no payable record of this id in this currency.", "does_not_exist")


@transaction.atomic
def accept_proposal(*, proposal_id: UUID, note: str = "", by: Any) -> Entry:
    """Book it. Raises OwnProposal for who proposed it, ProposalDecided."""
    proposal = _locked(proposal_id)
    if proposal.proposed_by_id == by.pk:
        raise OwnProposal("You proposed it. Somebody else accepts it, or you withdraw it.")
    _decide(proposal, Proposal.Status.ACCEPTED, note, by)
    return Entry.objects.create(
        kind=proposal.kind,
        payee_type=proposal.payee_type,
        payee_id=proposal.payee_id,
        currency=proposal.currency,
        amount=proposal.amount,
        record_id=proposal.record_id,
        conversion_id=proposal.conversion_id,
        proposal_id=proposal.pk,
        note=proposal.reason,
        created_by=by,
    )


@transaction.atomic
def decline_proposal(*, proposal_id: UUID, note: str, by: Any) -> Proposal:
    """Let nothing come of it. Who proposed it may withdraw it so. Raises ProposalDecided, ValidationError."""
    if not note.strip():
        raise _refusal("note", "Say why: the audit log keeps it.", "required")
    return _decide(_locked(proposal_id), Proposal.Status.DECLINED, note, by)


def _locked(proposal_id: UUID) -> Proposal:
    proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
    if proposal.status != Proposal.Status.PROPOSED:
        raise ProposalDecided(f"It is {proposal.get_status_display().lower()} already.")
    return proposal


def _decide(proposal: Proposal, status: str, note: str, by: Any) -> Proposal:
    with because(reason=note.strip() or None):
        proposal.status, proposal.decided_by, proposal.decided_at = status, by, timezone.now()
        proposal.decision_note = note.strip()
        proposal.save(update_fields=["status", "decided_by", "decided_at", "decision_note"])
    return proposal


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(text, code=code)})
