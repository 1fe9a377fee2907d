"""A dispute is decided: what each way would cost, and the one that is taken."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

import attribution.operations
from attribution import standing
from attribution.models import AttributionRecord, Settlement, SettlementLine
from attribution.settling import HOUSE, Decision, HandShare, Way
from attribution.taken_out import taken_out
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions.models import Conversion
from disputes import announcing
from disputes.actors import Actor, Payee
from disputes.deciders import check_may_decide
from disputes.models import Dispute, Party
from disputes.operations.handling import take
from disputes.operations.locking import check_open, holds_alone, locked_open, release

HALF = Decimal(50)
HUNDRED = Decimal(100)
# As long as the reason of a settlement may be.
LONGEST_RESOLUTION = 2000


@dataclass(frozen=True)
class Option:
    """One way to resolve: what it would do to every payee, or why it can't be done."""

    label: str
    decision: Decision
    plan: attribution.operations.Plan | None
    refusal: str = ""


@transaction.atomic
def resolve_dispute(
    *,
    dispute_id: UUID,
    resolution: str,
    decision: Decision | None = None,
    confirmed: Collection[UUID] = (),
    by: Actor,
) -> Dispute:
    """Follow the claim; with a decision, money moves in the same transaction. Of two at once the second is refused.

    confirmed: the settlements of earlier decisions that this one may undo, as a simulation told them.
    Raises DisputeClosed, OwnDispute, AppealToAnother, ValidationError by field, and what a settlement refuses.
    """
    dispute = _to_decide(dispute_id, resolution, by)
    # What is decided next counts as it was before the dispute.
    with because(reason=f"{dispute}: {resolution}", dispute=str(dispute.pk), user=by.user and by.user.pk):
        _close(dispute, Dispute.Status.RESOLVED, resolution, by)
        settlement = _settle(dispute, decision, confirmed, by) if decision else None
        if settlement:
            _add_losers(dispute, settlement)
        dispute.settlement = settlement
        dispute.save(update_fields=CLOSING)
    announcing.closed(dispute, settlement)
    return dispute


@transaction.atomic
def reject_dispute(*, dispute_id: UUID, rejection: str, resolution: str, by: Actor) -> Dispute:
    """Don't follow the claim, for one of Dispute.Rejection; `resolution` says it in words. No money moves."""
    if rejection not in Dispute.Rejection.values:
        raise ValidationError({"rejection": ValidationError("Choose the reason.", code="invalid_choice")})
    dispute = _to_decide(dispute_id, resolution, by)
    with because(reason=f"{dispute}: {resolution}", dispute=str(dispute.pk), user=by.user and by.user.pk):
        dispute.rejection = rejection
        _close(dispute, Dispute.Status.REJECTED, resolution, by)
        dispute.save(update_fields=CLOSING)
    announcing.closed(dispute)
    return dispute


CLOSING = ["status", "closed_at", "resolution", "rejection", "resolved_by", "resolved_by_key", "settlement"]


def _to_decide(dispute_id: UUID, resolution: str, by: Actor) -> Dispute:
    """Locked: the lead's calculations, the conversion, the dispute, then the records in their order."""
    if not resolution.strip():
        raise ValidationError({"resolution": ValidationError("Say why: the payees are told.", code="required")})
    if len(resolution) > LONGEST_RESOLUTION:
        raise ValidationError(
            {"resolution": ValidationError(f"At most {LONGEST_RESOLUTION:,} characters.", code="max_length")}
        )
    standing.lock_conversion(Dispute.objects.values_list("conversion_id", flat=True).get(pk=dispute_id))
    dispute = locked_open(dispute_id, by)
    check_may_decide(dispute, by)
    standing.lock_records(dispute.conversion_id)
    if dispute.status == Dispute.Status.OPEN:
        take(dispute, by.user)
    return dispute


def _close(dispute: Dispute, status: str, resolution: str, by: Actor) -> None:
    dispute.status, dispute.closed_at, dispute.resolution = status, timezone.now(), resolution.strip()
    dispute.resolved_by, dispute.resolved_by_key_id = by.user, by.key_id
    release(dispute)


def _settle(dispute: Dispute, decision: Decision, confirmed: Collection[UUID], by: Actor) -> Settlement:
    return attribution.operations.settle(
        conversion_id=dispute.conversion_id,
        decision=decision,
        dispute_id=dispute.pk,
        reason=dispute.resolution,
        confirmed=confirmed,
        by=by.user,
    )


def _add_losers(dispute: Dispute, settlement: Settlement) -> None:
    """Who came to a share after the dispute was filed, and loses by it, is told as the others are and may answer."""
    changes: dict[Payee, Decimal] = defaultdict(Decimal)
    for line in settlement.lines.exclude(payee_type=HOUSE[0]):
        changes[line.payee_type, line.payee_id] += line.revenue_change + line.commission_change
    known = {party.payee for party in dispute.parties.all()}
    Party.objects.bulk_create(
        Party(dispute=dispute, payee_type=kind, payee_id=pk, role=Party.Role.RESPONDENT)
        for (kind, pk), change in sorted(changes.items())
        if change < 0 and (kind, pk) not in known
    )


