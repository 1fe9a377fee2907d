"""Who can earn: partners and brokers, known by the ids that the platform gave them; and the keys of programs."""

import datetime as dt

import uuid_utils.compat
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Length, Now, Upper
from django.utils import timezone

from attribution_site.audit.tracking import audited

models.CharField.register_lookup(Length)

opaque_id = RegexValidator(r"^[^\x00-\x1f\x7f]{1,64}\Z", "Give 1 to 64 printable characters.")


def uuid7():
    """A new time-ordered id (UUID version 7)."""
    return uuid_utils.compat.uuid7()


def payee_of(user):
    """The partner or broker that the asker is bound to, by kind and id: ("partner", "partner-abc"). None: to nobody."""
    return getattr(user, "payee", None)


class PayeeQuerySet(models.QuerySet):
    def active(self):
        return self.filter(status=Payee.Status.ACTIVE)

    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, itself. A user we cannot place sees nothing."""
        name = self.model._meta.model_name
        if not user.has_perm(f"partners.view_{name}"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(pk=payee.id) if payee.kind == name else self.none()


class Payee(models.Model):
    """What a partner and a broker have in common. Records name a payee by its kind and id."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    id = models.CharField(primary_key=True, max_length=64, validators=[opaque_id])
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    contact_name = models.CharField(max_length=200, blank=True)
    contact_email = models.EmailField(blank=True)
    contact_phone = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PayeeQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], name="%(class)s_by_name"),
            # For people, who write the beginning of a name, and its letters large or small.
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="%(class)s_by_beginning"),
        ]
        constraints = [
            models.CheckConstraint(
                name="%(class)s_status_known",
                condition=models.Q(status__in=["active", "suspended", "closed"]),
            ),
            models.CheckConstraint(name="%(class)s_id_not_blank", condition=models.Q(id__length__gte=1)),
        ]

    def __str__(self):
        return self.name


@audited(exclude=["updated_at"])
class Partner(Payee):
    pass


@audited(exclude=["updated_at"])
class Broker(Payee):
    pass


class Scope(models.TextChoices):
    """What a key may do. `attribution_site/roles.py` says which permissions each stands for."""

    INGEST = "ingest", "Send touchpoints and conversions; read nothing"
    READ = "read", "Read everything"
    PARTNER = "partner", "What a partner or broker may do with its own"
    TOUCHPOINTS = "touchpoints:write", "Create, change and delete touchpoints"
    CONVERSIONS = "conversions:write", "Create, change and reverse conversions"
    ATTRIBUTION = "attribution:write", "Start calculations and comparisons"
    RECORDS = "records:write", "Approve records and change their payee"
    PARTNERS = "partners:write", "Create and change partners and brokers"
    SPEND = "spend:write", "Report spend"
    CONFIGURATIONS = "configurations:write", "Create configurations and trainings"
    WEBHOOKS = "webhooks:write", "Create and change webhooks"
    DISPUTES = "disputes:write", "File and decide disputes"


# A key that ends within this time is told of as expiring.
SOON = dt.timedelta(days=14)
# What a key of a partner or broker can have.
BOUND_SCOPES = (Scope.PARTNER, Scope.INGEST)


class ApiKeyQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, its own. A user we cannot place sees nothing."""
        if not user.has_perm("partners.view_apikey"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(**{f"{payee.kind}_id": payee.id})

    def usable(self):
        """Keys that open something now. Those of a closed partner or broker don't."""
        closed = Q(partner__status=Payee.Status.CLOSED) | Q(broker__status=Payee.Status.CLOSED)
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), ~closed, revoked_at=None)

    def with_state(self):
        """Annotate `state`. Of all five, only active and expiring keys work."""
        now = timezone.now()
        over, replaced = Q(expires_at__lte=now), Q(replaced_by__isnull=False)
        return self.annotate(
            state=Case(
                When(revoked_at__isnull=False, then=Value(ApiKey.State.REVOKED)),
                When(over & replaced, then=Value(ApiKey.State.REPLACED)),
                When(over, then=Value(ApiKey.State.EXPIRED)),
                When(replaced | Q(expires_at__lte=now + SOON), then=Value(ApiKey.State.EXPIRING)),
                default=Value(ApiKey.State.ACTIVE),
            )
        )


@audited(exclude=["digest", "last_used_at"])
class ApiKey(models.Model):
    """A program's key. The key itself is shown once and not kept: only its SHA-256, which needs no slow hash, as
    the key is 256 random bits."""

    class State(models.TextChoices):
        """What `with_state` tells of a key, at the moment that it is asked."""

        ACTIVE = "active"
        EXPIRING = "expiring"
        EXPIRED = "expired"
        REVOKED = "revoked"
        REPLACED = "replaced"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, help_text="What uses it: a program, a site.")
    prefix = models.CharField(max_length=16, editable=False, help_text="How the key begins.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, blank=True, related_name="keys")
    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, null=True, blank=True, related_name="keys")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, editable=False)
    replaced_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="replaces"
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(name="apikey_has_scopes", condition=Q(scopes__len__gte=1)),
            models.CheckConstraint(name="apikey_of_one_payee", condition=Q(partner=None) | Q(broker=None)),
            models.CheckConstraint(
                name="apikey_bound_scopes",
                condition=(Q(partner=None, broker=None) & ~Q(scopes__contains=["partner"]))
                | (~Q(partner=None, broker=None) & Q(scopes__contained_by=["partner", "ingest"])),
            ),
        ]

    def __str__(self):
        return f"{self.name} ({self.prefix}…)"

    @property
    def payee(self):
        """Kind and id of the partner or broker that it is bound to; None for a key of the house."""
        bound = (("partner", self.partner_id), ("broker", self.broker_id))
        return next(((kind, pk) for kind, pk in bound if pk), None)


# Of this app too, in a package of their own; they name partners and brokers, so they come last.
from partners.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage  # noqa: E402, F401
