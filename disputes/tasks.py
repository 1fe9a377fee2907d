import smtplib

from celery import shared_task

from disputes import mailing
from disputes.operations import evidence, reminders


@shared_task(acks_late=True, autoretry_for=[OSError, smtplib.SMTPException], retry_backoff=True)
def mail_party(party_id: int, event: str) -> None:
    mailing.mail_party(party_id=party_id, event=event)


@shared_task(acks_late=True, autoretry_for=[OSError, smtplib.SMTPException], retry_backoff=True)
def mail_people(dispute_id: str, event: str, to: list[str]) -> None:
    mailing.mail_people(dispute_id=dispute_id, event=event, to=to)


@shared_task
def remind_of_disputes() -> None:
    reminders.remind_of_questions()
    reminders.remind_of_disputes()


@shared_task
def remove_orphaned_evidence() -> None:
    evidence.remove_orphans()
