from celery import shared_task

from touchpoints import daily_touches, partitions


@shared_task
def create_partitions():
    partitions.create_partitions_ahead()


@shared_task
def refresh_daily_touches():
    daily_touches.refresh_daily_touches()
