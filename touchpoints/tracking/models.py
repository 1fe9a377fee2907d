"""Sites with the tracker, links that count their clicks, and which lead a visitor turned out to be."""

import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.http.request import validate_host

from partners.models import Broker, Partner, opaque_id
from touchpoints.models import Channel
from touchpoints.tracking.classification import host_of

VISITOR = RegexValidator(r"^[0-9a-f]{32}\Z", "Give 32 hexadecimal digits, in lower case.")
CODE = RegexValidator(r"^[A-Za-z0-9_-]{3,40}\Z", "Give 3 to 40 letters, digits, hyphens or underscores.")
ORIGIN = RegexValidator(
    r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?\Z", "Give scheme and host, such as https://www.example.com, nothing behind."
)
# What stands at these addresses is not a link.
RESERVED_CODES = frozenset({"collect"})


def new_code():
    return secrets.token_hex(5)


def new_secret():
    return secrets.token_hex(16)


def not_reserved(code):
    if code in RESERVED_CODES:
        raise ValidationError("This code is taken by the system.", code="reserved")


def no_loop(url):
    """A link that leads to a link of ours may lead back to itself."""
    _, _, path = url.partition("://")[2].partition("/")
    if path.startswith("t/") and validate_host(host_of(url), settings.ALLOWED_HOSTS):
        raise ValidationError("A link cannot lead to another link.", code="loop")


class OfPayee(models.Model):
    """Whose the touches are that come in here."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


class TrackedSite(OfPayee):
    code = models.CharField(
        primary_key=True,
        max_length=40,
        default=new_code,
        validators=[CODE],
        help_text="Stands in the script tag, for all to read. It lets touches in and nothing out.",
    )
    name = models.CharField(max_length=100)
    origins = ArrayField(
        models.CharField(max_length=200, validators=[ORIGIN]),
        help_text="Where its pages are, with commas between: https://www.example.com, https://shop.example.com",
    )

    objects = models.Manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "site"
        constraints = [models.CheckConstraint(name="site_has_origins", condition=Q(origins__len__gte=1))]

    def __str__(self):
        return self.name

    @property
    def hosts(self):
        return {host_of(origin) for origin in self.origins}


class TrackingLink(OfPayee):
    code = models.CharField(
        primary_key=True,
        max_length=40,
        default=new_code,
        validators=[CODE, not_reserved],
        help_text="Stands behind /t/ in its address.",
    )
    name = models.CharField(max_length=100)
    target_url = models.CharField(
        "leads to", max_length=2000, validators=[URLValidator(schemes=["http", "https"]), no_loop]
    )
    channel = models.CharField(max_length=32, choices=Channel)
    source = models.CharField(max_length=255, null=True, blank=True)
    medium = models.CharField(max_length=255, null=True, blank=True)
    campaign = models.CharField(max_length=255, null=True, blank=True)
    content = models.CharField(max_length=255, null=True, blank=True)
    term = models.CharField(max_length=255, null=True, blank=True)
    referral_code = models.CharField(max_length=64, null=True, blank=True)
    opens_are_touches = models.BooleanField(
        default=False, help_text="Whether the pixel's openings are touches of a lead or visitor that it names."
    )
    secret = models.CharField(
        max_length=32,
        default=new_secret,
        editable=False,
        help_text="Signs the lead ids that e-mails put into the link: HMAC-SHA256, in hexadecimal.",
    )

    objects = models.Manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "link"
        constraints = [
            models.CheckConstraint(name="link_channel_known", condition=Q(channel__in=Channel.values)),
            # What is clicked is sent on: nothing but a web page may ever stand here.
            models.CheckConstraint(name="link_leads_to_the_web", condition=Q(target_url__regex=r"^https?://[^\s\\]+$")),
        ]

    def __str__(self):
        return self.name


class LinkDay(models.Model):
    """How often a link was clicked, and its pixel opened, on one day."""

    pk = models.CompositePrimaryKey("link_id", "day")
    link = models.ForeignKey(TrackingLink, on_delete=models.CASCADE, related_name="days")
    day = models.DateField(help_text="Of UTC.")
    clicks = models.BigIntegerField(default=0)
    opens = models.BigIntegerField(default=0)

    objects = models.Manager()

    def __str__(self):
        return f"{self.link_id} on {self.day}"


class Identity(models.Model):
    """The lead that a visitor turned out to be. It is said once."""

    visitor_id = models.CharField(primary_key=True, max_length=32, validators=[VISITOR])
    lead_id = models.CharField(max_length=64, validators=[opaque_id])
    identified_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = models.Manager()

    class Meta:
        verbose_name_plural = "identities"
        indexes = [models.Index(fields=["lead_id"], name="identity_by_lead")]

    def __str__(self):
        return f"Visitor {self.visitor_id} is {self.lead_id}"
