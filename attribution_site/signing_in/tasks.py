import datetime as dt

from axes.models import AccessFailureLog, AccessLog
from celery import shared_task
from django.utils import timezone

from attribution_site.signing_in.sessions import SessionStore

# Two audits of a year can look back on the whole of it.
KEPT = dt.timedelta(days=760)


@shared_task
def drop_old_sign_ins():
    """Sessions that have ended, and rows of sign-ins that no audit asks for any more."""
    SessionStore.clear_expired()
    for log in (AccessLog, AccessFailureLog):
        log.objects.filter(attempt_time__lt=timezone.now() - KEPT).delete()
