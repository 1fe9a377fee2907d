"""Reports that were asked for, kept as they were answered."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from touchpoints.models import uuid7


class ReportQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read. A user we cannot place sees nothing."""
        return self if user.has_perm("reports.view_report") else self.none()


class Report(models.Model):
    """One answered report: the question, and the answer to the cent, never recomputed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    parameters = models.JSONField()
    result = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"Report of {timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"
