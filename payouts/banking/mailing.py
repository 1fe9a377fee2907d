"""Mail to a payee that its bank account changes. It is the payee's chance to object, so each step is told; the mail has
no more of the number than its last characters."""

from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail

from partners.models import Broker, Partner
from payouts.models import BankAccount

SUBJECTS = {
    "proposed": "A bank account was proposed for your commission",
    "confirmed": "Your commission will go to another bank account",
    "refused": "A bank account for your commission was not taken",
    "stopped": "No more commission goes to one of your bank accounts",
}
TEXT = """{subject}.

Account: {account}
Holder: {holder}
{what_follows}

If you know nothing of this, tell us at once: answer this mail or call us.
"""
FOLLOWS = {
    "proposed": "Nothing changes until we have checked it.",
    "confirmed": "From {from_when:%Y-%m-%d %H:%M} UTC on, payments go there. Until then nothing changes.",
    "refused": "Why: {reason}",
    "stopped": "Why: {reason}\nUntil another account is in force, nothing is paid.",
}


def mail_of_account(*, account_id: UUID, event: str) -> bool:
    """Whether the payee has left an address to write to."""
    account = BankAccount.objects.get(pk=account_id)
    model = Partner if account.payee_type == "partner" else Broker
    to = model.objects.filter(pk=account.payee_id).values_list("contact_email", flat=True).first()
    if not to:
        return False
    follows = FOLLOWS[event].format(from_when=account.effective_at, reason=account.reason)
    text = TEXT.format(subject=SUBJECTS[event], account=account, holder=account.holder, what_follows=follows)
    send_mail(SUBJECTS[event], text, settings.DEFAULT_FROM_EMAIL, [to])
    return True
