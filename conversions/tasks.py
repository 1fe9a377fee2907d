from celery import shared_task

from conversions import daily_touches


@shared_task
def refresh_daily_touches():
    daily_touches.refresh_daily_touches()


@shared_task
def count_recent_touches_again():
    daily_touches.count_recent_again()
    daily_touches.refresh_daily_touches()
