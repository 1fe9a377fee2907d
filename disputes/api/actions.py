"""What the asker may do with a dispute now. Operations decide for themselves; this is so that nobody has to try."""

import datetime as dt

from django.conf import settings

from disputes.deciders import why_not
from disputes.models import Dispute, Party
from disputes.operations import is_final

Status = Dispute.Status


def actions_of(dispute, asker, user, *, now):
    if user.has_perm("disputes.change_dispute"):
        known = _of_house(dispute, asker, user) if asker.is_house else _of_party(dispute)
    else:
        known = []
    if user.has_perm("disputes.add_dispute") and _may_be_appealed(dispute, asker, now):
        known.append("appeal")
    return known


def _of_party(dispute):
    known = ["message"]
    if dispute.is_open:
        known.append("evidence")
        if dispute.own_role == Party.Role.CLAIMANT:
            known += ["withdraw", *(["answer"] if dispute.status == Status.NEEDS_INFORMATION else [])]
    return known


def _of_house(dispute, asker, user):
    known = ["message", "note"]
    if not dispute.is_open:
        return known
    waits = dispute.status == Status.NEEDS_INFORMATION
    known += ["evidence", "take_over" if dispute.assigned_to_id else "assign"]
    known += ["answer", "go_on"] if waits else ["ask"]
    if asker.is_same_as(dispute.filed_by_id, dispute.filed_by_key_id):
        known.append("withdraw")
    if user.has_perm("disputes.resolve_dispute"):
        known += ["simulate", *(["resolve", "reject"] if why_not(dispute, asker) is None else [])]
    return known


def _may_be_appealed(dispute, asker, now):
    if dispute.status not in {Status.RESOLVED, Status.REJECTED}:
        return False
    if is_final(dispute) or now > dispute.closed_at + dt.timedelta(days=settings.DISPUTE_APPEAL_DAYS):
        return False
    kind, pk = asker.payee or dispute.claimant
    return not dispute.appeals.filter(claimant_type=kind, claimant_id=pk).exists()
