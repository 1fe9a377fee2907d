"""What leads did: one row a touch, partitioned by month of `timestamp`; and the days that changed."""

import datetime as dt

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from attribution_site.audit.tracking import audited
from partners.models import opaque_id, payee_of, uuid7

EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
CLOCK_SKEW = dt.timedelta(days=1)


def sane_time(value):
    """Refuse the times that only a broken clock or a swapped column gives."""
    if value < EARLIEST:
        raise ValidationError("Before 2000-01-01: the clock or the column is wrong.", code="too_early")
    if value > timezone.now() + CLOCK_SKEW:
        raise ValidationError("More than a day in the future.", code="in_the_future")


class Channel(models.TextChoices):
    ORGANIC_SEARCH = "organic_search"
    PAID_SEARCH = "paid_search"
    SOCIAL_MEDIA = "social_media"
    EMAIL = "email"
    DISPLAY_AD = "display_ad"
    REFERRAL = "referral"
    DIRECT = "direct"
    PARTNER_REFERRAL = "partner_referral"
    BROKER_REFERRAL = "broker_referral"
    AFFILIATE = "affiliate"
    WEBINAR = "webinar"
    EVENT = "event"
    PHONE_CALL = "phone_call"
    CHAT = "chat"
    OTHER = "other"


def _changed_days(operation, rows, **tables):
    return pgtrigger.Trigger(
        name=f"changed_days_{str(operation).lower()}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),
        func=f"""INSERT INTO touchpoints_changedday (day)
            SELECT DISTINCT (timestamp AT TIME ZONE 'UTC')::date FROM ({rows}) written; RETURN NULL;""",
    )


class TouchpointQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, its own. A user we cannot place sees nothing."""
        if not user.has_perm("touchpoints.view_touchpoint"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(**{f"{payee.kind}_id": payee.id})

    def in_time_order(self):
        return self.order_by("timestamp", "id")


@audited(inserts=False, may_vanish=True, searched=["lead_id"])
class Touchpoint(models.Model):
    """One touch. The table's key is (id, timestamp), as partitions demand; Django is told of `id` alone,
    which is unique by its making. Partner and broker are ids without a foreign key: rows outlive renames."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lead_id = models.CharField(max_length=64, validators=[opaque_id])
    session_id = models.CharField(max_length=64, null=True, blank=True, validators=[opaque_id])
    channel = models.CharField(max_length=32, choices=Channel)
    source = models.CharField(max_length=255, null=True, blank=True)
    medium = models.CharField(max_length=255, null=True, blank=True)
    campaign = models.CharField(max_length=255, null=True, blank=True)
    content = models.CharField(max_length=255, null=True, blank=True)
    term = models.CharField(max_length=255, null=True, blank=True)
    referral_code = models.CharField(max_length=64, null=True, blank=True)
    partner_id = models.CharField(max_length=64, null=True, blank=True, validators=[opaque_id])
    broker_id = models.CharField(max_length=64, null=True, blank=True, validators=[opaque_id])
    click_ids = models.JSONField(null=True, blank=True)
    timestamp = models.DateTimeField(default=timezone.now, validators=[sane_time])
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    redacted = ArrayField(
        models.CharField(max_length=16),
        null=True,
        blank=True,
        editable=False,
        help_text="The fields in which something looked like an e-mail address, a phone, SSN or card number.",
    )

    objects = TouchpointQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["lead_id", "timestamp", "id"], name="touchpoint_journey"),
            models.Index(fields=["timestamp", "id"], name="touchpoint_by_time"),
            models.Index(
                fields=["session_id", "timestamp"],
                name="touchpoint_by_session",
                condition=models.Q(session_id__isnull=False),
            ),
            models.Index(
                fields=["referral_code", "timestamp"],
                name="touchpoint_by_referral_code",
                condition=models.Q(referral_code__isnull=False),
            ),
            models.Index(
                fields=["partner_id", "timestamp"],
                name="touchpoint_by_partner",
                condition=models.Q(partner_id__isnull=False),
            ),
            models.Index(
                fields=["broker_id", "timestamp"],
                name="touchpoint_by_broker",
                condition=models.Q(broker_id__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="touchpoint_lead_not_blank", condition=~models.Q(lead_id="")),
            models.CheckConstraint(name="touchpoint_channel_known", condition=models.Q(channel__in=Channel.values)),
            models.CheckConstraint(name="touchpoint_time_sane", condition=models.Q(timestamp__gte=EARLIEST)),
        ]
        triggers = [
            _changed_days(pgtrigger.Insert, "SELECT timestamp FROM added", new="added"),
            _changed_days(
                pgtrigger.Update,
                "SELECT timestamp FROM added UNION ALL SELECT timestamp FROM removed",
                new="added",
                old="removed",
            ),
            _changed_days(pgtrigger.Delete, "SELECT timestamp FROM removed", old="removed"),
            pgtrigger.Trigger(
                name="changed_days_truncate",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Truncate,
                func="""INSERT INTO touchpoints_changedday (day)
                    SELECT DISTINCT day FROM conversions_dailytouches; RETURN NULL;""",
            ),
        ]

    def __str__(self):
        return f"{self.get_channel_display()} at {timezone.localtime(self.timestamp):%Y-%m-%d %H:%M} of {self.lead_id}"


class ChangedDay(models.Model):
    """A day of UTC with touches that were written, or converted, since they were counted. It may be noted many times;
    `conversions.daily_touches` counts them again."""

    day = models.DateField()

    objects = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["day"], name="changed_touches_by_day")]

    def __str__(self):
        return str(self.day)


class LateLead(models.Model):
    """A lead of which a touch was written, changed or deleted before a conversion that is stored already. A trigger
    notes it, it may be noted many times; `attribution.operations.late_touches` has its conversions calculated again."""

    lead_id = models.CharField(max_length=64)

    objects = models.Manager()

    def __str__(self):
        return self.lead_id


def converted_within():
    """How long after a touch a conversion still counts as following it."""
    return dt.timedelta(days=settings.CONVERTED_WITHIN_DAYS)


# Django looks for models here. At the end, as they are built of the above.
from touchpoints.tracking.models import Identity, LinkDay, TrackedSite, TrackingLink  # noqa: E402, F401
