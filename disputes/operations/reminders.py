"""Nobody has to look at the clock: who has a dispute is reminded in time, and others learn when time is up."""

import datetime as dt
from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from attribution_site.audit.context import because
from attribution_site.queueing import queue_on_commit
from disputes import announcing, tasks
from disputes.deciders import deciders
from disputes.models import Dispute, Message
from disputes.operations.handling import wait_no_longer

# Before it is due. Working days are shorter, so it comes in time for the last of them.
SOON = dt.timedelta(hours=24)
AT_ONCE = 500


def remind_of_disputes() -> tuple[int, int]:
    """How many disputes their people were reminded of, and how many were escalated; each once."""
    return _each(_due_soon, "due", "reminded_at"), _each(_overdue, "overdue", "escalated_at")


def remind_of_questions() -> tuple[int, int]:
    """How many claimants were told their question again, each once, and how many disputes wait no longer for the
    answer: to whoever has them they say so, and their clock goes on."""
    now = timezone.now()
    waiting = Dispute.objects.filter(status=Dispute.Status.NEEDS_INFORMATION).order_by("answer_due_at")
    due = list(waiting.filter(answer_due_at__lte=now)[:AT_ONCE])
    over = [dispute for dispute in due if wait_no_longer(dispute_id=dispute.pk, as_of=now)]
    for dispute in over:
        if to := _addresses(dispute, "unanswered"):
            queue_on_commit(tasks.mail_people, str(dispute.pk), "unanswered", to)
    return _ask_again(waiting.filter(answer_due_at__lte=now + SOON, reminded_at=None), now), len(over)


@transaction.atomic
def _ask_again(waiting: QuerySet[Dispute], now: dt.datetime) -> int:
    found = list(waiting.select_for_update(skip_locked=True, of=["self"])[:AT_ONCE])
    for dispute in found:
        question = dispute.messages.filter(kind=Message.Kind.QUESTION).latest("sent_at")
        announcing.said(question)
    with because(reason="The claimant was reminded of the question"):
        Dispute.objects.filter(pk__in=[each.pk for each in found]).update(reminded_at=now)
    return len(found)


def _due_soon(now: dt.datetime) -> QuerySet[Dispute]:
    clock_runs = Dispute.objects.filter(status__in=[Dispute.Status.OPEN, Dispute.Status.UNDER_REVIEW])
    return clock_runs.filter(due_at__lte=now + SOON, reminded_at=None)


def _overdue(now: dt.datetime) -> QuerySet[Dispute]:
    found: QuerySet[Dispute] = Dispute.objects.overdue(now).filter(escalated_at=None)
    return found


@transaction.atomic
def _each(waiting: Callable[[dt.datetime], QuerySet[Dispute]], event: str, column: str) -> int:
    """Two beats at once take different disputes."""
    now = timezone.now()
    disputes = waiting(now).select_for_update(skip_locked=True, of=["self"]).select_related("assigned_to")
    found = list(disputes.order_by("due_at", "id")[:AT_ONCE])
    for dispute in found:
        if to := _addresses(dispute, event):
            queue_on_commit(tasks.mail_people, str(dispute.pk), event, to)
    with because(reason="Reminded" if event == "due" else "Escalated: time is up"):
        Dispute.objects.filter(pk__in=[each.pk for each in found]).update(**{column: now})
    return len(found)


def _addresses(dispute: Dispute, event: str) -> list[str]:
    """Whose work it is; of what is nobody's or overdue, all who may decide."""
    if event != "overdue" and dispute.assigned_to:
        return [dispute.assigned_to.email] if dispute.assigned_to.email else []
    return sorted(set(deciders().exclude(email="").values_list("email", flat=True)))
