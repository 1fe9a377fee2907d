"""Webhooks, the messages that wait for them or were sent, and every attempt at sending one."""

import datetime as dt

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from attribution_site.audit.tracking import audited
from partners.models import Broker, Partner, payee_of, uuid7

HEALTH_OVER = dt.timedelta(hours=24)


class WebhookEndpointQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, its own. A user we cannot place sees nothing."""
        if not user.has_perm("partners.view_webhookendpoint"):
            return self.none()
        payee = payee_of(user)
        kept = self.exclude(status=WebhookEndpoint.Status.DELETED)
        return kept if payee is None else kept.filter(**{f"{payee.kind}_id": payee.id})

    def active(self):
        """Webhooks that are told what happens. Those of a closed partner or broker are not."""
        is_closed = Q(partner__status="closed") | Q(broker__status="closed")
        return self.filter(~is_closed, status=WebhookEndpoint.Status.ACTIVE)

    def of_house(self):
        return self.filter(partner=None, broker=None)

    def with_health(self):
        """Adds how many of the last day's messages were delivered, failed and wait."""
        recent = WebhookMessage.objects.filter(
            endpoint=OuterRef("pk"), created_at__gte=timezone.now() - HEALTH_OVER
        ).order_by()
        counts = {
            status: recent.filter(status=status).values("endpoint").annotate(number=Count("*")).values("number")
            for status in WebhookMessage.Status.values
        }
        return self.annotate(**{status: Coalesce(Subquery(count), 0) for status, count in counts.items()})


@audited(exclude=["secret", "old_secret", "failing_since"])
class WebhookEndpoint(models.Model):
    """Where messages go. One that is deleted stays as a row without its secret: a message may be on its way, and
    whoever publishes must never wait for whoever deletes."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        DISABLED = "disabled"
        DELETED = "deleted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    events = ArrayField(models.CharField(max_length=64))
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, blank=True, related_name="webhooks")
    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, null=True, blank=True, related_name="webhooks")
    secret = models.TextField(editable=False, help_text="Sealed.")
    old_secret = models.TextField(blank=True, editable=False, help_text="Sealed; signs beside the new one for a while.")
    old_secret_until = models.DateTimeField(null=True, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE, editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.CharField(max_length=500, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False, help_text="Nothing has arrived since then.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "webhook"
        constraints = [
            models.CheckConstraint(
                name="webhook_status_known", condition=Q(status__in=["active", "disabled", "deleted"])
            ),
            models.CheckConstraint(name="webhook_has_events", condition=Q(events__len__gte=1)),
            models.CheckConstraint(name="webhook_of_one_payee", condition=Q(partner=None) | Q(broker=None)),
            models.CheckConstraint(
                name="webhook_deleted_has_no_secret",
                condition=Q(status="deleted", secret="", old_secret="") | (~Q(status="deleted") & ~Q(secret="")),
            ),
        ]

    def __str__(self):
        return self.description or self.url

    @property
    def payee(self):
        """Kind and id of whose it is; None: the house's."""
        if self.partner_id:
            return "partner", self.partner_id
        return ("broker", self.broker_id) if self.broker_id else None


class WebhookMessageQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(endpoint__in=WebhookEndpoint.objects.visible_to(user))

    def settled_before(self, moment):
        return self.exclude(status=WebhookMessage.Status.PENDING).filter(created_at__lt=moment)


class WebhookMessage(models.Model):
    """One event for one webhook. Its id is the `webhook-id` of every attempt, by which receivers know repeats."""

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="messages")
    event = models.CharField(max_length=64)
    body = models.TextField(help_text="The very text that is signed and sent.")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Since it was published or replayed.")
    # While it is being sent: when it is taken to be lost, and sent again.
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)

    objects = WebhookMessageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"], name="webhook_message_due", condition=Q(status="pending")
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_message_by_endpoint"),
            models.Index(fields=["endpoint", "created_at", "status"], name="webhook_message_health"),
            models.Index(F("created_at"), name="webhook_message_settled", condition=~Q(status="pending")),
        ]
        constraints = [
            models.CheckConstraint(
                name="webhook_message_status_known", condition=Q(status__in=["pending", "delivered", "failed"])
            ),
            models.CheckConstraint(
                name="webhook_message_pending_has_time",
                condition=(Q(status="pending") & ~Q(next_attempt_at=None))
                | (~Q(status="pending") & Q(next_attempt_at=None)),
            ),
        ]

    def __str__(self):
        return f"{self.event} {self.id}"


class WebhookAttempt(models.Model):
    message = models.ForeignKey(WebhookMessage, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True, help_text="Empty: there was no answer.")
    duration_ms = models.PositiveIntegerField()
    error = models.CharField(max_length=300, blank=True)
    answer = models.TextField(blank=True, help_text="How the answer's body begins.")

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return f"{self.status_code or self.error} at {self.at:%Y-%m-%d %H:%M:%S}"
