"""Mail to the parties of disputes and to the people who decide them. Nothing of a claim is in it but its number: who it
is meant for reads the rest by signing in, or with their key."""

from django.conf import settings
from django.core.mail import send_mail

from disputes.models import Dispute, Party
from partners.models import Broker, Partner

SUBJECTS = {
    "dispute.filed": "{dispute} was filed",
    "dispute.share_may_change": "{dispute}: a share of yours may change",
    "dispute.information_requested": "{dispute}: a question to you",
    "dispute.message": "{dispute}: a message for you",
    "dispute.resolved": "{dispute} was resolved",
    "dispute.rejected": "{dispute} was rejected",
    "dispute.withdrawn": "{dispute} was withdrawn",
    "assigned": "{dispute} is yours",
    "unanswered": "{dispute} goes on without an answer",
    "due": "{dispute} is due soon",
    "overdue": "{dispute} is overdue",
}
TO_PARTY = """{subject}.

Read it, answer and add evidence through the API: GET {path}
"""
TO_PERSON = """{subject}: {claimant}, {at_stake} {currency} at stake, due {due_at:%Y-%m-%d %H:%M} UTC.

It is under Disputes in the back office.
"""


def mail_party(*, party_id: int, event: str) -> bool:
    """Whether the party has left an address to write to."""
    party = Party.objects.select_related("dispute").get(pk=party_id)
    model = Partner if party.payee_type == "partner" else Broker
    to = model.objects.filter(pk=party.payee_id).values_list("contact_email", flat=True).first()
    if not to or event not in SUBJECTS:
        return False
    subject = SUBJECTS[event].format(dispute=party.dispute)
    path = f"/api/v1/attribution/disputes/{party.dispute_id}"
    send_mail(subject, TO_PARTY.format(subject=subject, path=path), settings.DEFAULT_FROM_EMAIL, [to])
    return True


def mail_people(*, dispute_id: str, event: str, to: list[str]) -> None:
    dispute = Dispute.objects.get(pk=dispute_id)
    subject = SUBJECTS[event].format(dispute=dispute)
    text = TO_PERSON.format(
        subject=subject,
        claimant=f"{dispute.claimant_type} {dispute.claimant_id}",
        at_stake=dispute.at_stake,
        currency=dispute.currency,
        due_at=dispute.due_at,
    )
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, to)
