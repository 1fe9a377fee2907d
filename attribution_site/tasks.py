"""What beat has done for the site itself."""

import datetime as dt

from celery import shared_task
from django.utils import timezone

from attribution_site.audit import operations
from attribution_site.models import KeptAnswer

# The contract promises 24 hours.
ANSWERS_KEPT = dt.timedelta(hours=48)


@shared_task
def drop_old_answers():
    """Forget the answers that no retry asks for any more."""
    KeptAnswer.objects.filter(created_at__lt=timezone.now() - ANSWERS_KEPT).delete()


@shared_task
def seal_audit():
    operations.seal()


@shared_task
def verify_audit():
    operations.verify_audit()
