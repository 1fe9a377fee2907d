"""What happens to a dispute between being filed and being decided."""

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from attribution_site.audit.context import because
from attribution_site.queueing import queue_on_commit
from disputes import announcing, tasks
from disputes.actors import SYSTEM, Actor
from disputes.clock import BusinessHours
from disputes.deciders import NotYoursToDo, deciders_of, why_not
from disputes.models import Dispute, Message, Party
from disputes.operations.locking import NotInThisState, locked, locked_open, party_of, release

Status = Dispute.Status


class AssignedToAnother(NotInThisState):
    """Somebody else has it: taking it over has to be said."""

    code = "assigned_to_another"


@transaction.atomic
def assign_dispute(*, dispute_id: UUID, to: Any, by: Actor, take_over: bool = False) -> Dispute:
    """Make it the work of a person who may decide it, and so put it under review; who is given it by another is told.
    Who has it already keeps it, unless `take_over`. Raises AssignedToAnother, DisputeClosed, ValidationError."""
    dispute = locked_open(dispute_id, by)
    _check_house(by)
    _check_may_have(dispute, to)
    if dispute.assigned_to is not None and dispute.assigned_to != to and not take_over:
        raise AssignedToAnother(f"{dispute} is in the hands of {dispute.assigned_to.get_username()}: take it over.")
    if to.email and to not in {dispute.assigned_to, by.user}:
        queue_on_commit(tasks.mail_people, str(dispute.pk), "assigned", [to.email])
    with _told(f"Assigned to {to.get_username()}", by):
        take(dispute, to)
    return dispute


def _check_may_have(dispute: Dispute, to: Any) -> None:
    if not (to.is_active and to.has_perm("disputes.resolve_dispute")):
        raise _not_allowed(f"{to.get_username()} may not decide disputes.", "not_allowed")
    if refusal := why_not(dispute, Actor(user=to)):
        message = f"{to.get_username()} filed or decided what {dispute} is about: somebody else decides it."
        raise _not_allowed(message, refusal.code)


def _not_allowed(message: str, code: str) -> ValidationError:
    return ValidationError({"assigned_to": ValidationError(message, code=code)})


def take(dispute: Dispute, to: Any) -> None:
    """Into somebody's hands, under the dispute's lock."""
    dispute.assigned_to = to
    if dispute.status == Status.OPEN:
        dispute.status = Status.UNDER_REVIEW
    dispute.save(update_fields=["assigned_to", "status"])


@transaction.atomic
def ask_information(*, dispute_id: UUID, question: str, by: Actor) -> Message:
    """Ask the claimant, and stop the clock until the answer, or until it is due."""
    dispute = locked_open(dispute_id, by)
    _check_house(by)
    _check_text(question, "question")
    if dispute.status == Status.OPEN:
        # Whoever filed it may ask as well, and does not get it by that.
        decides = by.user is not None and deciders_of(dispute).contains(by.user)
        take(dispute, by.user if decides else None)
    if dispute.status != Status.UNDER_REVIEW:
        raise NotInThisState(f"{dispute} waits for an answer already.")
    hours, now = BusinessHours.from_settings(), timezone.now()
    dispute.time_left = hours.between(now, dispute.due_at)
    dispute.answer_due_at = hours.add(now, Decimal(settings.DISPUTE_ANSWER_HOURS))
    dispute.status, dispute.reminded_at = Status.NEEDS_INFORMATION, None
    with _told("Asked for information", by):
        dispute.save(update_fields=["status", "time_left", "answer_due_at", "reminded_at"])
    claimant = dispute.parties.get(role=Party.Role.CLAIMANT)
    return _say(dispute, claimant, Message.Kind.QUESTION, question, by)


@transaction.atomic
def answer_information(*, dispute_id: UUID, answer: str, by: Actor) -> Message:
    """The claimant's answer; the clock goes on. Somebody of the house may enter what came by another way."""
    dispute = locked_open(dispute_id, by)
    party = party_of(dispute, by) or dispute.parties.get(role=Party.Role.CLAIMANT)
    _check_text(answer, "answer")
    if party.role != Party.Role.CLAIMANT:
        raise NotYoursToDo("The question was put to the claimant.")
    if dispute.status != Status.NEEDS_INFORMATION:
        raise NotInThisState(f"No question of {dispute} is open.")
    _go_on(dispute, by)
    return _say(dispute, party, Message.Kind.ANSWER, answer, by)


