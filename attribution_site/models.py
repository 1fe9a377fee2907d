"""What belongs to no app: answers that are kept to be given again, and the audit log."""

from django.db import models
from django.db.models.functions import Now


class KeptAnswer(models.Model):
    """The first answer to a write that named an `Idempotency-Key`, in the asker's own space of keys."""

    pk = models.CompositePrimaryKey("asker", "key")
    asker = models.CharField(max_length=48, help_text="key:<id> or user:<id>")
    key = models.CharField(max_length=255)
    request_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now())

    objects = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="kept_answer_by_time")]

    def __str__(self):
        return f"{self.key} of {self.asker}"


# Django looks for models here.
from attribution_site.audit.models import AuditLog, AuditSeal, AuditVerification  # noqa: E402, F401
from attribution_site.audit.people import Membership, Permitted, Person, PersonPermitted, Role  # noqa: E402, F401
