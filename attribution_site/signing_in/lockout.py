"""Guessing is counted by django-axes, and ends in a wait: by name and address, by name, by address."""

import datetime as dt
import math

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max, Sum
from django.template.response import TemplateResponse
from django.utils import timezone

# In the order of AXES_LOCKOUT_PARAMETERS. A name alone has more: else anybody could lock anybody out in five requests.
LIMITS = (5, 20, 100)


class Handler(AxesDatabaseHandler):
    """Axes knows one limit. Here what was counted is weighed so that each of the three is reached at that one."""

    def get_failures(self, request, credentials=None):
        return max(
            count * LIMITS[0] // limit for count, limit in zip(self._counts(request, credentials), LIMITS, strict=True)
        )

    def _counts(self, request, credentials):
        for attempts in self.get_user_attempts(request, credentials):
            yield attempts.aggregate(sum=Sum("failures_since_start"))["sum"] or 0

    def locked_until(self, request, credentials):
        counted = self.get_user_attempts(request, credentials)
        full = [
            attempts.aggregate(last=Max("attempt_time"))["last"]
            for attempts, count, limit in zip(counted, self._counts(request, credentials), LIMITS, strict=True)
            if count >= limit
        ]
        return max(full, default=timezone.now()) + settings.AXES_COOLOFF_TIME

    def remove_out_of_limit_failure_logs(self, *, username, limit=None):
        """Nothing: whoever floods must not wash away what an auditor reads. They go by age."""
        return 0


def credentials_of(user):
    return {"username": user.get_username()}


def is_locked(request, user):
    """Whether this person must wait. The answer is then made by axes' middleware."""
    if AxesProxyHandler.is_allowed(request, credentials_of(user)):
        return False
    request.axes_locked_out, request.axes_credentials = True, credentials_of(user)
    return True


def count_wrong_code(request, user):
    user_login_failed.send(sender=__name__, credentials=credentials_of(user), request=request)


def note_code(request, user):
    """A row in the log of sign-ins, beside the one of the password."""
    AxesProxyHandler.user_logged_in(__name__, request, user)
    forgive(request, user)


def forgive(request, user):
    """What this person got wrong from here, and not what others tried elsewhere. Only after the whole of signing in:
    whoever knows a password must not buy guesses of the code with it."""
    AxesProxyHandler.update_request(request)
    AccessAttempt.objects.filter(username=user.get_username(), ip_address=request.axes_ip_address).delete()


def answer(request, response=None, credentials=None):
    until = AxesProxyHandler.get_implementation().locked_until(request, credentials)
    seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))
    context = {
        **admin.site.each_context(request),
        "title": "Too many wrong tries",
        "minutes": math.ceil(seconds / 60),
        "again_at": timezone.now() + dt.timedelta(seconds=seconds),
    }
    return TemplateResponse(
        request, "admin/signing_in/locked.html", context, status=429, headers={"Retry-After": str(seconds)}
    ).render()