@transaction.atomic
def go_on_without_answer(*, dispute_id: UUID, reason: str, by: Actor) -> Dispute:
    """Back under review without waiting any longer; the clock goes on."""
    dispute = locked_open(dispute_id, by)
    _check_house(by)
    if dispute.status != Status.NEEDS_INFORMATION:
        raise NotInThisState(f"No question of {dispute} is open.")
    _go_on(dispute, by)
    _say(dispute, None, Message.Kind.NOTE, f"Went on without an answer: {reason}", by)
    return dispute


@transaction.atomic
def wait_no_longer(*, dispute_id: UUID, as_of: dt.datetime) -> bool:
    """Go on where the answer was due and did not come: whether it does."""
    dispute = locked(dispute_id)
    due = dispute.answer_due_at
    if dispute.status != Status.NEEDS_INFORMATION or due is None or due > as_of:
        return False
    _go_on(dispute, SYSTEM)
    _say(
        dispute, None, Message.Kind.NOTE, f"Goes on without an answer, which was due {due:%Y-%m-%d %H:%M} UTC.", SYSTEM
    )
    return True


def _go_on(dispute: Dispute, by: Actor) -> None:
    """With a clock that was never looked at: who has it is reminded, and others told, of the new due date."""
    dispute.due_at = _later(dispute)
    dispute.status, dispute.time_left, dispute.answer_due_at = Status.UNDER_REVIEW, None, None
    dispute.reminded_at = dispute.escalated_at = None
    with _told("The clock goes on", by):
        dispute.save(update_fields=["status", "due_at", "time_left", "answer_due_at", "reminded_at", "escalated_at"])


def _later(dispute: Dispute) -> Any:
    """When the time is up that was left at the question; one that was overdue then is so still."""
    left, now = dispute.time_left, timezone.now()
    assert left is not None
    return BusinessHours.from_settings().add(now, left) if left.total_seconds() > 0 else dispute.due_at


@transaction.atomic
def post_message(*, dispute_id: UUID, body: str, by: Actor, to: UUID | None = None) -> Message:
    """Say something: a party to the house, or the house to the party that `to` names (without, to the claimant). Goes
    on after the decision, as who loses by it may answer."""
    dispute = locked(dispute_id)
    _check_text(body, "body")
    party = party_of(dispute, by) or _addressed(dispute, to)
    return _say(dispute, party, Message.Kind.MESSAGE, body, by)


def _addressed(dispute: Dispute, to: Any) -> Party:
    if to is None:
        return dispute.parties.get(role=Party.Role.CLAIMANT)
    party = dispute.parties.filter(pk=to).first()
    if party is None:
        raise ValidationError({"to": ValidationError("Nobody in this dispute has this id.", code="does_not_exist")})
    return party


@transaction.atomic
def add_note(*, dispute_id: UUID, body: str, by: Actor) -> Message:
    """For the house's own people; no party is ever shown it."""
    dispute = locked(dispute_id)
    _check_house(by)
    _check_text(body, "body")
    return _say(dispute, None, Message.Kind.NOTE, body, by)


@transaction.atomic
def withdraw_dispute(*, dispute_id: UUID, reason: str = "", by: Actor) -> Dispute:
    """By its filer: the claimant, or whoever of the house filed for it. The record goes back to where it was."""
    dispute = locked_open(dispute_id, by)
    party = party_of(dispute, by)
    is_filer = by.is_same_as(dispute.filed_by_id, dispute.filed_by_key_id)
    if not (party.role == Party.Role.CLAIMANT if party else is_filer):
        raise NotYoursToDo("A dispute is withdrawn by who filed it.")
    dispute.status, dispute.closed_at = Status.WITHDRAWN, timezone.now()
    with _told(f"Withdrawn: {reason}" if reason else "Withdrawn", by):
        dispute.save(update_fields=["status", "closed_at"])
        release(dispute)
    announcing.closed(dispute)
    return dispute


def _say(dispute: Dispute, party: Party | None, kind: str, body: str, by: Actor) -> Message:
    message = Message.objects.create(
        dispute=dispute,
        party=party,
        kind=kind,
        is_from_house=by.is_house,
        body=body.strip(),
        author=by.user,
        author_key_id=by.key_id,
        sent_at=timezone.now(),
    )
    announcing.said(message)
    return message


def _check_house(by: Actor) -> None:
    if not by.is_house:
        raise NotYoursToDo("That is for the house to do.")


def _check_text(text: str, name: str) -> None:
    if not text.strip():
        raise ValidationError({name: ValidationError("Say something.", code="required")})
    if len(text) > 5000:
        raise ValidationError({name: ValidationError("At most 5,000 characters.", code="max_length")})


def _told(reason: str, by: Actor) -> Any:
    return because(reason=reason, user=by.user and by.user.pk)
