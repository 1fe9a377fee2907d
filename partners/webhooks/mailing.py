"""The notice to whoever has to do with a webhook that it was switched off."""

from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail

from partners.webhooks.models import WebhookEndpoint

SUBJECT = "Your webhook was switched off"
TEXT = """The webhook to {url} was switched off at {at:%Y-%m-%d %H:%M} UTC.

{reason}

Nothing is sent there until it is enabled again: in the back office, or by POST /webhooks/{id}/enable.
What failed is kept for 30 days and can be sent again.
"""


def mail_that_webhook_is_disabled(*, endpoint_id: UUID) -> bool:
    """Whether there was somebody to write to, and it was not enabled meanwhile."""
    endpoint = WebhookEndpoint.objects.select_related("partner", "broker", "created_by").get(pk=endpoint_id)
    to = _contact(endpoint)
    if endpoint.status != WebhookEndpoint.Status.DISABLED or not to:
        return False
    text = TEXT.format(url=endpoint.url, at=endpoint.disabled_at, reason=endpoint.disabled_reason, id=endpoint.pk)
    send_mail(SUBJECT, text, settings.DEFAULT_FROM_EMAIL, [to])
    return True


def _contact(endpoint: WebhookEndpoint) -> str:
    owner = endpoint.partner or endpoint.broker
    return owner.contact_email if owner else endpoint.created_by.email if endpoint.created_by else ""
