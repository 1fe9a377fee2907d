"""Reports that were asked for, kept as they were answered; and what was spent to bring the touches about."""

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from attribution_site.audit.tracking import audited
from conversions import currencies
from conversions.models import default_currency
from partners.models import opaque_id, payee_of
from touchpoints.models import Channel, uuid7


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


class SpendQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: none for partners and brokers. A user we cannot place sees nothing."""
        return self if user.has_perm("reports.view_spend") and payee_of(user) is None else self.none()


@audited(exclude=["updated_at"])
class Spend(models.Model):
    """What one day of a channel cost: in all, or for one campaign or partner. The newest word on it is kept."""

    # What the row is about. Its id follows from it, so that the same row sent twice is one row.
    KEY = ("day", "channel", "campaign", "partner_id", "currency")

    id = models.UUIDField(primary_key=True, editable=False)
    day = models.DateField(help_text="Of UTC.")
    channel = models.CharField(max_length=32, choices=Channel)
    campaign = models.CharField(max_length=255, null=True, blank=True)
    partner_id = models.CharField(max_length=64, null=True, blank=True, validators=[opaque_id])
    currency = models.CharField(
        max_length=3, default=default_currency, validators=[RegexValidator(r"^[A-Z]{3}\Z"), currencies.known]
    )
    amount = models.DecimalField(max_digits=14, decimal_places=2, validators=[MinValueValidator(0)])
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SpendQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "spend"
        ordering = ["-day", "channel", "id"]
        constraints = [
            # A report reads it by its first column.
            models.UniqueConstraint(
                fields=["day", "channel", "campaign", "partner_id", "currency"],
                name="spend_told_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="spend_not_negative", condition=models.Q(amount__gte=0)),
            models.CheckConstraint(name="spend_channel_known", condition=models.Q(channel__in=Channel.values)),
            models.CheckConstraint(name="spend_currency_code", condition=models.Q(currency__regex="^[A-Z]{3}$")),
        ]

    def __str__(self):
        return f"{self.amount} {self.currency} for {self.get_channel_display()} on {self.day}"
