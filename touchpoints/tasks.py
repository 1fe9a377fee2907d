from celery import shared_task

from touchpoints import partitions


@shared_task
def create_partitions():
    partitions.create_partitions_ahead()
