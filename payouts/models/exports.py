"""Files that go to the bank, as they went, and those that came back."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from partners.models import uuid7
from payouts.models.payouts import Payout
from payouts.models.runs import HouseQuerySet

# What goes out is what was approved, whoever writes the row.
ORDERED = """
    IF NOT EXISTS (
        SELECT FROM payouts_payout WHERE id = NEW.payout_id AND status = 'approved'
            AND (total, lines_hash) = (NEW.amount, NEW.lines_hash)
    ) THEN
        RAISE EXCEPTION 'A bank file orders what was approved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_of_approved';
    END IF;
    RETURN NEW;
"""
STAYS = """
    IF OLD.refused_in_id IS NOT NULL OR NEW.refused_in_id IS NULL
        OR to_jsonb(OLD) - 'refused_in_id' <> to_jsonb(NEW) - 'refused_in_id'
    THEN
        RAISE EXCEPTION 'An order stays as it is; once, the bank may say that it did not pay it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_stays';
    END IF;
    RETURN NEW;
"""


class Export(models.Model):
    """One file of payment orders. It is made once and kept: whoever downloads it again gets the same bytes."""

    class Format(models.TextChoices):
        NACHA = "nacha", "NACHA (ACH)"
        SEPA = "sepa", "SEPA pain.001"
        CSV = "csv", "CSV"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(
        unique=True, db_default=Func(Value("payouts_export_number"), function="nextval"), editable=False
    )
    format = models.CharField(max_length=8, choices=Format)
    currency = models.CharField(max_length=3)
    name = models.CharField(max_length=100)
    content = models.BinaryField(help_text="The file, sealed: it has whole account numbers.")
    sha256 = models.CharField(max_length=64, help_text="Of the file as the bank gets it.")
    total = models.DecimalField(max_digits=14, decimal_places=2)
    payout_count = models.PositiveIntegerField()
    execute_on = models.DateField(help_text="When the bank is asked to pay.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        verbose_name = "bank file"
        constraints = [
            models.CheckConstraint(name="export_format_known", condition=Q(format__in=["nacha", "sepa", "csv"])),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return self.name

    @property
    def reference(self):
        """What the file calls itself, and the bank's answer after it."""
        return f"EXPORT-{self.number}"


class Exported(models.Model):
    """A payout in a bank file. It is in one at most that counts: in another only after the bank said that the first
    did not pay it, in the answer `refused_in`."""

    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="orders")
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="orders")
    account_id = models.UUIDField(null=True, help_text="The bank account that it names.")
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    lines_hash = models.CharField(max_length=64)
    refused_in = models.ForeignKey("BankFile", on_delete=models.PROTECT, null=True, related_name="+")

    objects = models.Manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["payout"], name="one_bank_file_that_counts", condition=Q(refused_in__isnull=True)
            ),
            models.UniqueConstraint(fields=["payout", "export"], name="one_order_a_payout_and_file"),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(name="of_approved", operation=pgtrigger.Insert, when=pgtrigger.Before, func=ORDERED),
            pgtrigger.Trigger(name="stays", operation=pgtrigger.Update, when=pgtrigger.Before, func=STAYS),
        ]

    def __str__(self):
        return self.end_to_end_id

    @property
    def end_to_end_id(self):
        """What bank and payee call the payment. It names the file too: a payout that goes out once more has another
        id, so that no answer to the one is taken for an answer to the other."""
        return f"{self.payout}-{self.export.number}"


@audited()
class Download(models.Model):
    """Somebody took a bank file along, and with it whole account numbers."""

    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="downloads")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = models.Manager()

    class Meta:
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.by} took {self.export_id}"


class BankFile(models.Model):
    """What the bank answered. The same bytes are taken once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="answers")
    name = models.CharField(max_length=255)
    content = models.BinaryField(help_text="The file, sealed.")
    sha256 = models.CharField(max_length=64, unique=True)
    outcome = models.JSONField(help_text="What became of each line.")
    paid = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField()
    returned = models.PositiveIntegerField()
    conflicts = models.PositiveIntegerField(
        db_default=0, help_text="Lines that do not go with what is known here: nothing was booked, somebody looks."
    )
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "bank's answer"
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return self.name


class Reconciliation(models.Model):
    """One proof of the whole ledger. While the latest found anything, no payout goes on."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    checked = models.JSONField(help_text="Per identity: how many rows it looked at, and how many were off.")
    differences = models.PositiveBigIntegerField()
    findings = models.JSONField(default=list, help_text="The first hundred.")

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"Reconciliation of {self.started_at:%Y-%m-%d %H:%M}"
