"""Payout runs: the payouts of a period, built together, and whom they left out and why."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from partners.models import payee_of, uuid7
from payouts.models.entries import Payee


class HouseQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: the house's, none of a partner's or broker's."""
        return self if user.has_perm("payouts.view_payoutrun") and payee_of(user) is None else self.none()


class PayoutRun(models.Model):
    """One look at all that is open. It is built in slices of payees, each in a transaction of its own that also says
    how far it got: a run that was interrupted goes on behind the last slice."""

    class Status(models.TextChoices):
        BUILDING = "building"
        BUILT = "built"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    period_start = models.DateField(null=True, blank=True)
    period_end = models.DateField()
    until = models.DateTimeField(help_text="Entries booked before this moment are in it.")
    currency = models.CharField(max_length=3, blank=True, default="", help_text="Empty: all.")
    status = models.CharField(max_length=16, choices=Status, default=Status.BUILDING)
    payees_total = models.PositiveIntegerField(default=0)
    payees_done = models.PositiveIntegerField(default=0)
    reached = models.JSONField(null=True, help_text="The last payee and currency that a slice looked at.")
    error = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two that build at once would take each other's entries.
            models.UniqueConstraint(fields=["status"], name="one_run_at_a_time", condition=Q(status="building")),
            models.CheckConstraint(
                name="payoutrun_status_known", condition=Q(status__in=["building", "built", "failed"])
            ),
            models.CheckConstraint(
                name="payoutrun_of_a_period", condition=Q(period_start=None) | Q(period_start__lte=F("period_end"))
            ),
        ]

    def __str__(self):
        return f"Payout run up to {self.period_end}"


class LeftOut(models.Model):
    """What a run did not pay a payee, and why. All of it stays open, for the next run."""

    class Code(models.TextChoices):
        ON_HOLD = "on_hold", "Payments are on hold"
        DISPUTED = "disputed", "Records are disputed"
        UNDER_MINIMUM = "under_minimum", "Under the minimum"
        NEGATIVE = "negative", "The balance is negative"
        INACTIVE = "inactive", "Not active"
        NO_BANK_DETAILS = "no_bank_details", "No confirmed bank details"
        CURRENCY = "currency", "The method does not pay this currency"

    run = models.ForeignKey(PayoutRun, on_delete=models.CASCADE, related_name="left_out")
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=20, choices=Code)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    entries = models.PositiveIntegerField()
    detail = models.CharField(max_length=300, blank=True, default="")

    objects = models.Manager()

    class Meta:
        ordering = ["run", "code", "payee_type", "payee_id", "currency"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "payee_type", "payee_id", "currency", "code"], name="left_out_once_a_reason"
            ),
        ]

    def __str__(self):
        return f"{self.payee_type} {self.payee_id}: {self.get_code_display()}"


@audited()
class Hold(models.Model):
    """Finance pays this payee nothing until it is lifted; what it earns stays open."""

    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(db_default=Now(), editable=False)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["payee_type", "payee_id"], name="one_hold_a_payee", condition=Q(lifted_at__isnull=True)
            ),
        ]

    def __str__(self):
        return f"Hold of {self.payee_type} {self.payee_id}"
