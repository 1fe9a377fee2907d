import smtplib
from uuid import UUID

from celery import shared_task

from payouts import operations
from payouts.banking import mailing


@shared_task(acks_late=True)
def build_run(run_id: str) -> None:
    operations.build_run(UUID(run_id))


@shared_task
def resume_lost_runs() -> None:
    operations.resume_lost_runs()


@shared_task
def book() -> None:
    operations.book()


@shared_task
def end_holds() -> None:
    operations.end_holds()


@shared_task
def approve_by_rule() -> None:
    operations.approve_by_rule()


@shared_task
def reconcile() -> None:
    operations.reconcile()


@shared_task(acks_late=True, autoretry_for=[OSError, smtplib.SMTPException], retry_backoff=True)
def mail_of_account(account_id: str, event: str) -> None:
    mailing.mail_of_account(account_id=UUID(account_id), event=event)
