"""How a dispute came to be where it is: from the audit log."""

from uuid import UUID

from django.contrib.auth import get_user_model

from disputes.models import Dispute
from partners.models import ApiKey


def history_of(dispute, *, with_who):
    """Its moves from status to status, the first one being filed."""
    log = Dispute.pgh_event_model  # type: ignore[attr-defined]  # pghistory adds it
    events = log.objects.filter(pgh_obj=dispute.pk)
    moves, before = [], None
    for event in events.order_by("pgh_id"):
        if event.status != before:
            moves.append(event)
        before = event.status
    who = _names(moves) if with_who else {}
    return [_told(event, who, with_who) for event in moves]


def _told(event, who, with_who):
    context = (event.pgh_context or {}) if with_who else {}
    return {
        "at": event.pgh_created_at,
        "status": event.status,
        "by": who.get(str(context.get("user"))) or who.get(str(context.get("key"))),
        "reason": context.get("reason"),
    }


def _names(events):
    """Of the people and keys that the events name, two queries for all of them."""
    found = [event.pgh_context or {} for event in events]
    people = {each["user"] for each in found if each.get("user")}
    keys = {UUID(each["key"]) for each in found if each.get("key")}
    users = get_user_model().objects.filter(pk__in=people).order_by("pk")
    names = {str(user.pk): user.get_username() for user in users}
    return names | {str(key.pk): str(key) for key in ApiKey.objects.filter(pk__in=keys)}
