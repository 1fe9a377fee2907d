import datetime as dt

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
def calculate_recent() -> None:
    operations.calculate_recent()


@worker_ready.connect
def take_up_what_was_left(**_: object) -> None:
    """A worker that starts does not wait for the next beat."""
    operations.resume_lost_shards(lost_after=dt.timedelta(0))
