"""A dispute read again under its row's lock, and what each operation asks of it first."""

from uuid import UUID

from attribution.models import AttributionRecord
from attribution_site.errors import DomainError
from disputes.actors import SYSTEM, Actor
from disputes.models import OPEN, Dispute, Party


class DisputeClosed(DomainError):
    """It is over: somebody else may just have decided it."""

    code = "dispute_closed"


class NotInThisState(DomainError):
    code = "not_in_this_state"


def locked(dispute_id: UUID) -> Dispute:
    return Dispute.objects.select_for_update(of=["self"]).get(pk=dispute_id)


def locked_open(dispute_id: UUID, by: Actor) -> Dispute:
    dispute = locked(dispute_id)
    check_open(dispute, by)
    return dispute


def check_open(dispute: Dispute, asker: Actor = SYSTEM) -> None:
    """By whom it was decided learn the house's own."""
    if dispute.status not in OPEN:
        by = f" by {dispute.resolved_by.get_username()}" if dispute.resolved_by and asker.is_house else ""
        raise DisputeClosed(f"{dispute} is {dispute.get_status_display().lower()} already{by}.")


def party_of(dispute: Dispute, actor: Actor) -> Party | None:
    """Which party the actor is; None for the house. Raises Dispute.DoesNotExist for who takes no part."""
    if actor.is_house:
        return None
    assert actor.payee
    kind, pk = actor.payee
    party = dispute.parties.filter(payee_type=kind, payee_id=pk).first()
    if party is None:
        raise Dispute.DoesNotExist
    return party


def release(dispute: Dispute) -> None:
    """The record goes back to where it was, once no dispute holds it any more."""
    if dispute.record_id is None:
        return
    # Before anything is asked: of two that end at once the later one sees that the other is over.
    record = AttributionRecord.objects.select_for_update().filter(pk=dispute.record_id).first()
    if record is None or record.status != AttributionRecord.Status.DISPUTED or not holds_alone(dispute):
        return
    record.status = dispute.record_status_before
    record.save(update_fields=["status"])


def holds_alone(dispute: Dispute) -> bool:
    """Whether it froze its record, and no other open one did. An appeal may be about a record without holding it."""
    if not dispute.record_status_before:
        return False
    return not Dispute.objects.open().holding(dispute.record_id).exclude(pk=dispute.pk).exists()
