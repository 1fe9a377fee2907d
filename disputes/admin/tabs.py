"""The queues' tabs: which disputes each holds, and in which order."""

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from disputes.models import Dispute, Message

Status = Dispute.Status

BY_DUE = ("due_at", "id")
TABS = {
    "open": ("Open", BY_DUE),
    "mine": ("Mine", BY_DUE),
    "unassigned": ("Unassigned", BY_DUE),
    "overdue": ("Overdue", BY_DUE),
    "waiting": ("Waiting for an answer", BY_DUE),
    "answered": ("Answer came", BY_DUE),
    "appeals": ("Appeals", BY_DUE),
    "closed": ("Closed", ("-closed_at", "id")),
    "all": ("All", ("-number",)),
}
# How many there are is worth knowing of what waits. Whose turn it is, is asked of each dispute: too slow for a number.
COUNTED = ("open", "mine", "unassigned", "overdue", "waiting", "appeals")


def in_tab(disputes, name, user, now=None):
    match name:
        case "open":
            return disputes.open()
        case "mine":
            return disputes.open().filter(assigned_to=user)
        case "unassigned":
            return disputes.open().filter(assigned_to=None)
        case "overdue":
            return disputes.overdue(now or timezone.now())
        case "waiting":
            return disputes.filter(status=Status.NEEDS_INFORMATION)
        case "answered":
            return answered(disputes)
        case "appeals":
            return disputes.open().filter(appeal_of__isnull=False)
        case "closed":
            return disputes.filter(closed_at__isnull=False)
    return disputes


def answered(disputes):
    """Those under review in which a party had the last word: it is the house's turn."""
    said = Message.objects.filter(dispute=OuterRef("pk"), party__isnull=False).order_by("-sent_at", "-id")
    last = Subquery(said.values("is_from_house")[:1])
    return disputes.filter(status=Status.UNDER_REVIEW).alias(house_spoke=last).filter(house_spoke=False)
