import datetime as dt
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from attribution import operations


@shared_task(acks_late=True)
def calculate_shard(shard_id: int) -> None:
    operations.calculate_shard(shard_id)


@shared_task
def resume_lost_shards() -> None:
    operations.resume_lost_shards()


@shared_task
def calculate_late_touches() -> None:
    operations.calculate_late_touches()


@shared_task
def calculate_recent() -> None:
    operations.calculate_recent()


@shared_task(acks_late=True)
def train(training_id: str) -> None:
    operations.train(UUID(training_id))


@shared_task
def resume_lost_trainings() -> None:
    operations.resume_lost_trainings()


@shared_task
def train_current() -> None:
    operations.train_current()


@shared_task(acks_late=True)
def compare(comparison_id: str) -> None:
    operations.compare(UUID(comparison_id))


@shared_task
def resume_lost_comparisons() -> None:
    operations.resume_lost_comparisons()


@shared_task
def drop_old_comparisons() -> None:
    operations.drop_old_comparisons()


@shared_task
def verify_sample() -> None:
    operations.verify_records(sample=operations.NIGHTLY_SAMPLE)


@shared_task
def refresh_daily_credit() -> None:
    operations.refresh_daily_credit()


@worker_ready.connect
def take_up_what_was_left(**_: object) -> None:
    """A worker that starts does not wait for the next beat."""
    operations.resume_lost_shards(lost_after=dt.timedelta(0))
    operations.resume_lost_trainings(lost_after=dt.timedelta(0))
    operations.resume_lost_comparisons(lost_after=dt.timedelta(0))