def simulate(*, dispute_id: UUID, decision: Decision | None = None) -> list[Option]:
    """What this decision would do, or each that is offered: for every payee, before and after, to the cent. Nothing is
    written. Raises DisputeClosed, and for a decision of one's own ValidationError and what a settlement refuses."""
    dispute = Dispute.objects.select_related("resolved_by").get(pk=dispute_id)
    check_open(dispute)
    if decision is not None:
        return [Option("As asked", decision, _plan(dispute, decision))]
    return [_tried(dispute, label, each) for label, each in offered(dispute)]


def _tried(dispute: Dispute, label: str, decision: Decision) -> Option:
    try:
        return Option(label, decision, _plan(dispute, decision))
    except DomainError as error:
        return Option(label, decision, None, str(error))
    except ValidationError as error:
        return Option(label, decision, None, " ".join(error.messages))


def _plan(dispute: Dispute, decision: Decision) -> attribution.operations.Plan:
    return attribution.operations.plan_settlement(
        conversion_id=dispute.conversion_id, decision=decision, statuses=_released(dispute), paid=_paid(dispute)
    )


def _paid(dispute: Dispute) -> set[UUID]:
    """Of the conversion, what was paid out and is disputed now, by this dispute or another."""
    disputed = Dispute.objects.open().filter(conversion_id=dispute.conversion_id, record_id__isnull=False)
    were_paid = disputed.filter(record_status_before=AttributionRecord.Status.PAID)
    return {record for record in were_paid.values_list("record_id", flat=True) if record}


def _released(dispute: Dispute) -> dict[UUID, str]:
    """The status that the record would go back to first, where nothing else holds it."""
    if dispute.record_id is None or not holds_alone(dispute):
        return {}
    return {dispute.record_id: dispute.record_status_before}


def offered(dispute: Dispute) -> list[tuple[str, Decision]]:
    """The ways that suit the claim, the likeliest first: in an appeal, what an earlier decision took is given back."""
    record = AttributionRecord.objects.filter(pk=dispute.record_id).first() if dispute.record_id else None
    out = taken_out(dispute.conversion_id)
    back = _back(dispute, out)
    # Of a touch that has no credit there is nothing to give or to split.
    ways = _about(dispute, record) if record is not None and record.touchpoint_id not in out else []
    return [*back, *ways] if dispute.appeal_of_id else [*ways, *back]


def _back(dispute: Dispute, out: Mapping[UUID, list[SettlementLine]]) -> list[tuple[str, Decision]]:
    """Touches of the claimant that were taken out."""
    mine = [line for lines in out.values() for line in lines if (line.payee_type, line.payee_id) == dispute.claimant]
    return [
        (
            f"Give back the touch that was taken out: {line.channel.replace('_', ' ')}, {line.touched_at:%Y-%m-%d}",
            Decision(Way.RESTORE, line.touchpoint_id),
        )
        for line in sorted(mine, key=lambda line: line.number)
        if line.touched_at
    ]


def _about(dispute: Dispute, record: AttributionRecord) -> list[tuple[str, Decision]]:
    touch, claimant = record.touchpoint_id, dispute.claimant
    is_mine = (record.payee_type, record.payee_id) == claimant
    ways = [] if is_mine else [("Give the touch to the claimant", Decision(Way.REASSIGN, touch, claimant))]
    if not is_mine:
        ways.append(("Split the touch with the claimant", Decision(Way.SPLIT, touch, claimant, percentage=HALF)))
    if share := _expected(dispute, record):
        ways.append((f"Set the share to what is claimed, {dispute.expected_amount} {dispute.currency}", share))
    ways.append(("Exclude the touch", Decision(Way.EXCLUDE, touch)))
    ways += _to_others(record, is_mine)
    return ways


def _to_others(record: AttributionRecord, is_mine: bool) -> list[tuple[str, Decision]]:
    """What the record's own payee may claim: that the touch is the broker's rather than the partner's."""
    named = [("partner", record.partner_id), ("broker", record.broker_id)]
    others = [(kind, pk) for kind, pk in named if pk and (kind, pk) != (record.payee_type, record.payee_id)]
    ways = [
        (f"Give the touch to {kind} {pk}", Decision(Way.REASSIGN, record.touchpoint_id, (kind, pk)))
        for kind, pk in others
    ]
    if is_mine:
        ways.append(("Give the touch to the house", Decision(Way.REASSIGN, record.touchpoint_id, HOUSE)))
    return ways


def _expected(dispute: Dispute, record: AttributionRecord) -> Decision | None:
    """The claimant's touch gets what is claimed; the others share the rest as they share now."""
    total = Conversion.objects.get(pk=record.conversion_id).remaining_commission
    if not dispute.expected_amount or not total:
        return None
    percentage = (HUNDRED * dispute.expected_amount / total).quantize(Decimal("1E-8"))
    share = HandShare(record.touchpoint_id, percentage, dispute.claimant)
    return Decision(Way.BY_HAND, shares=[share], spread=True)
