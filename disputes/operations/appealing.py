"""A decision is appealed: a dispute of its own, which somebody else decides."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from attribution.models import AttributionRecord, Status, with_net
from attribution_site.errors import DomainError
from disputes.actors import Actor, Payee
from disputes.models import Dispute, Party
from disputes.operations.filing import AlreadyDisputed, freeze, status_before, store_dispute
from disputes.operations.locking import NotInThisState, locked, party_of


class AppealTooLate(DomainError):
    code = "appeal_too_late"


class AppealFinal(DomainError):
    """So many appeals led to the decision as there may be."""

    code = "appeal_final"


def is_final(dispute: Dispute) -> bool:
    """Whether the decision of it is the last one."""
    left, before = settings.DISPUTE_APPEAL_LEVELS, dispute.appeal_of
    while left and before is not None:
        left, before = left - 1, before.appeal_of
    return not left


@transaction.atomic
def appeal_dispute(*, dispute_id: UUID, reason: str, claimant: Payee | None = None, by: Actor) -> Dispute:
    """Appeal a resolved or rejected dispute, for its claimant or for a respondent (`claimant`, where the house enters
    it), once for each party and dispute. Freezes the record again where it is the party's own: what is another's by
    now, as it was settled or as the house had filed it, stays that payee's money until somebody decides otherwise.

    Raises NotInThisState, AppealFinal, AppealTooLate, AlreadyDisputed, ValidationError.
    """
    before = locked(dispute_id)
    if not reason.strip():
        raise ValidationError({"reason": ValidationError("Say what is wrong with the decision.", code="required")})
    _check_may_be_appealed(before)
    party = party_of(before, by) or _party(before, claimant)
    if before.appeals.filter(claimant_type=party.payee_type, claimant_id=party.payee_id).exists():
        raise AlreadyDisputed(f"{before} was appealed by this payee already.")
    record = _record(before, party)
    claim = _claim(before, party, record) | {"reason": reason}
    freezes = record is not None and (record.payee_type, record.payee_id) == party.payee
    subject = _subject(before, record, claim, freezes=freezes)
    if record is not None and freezes:
        freeze(record, reason, by)
    return store_dispute(subject=subject, claimant=party.payee, claim=claim, by=by, appeal_of=before)


def _check_may_be_appealed(before: Dispute) -> None:
    if before.status not in {Dispute.Status.RESOLVED, Dispute.Status.REJECTED}:
        raise NotInThisState(f"{before} is {before.get_status_display().lower()}: only a decision can be appealed.")
    if is_final(before):
        raise AppealFinal(f"The decision of {before} is final. If there is something new, say so in its messages.")
    assert before.closed_at
    if timezone.now() > before.closed_at + dt.timedelta(days=settings.DISPUTE_APPEAL_DAYS):
        raise AppealTooLate(f"A decision can be appealed for {settings.DISPUTE_APPEAL_DAYS} days.")


def _party(dispute: Dispute, payee: Payee | None) -> Party:
    kind, pk = payee or dispute.claimant
    party = dispute.parties.filter(payee_type=kind, payee_id=pk).first()
    if party is None:
        message = f"{kind} {pk} takes no part in {dispute}."
        raise ValidationError({"claimant_id": ValidationError(message, code="does_not_exist")})
    return party


def _record(before: Dispute, party: Party) -> AttributionRecord | None:
    """Of the claimant what was disputed before, of another its largest share in the conversion; None where that can't
    be disputed: it is gone, or worth nothing."""
    records = AttributionRecord.objects.filter(conversion_id=before.conversion_id, model=before.model)
    if party.payee == before.claimant and before.record_id:
        records = records.filter(pk=before.record_id)
    else:
        records = records.filter(payee_type=party.payee_type, payee_id=party.payee_id)
    largest = with_net(records.exclude(status=Status.PENDING)).order_by("-net_credit", "pk")
    found: AttributionRecord | None = largest.select_for_update().first()
    return found


def _claim(before: Dispute, party: Party, record: AttributionRecord | None) -> dict[str, Any]:
    """Of what the claimant said, a respondent's own appeal tells nothing."""
    is_claimant = party.payee == before.claimant
    kind = before.dispute_type if is_claimant else Dispute.Type.OTHER
    return {
        "dispute_type": Dispute.Type.MISSING if record is None else kind,
        "expected_amount": before.expected_amount if is_claimant else None,
    }


def _subject(
    before: Dispute, record: AttributionRecord | None, claim: Mapping[str, Any], *, freezes: bool
) -> dict[str, Any]:
    names = ("conversion_id", "lead_id", "model", "currency")
    subject = {name: getattr(before, name) for name in names}
    if record is None:
        return subject | {"at_stake": claim["expected_amount"] or Decimal(0)}
    net = with_net(AttributionRecord.objects.filter(pk=record.pk)).values_list("net_commission", flat=True).get()
    goes_back_to = status_before(record) if freezes else ""
    return subject | {"record_id": record.pk, "at_stake": net, "record_status_before": goes_back_to}
