"""What happened to a dispute: who changed what, when and why, from the rows that the database keeps of each change."""

from django.apps import apps
from django.contrib.auth import get_user_model

from disputes.models import Dispute
from partners.admin import moment

SHOWN = 200
WATCHED = ["status", "assigned_to_id", "due_at", "rejection", "settlement_id", "reminded_at", "escalated_at"]


def of(dispute):
    events = apps.get_model("disputes", "DisputeEvent").objects.filter(pgh_obj_id=dispute.pk)
    rows = list(events.order_by("pgh_id")[:SHOWN])
    people = _people(rows)
    told = [_told(before, row, people) for before, row in zip([None, *rows], rows, strict=False)]
    return [each for each in reversed(told) if each["changes"]]


def _people(rows):
    ids = {row.assigned_to_id for row in rows} | {_metadata(row).get("user") for row in rows}
    users = get_user_model().objects.filter(pk__in=[each for each in ids if isinstance(each, int)])
    return {user.pk: str(user) for user in users}


def _metadata(row):
    return row.pgh_context or {}


def _told(before, row, people):
    metadata = _metadata(row)
    return {
        "at": moment(row.pgh_created_at),
        "who": people.get(metadata.get("user"), ""),
        "why": metadata.get("reason", ""),
        "changes": _changes(before, row, people) if before else ["Filed"],
    }


def _changes(before, row, people):
    changed = [name for name in WATCHED if getattr(before, name) != getattr(row, name)]
    return [_change(name, getattr(row, name), people) for name in changed if getattr(row, name) not in (None, "")]


def _change(name, value, people):
    match name:
        case "status":
            return Dispute.Status(value).label
        case "rejection":
            return Dispute.Rejection(value).label
        case "assigned_to_id":
            return f"Assigned to {people.get(value, value)}"
        case "due_at":
            return f"Due {value:%Y-%m-%d %H:%M} UTC"
        case "settlement_id":
            return "Money moved"
        case _:
            return "Reminded" if name == "reminded_at" else "Escalated"
