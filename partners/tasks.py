import smtplib
from uuid import UUID

from celery import shared_task

from partners.webhooks import mailing, sending


@shared_task
def send_webhooks() -> None:
    sending.send_due()


@shared_task
def prune_webhooks() -> None:
    sending.prune()


@shared_task(acks_late=True, autoretry_for=[OSError, smtplib.SMTPException], retry_backoff=True)
def mail_that_webhook_is_disabled(endpoint_id: str) -> None:
    mailing.mail_that_webhook_is_disabled(endpoint_id=UUID(endpoint_id))
