"""A dispute's state and time, in the same words and colours on every page."""

from django.utils import timezone
from django.utils.html import format_html

from disputes.models import Dispute
from partners.admin import moment

# By the label's text, as unfold wants it.
STATUS_LABELS = {
    Dispute.Status.OPEN.label: "info",
    Dispute.Status.UNDER_REVIEW.label: "primary",
    Dispute.Status.NEEDS_INFORMATION.label: "warning",
    Dispute.Status.RESOLVED.label: "success",
    Dispute.Status.REJECTED.label: "danger",
    Dispute.Status.WITHDRAWN.label: "default",
}


def due(dispute, as_of=None):
    """When its time is up: marked where it is; of one that waits for an answer, that the clock stands still."""
    if not dispute.is_open:
        return format_html("Closed {}", moment(dispute.closed_at))
    if dispute.status == Dispute.Status.NEEDS_INFORMATION:
        until = format_html("<br>until {}", moment(dispute.answer_due_at)) if dispute.answer_due_at else ""
        return format_html('<span class="due-still" title="The clock stands still">Waits for an answer</span>{}', until)
    now = as_of or timezone.now()
    if dispute.is_overdue(now):
        since = span(now - dispute.due_at)
        return format_html('<strong class="due-over">{} overdue</strong><br>{}', since, moment(dispute.due_at))
    return format_html("in {}<br>{}", span(dispute.due_at - now), moment(dispute.due_at))


def span(time):
    """Roughly how long: people decide by it what comes first, and the exact time stands beside it."""
    hours = int(time.total_seconds() // 3600)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h" if hours else f"{int(time.total_seconds() // 60)} min"
