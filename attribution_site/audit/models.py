"""The seals on the audit log, and what checking them found. The rows themselves lie in the tables of `audited`."""

from django.db import models
from django.db.models.functions import Now

from attribution_site.audit.tracking import refusals


class AuditLog(models.Model):
    """No table: what the permission to read the audit log hangs on."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "audit log"
        verbose_name_plural = "audit log"

    def __str__(self):
        return "Audit log"


class AuditSeal(models.Model):
    """Every audit row that the transactions from `from_xact` up to `to_xact`, this one excluded, of one cluster wrote.

    `contents`: of each table with rows its columns, number of rows and blocks, a block being [first id, last id, rows,
    SHA-256]. `digest` is over all of it and the digest before; `mac` signs that with a key that the database does not
    have."""

    number = models.BigIntegerField(primary_key=True)
    cluster = models.BigIntegerField()
    from_xact = models.BigIntegerField()
    to_xact = models.BigIntegerField()
    rows = models.BigIntegerField()
    contents = models.JSONField()
    previous_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    mac = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(db_default=Now())

    objects = models.Manager()

    class Meta:
        default_permissions = ()
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(name="seal_range_ordered", condition=models.Q(to_xact__gt=models.F("from_xact"))),
            models.UniqueConstraint(fields=["cluster", "from_xact"], name="one_seal_a_range"),
        ]
        triggers = refusals()

    def __str__(self):
        return f"Seal {self.number}"


class AuditVerification(models.Model):
    """One check of the whole log. `findings`: the first of them, each with what, seal, table, row and a sentence."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    seals_checked = models.BigIntegerField()
    rows_checked = models.BigIntegerField()
    findings_count = models.BigIntegerField()
    findings = models.JSONField(default=list)
    last_seal = models.BigIntegerField(null=True)

    objects = models.Manager()

    class Meta:
        default_permissions = ()
        ordering = ["-id"]

    def __str__(self):
        return f"Audit verification {self.pk}"
