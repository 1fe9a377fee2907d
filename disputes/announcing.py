"""Who is told what of a dispute, by webhook and by mail. Each party hears of its own part, and nobody of another's."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from attribution.models import Settlement
from attribution_site.queueing import queue_on_commit
from disputes import tasks
from disputes.models import Dispute, Evidence, Message, Party
from partners.webhooks import outbox

FILED, MAY_CHANGE = "dispute.filed", "dispute.share_may_change"
ASKED, ANSWERED, MESSAGE, EVIDENCE = (
    *("dispute.information_requested", "dispute.information_given"),
    *("dispute.message", "dispute.evidence_added"),
)
CLOSED = {status: f"dispute.{status}" for status in ("resolved", "rejected", "withdrawn")}
OF_KIND = {
    Message.Kind.QUESTION: ASKED,
    Message.Kind.ANSWER: ANSWERED,
    Message.Kind.MESSAGE: MESSAGE,
}


def filed(dispute: Dispute, parties: Iterable[Party]) -> None:
    """The claimant has it on paper; the others learn that their share may change, and no more."""
    for party in parties:
        is_claimant = party.role == Party.Role.CLAIMANT
        _tell(dispute, party, FILED if is_claimant else MAY_CHANGE)
        if is_claimant:
            outbox.publish(event=FILED, data=_data(dispute))


def said(message: Message) -> None:
    """To the other side: the house's own notes are told to nobody. An answer is the claimant's, whoever enters it."""
    if message.party is None:
        return
    event = OF_KIND[Message.Kind(message.kind)]
    if message.is_from_house and event != ANSWERED:
        _tell(message.dispute, message.party, event, message_id=message.pk, text=message.body)
    else:
        outbox.publish(event=event, data=_data(message.dispute) | {"message_id": message.pk, "text": message.body})


def evidence_added(item: Evidence) -> None:
    outbox.publish(event=EVIDENCE, data=_data(item.dispute) | {"evidence_id": item.pk, "sha256": item.sha256})


def closed(dispute: Dispute, settlement: Settlement | None = None) -> None:
    """Each party hears how it ended, and what that does to its own share."""
    outcome = {"resolution": dispute.resolution, "rejection": dispute.rejection or None}
    event = CLOSED[dispute.status]
    outbox.publish(event=event, data=_data(dispute) | outcome)
    for party in dispute.parties.all():
        words = outcome if party.role == Party.Role.CLAIMANT else {}
        _tell(dispute, party, event, **words, **_own_change(settlement, party))


def _own_change(settlement: Settlement | None, party: Party) -> dict[str, Any]:
    if settlement is None:
        return {"commission_before": None, "commission_after": None}
    lines = [line for line in settlement.lines.all() if (line.payee_type, line.payee_id) == party.payee]
    return {
        "commission_before": sum(line.commission_before for line in lines),
        "commission_after": sum(line.commission_after for line in lines),
    }


def _tell(dispute: Dispute, party: Party, event: str, **more: Any) -> None:
    """A claimant is not told which record it is, where the house filed for it about another's."""
    data = _data(dispute) if party.role == Party.Role.CLAIMANT else _blurred(dispute)
    if "attribution_id" in data and not party.is_of_record:
        data["attribution_id"] = None
    outbox.publish(event=event, data=data | more, payees=[party.payee], to_house=False)
    queue_on_commit(tasks.mail_party, party.pk, event)


def _data(dispute: Dispute) -> dict[str, Any]:
    return _blurred(dispute) | {
        "attribution_id": dispute.record_id,
        "dispute_type": dispute.dispute_type,
        "claimant_type": dispute.claimant_type,
        "claimant_id": dispute.claimant_id,
        "currency": dispute.currency,
        "expected_amount": dispute.expected_amount,
        "due_at": dispute.due_at,
        "answer_due_at": dispute.answer_due_at,
    }


def _blurred(dispute: Dispute) -> dict[str, Any]:
    return {
        "dispute_id": dispute.pk,
        "number": dispute.number,
        "status": dispute.status,
        "conversion_id": dispute.conversion_id,
        "url": reverse("dispute-detail", args=[dispute.pk]),
    }
