"""What leads became: quotes, policies, renewals, and what they are worth."""

from decimal import Decimal

import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, Subquery, Sum, Value, When
from django.utils import timezone

from attribution_site.audit.tracking import audited
from conversions import currencies
from partners.models import opaque_id
from touchpoints.models import EARLIEST, converted_within, sane_time, uuid7

# The longest that CONVERTED_WITHIN_DAYS may be.
MOST_DAYS_TO_CONVERT = 366
# The days whose touches a conversion, new or moved, may have made converting ones.
CHANGED_DAYS = f"""
    INSERT INTO touchpoints_changedday (day)
    SELECT DISTINCT (t.timestamp AT TIME ZONE 'UTC')::date FROM ({{moved}}) c JOIN touchpoints_touchpoint t
        ON t.lead_id = c.lead_id AND t.timestamp <= c.occurred_at
        AND t.timestamp >= c.occurred_at - make_interval(hours => {24 * MOST_DAYS_TO_CONVERT});
    RETURN NULL;"""


# What records are made from. Where it changes, the lead is noted as one with late touches is: it is calculated again.
WORTH = "id, lead_id, type, value, currency, commission_amount, occurred_at"


def _changed_days(operation, moved, **tables):
    return pgtrigger.Trigger(
        name=f"changed_days_{str(operation).lower()}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),
        func=CHANGED_DAYS.format(moved=moved),
    )


# Once reversed, what its reversals took their part of stays.
REVERSED_STAYS = """
    RAISE EXCEPTION 'Conversion % is reversed, its value, currency, commission and time cannot change', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_reversed';"""
# What is reversed of a conversion is the sum of its reversals, whoever writes.
REVERSED_BY_ROWS = """
    RAISE EXCEPTION 'Conversion % is reversed by a row of its own, not by changing what is reversed', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_reversed_by_rows';"""
REVERSE = """
    UPDATE conversions_conversion
    SET reversed_amount = reversed_amount + NEW.amount,
        reversed_commission = reversed_commission + NEW.commission_amount,
        updated_at = clock_timestamp()
    WHERE id = NEW.conversion_id AND occurred_at <= NEW.occurred_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Conversion % did not occur before this reversal of it', NEW.conversion_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_after_conversion';
    END IF;
    RETURN NULL;"""

# Leads fall into this many buckets by hash; a batch run's shard is a range of them.
LEAD_BUCKETS = 4096


def default_currency():
    return settings.DEFAULT_CURRENCY


class LeadBucket(models.Func):
    """The hash bucket of a lead, 0 to 4095. Written once here, so that the index and its queries agree."""

    template = f"(hashtextextended(%(expressions)s, 0) & {LEAD_BUCKETS - 1})"
    output_field = models.BigIntegerField()
    arity = 1


# By this very condition an index finds them.
REVERSED = Q(reversed_amount__gt=0) | Q(reversed_commission__gt=0)


class ConversionQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read. A user we cannot place sees nothing."""
        return self if user.has_perm("conversions.view_conversion") else self.none()

    def with_bucket(self):
        return self.annotate(bucket=LeadBucket("lead_id"))

    def reversed(self, is_reversed=True):
        """Those of which something was taken back, or nothing."""
        return self.filter(REVERSED if is_reversed else ~REVERSED)


# As with touches, what comes in is not tracked, which may be millions: the row itself says when it came.
@audited(exclude=["updated_at"], inserts=False, searched=["lead_id"])
class Conversion(models.Model):
    class Type(models.TextChoices):
        SALE = "sale"
        SIGNUP = "signup"
        QUOTE_REQUEST = "quote_request"
        POLICY_BOUND = "policy_bound"
        RENEWAL = "renewal"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    external_id = models.CharField(max_length=64, unique=True, null=True, blank=True, validators=[opaque_id])
    lead_id = models.CharField(max_length=64, validators=[opaque_id])
    type = models.CharField(max_length=32, choices=Type)
    value = models.DecimalField(max_digits=14, decimal_places=2, validators=[MinValueValidator(Decimal(0))])
    currency = models.CharField(
        max_length=3, default=default_currency, validators=[RegexValidator(r"^[A-Z]{3}\Z"), currencies.known]
    )
    policy_id = models.CharField(max_length=64, null=True, blank=True, validators=[opaque_id])
    policy_number = models.CharField(max_length=64, null=True, blank=True)
    commission_rate = models.DecimalField(
        max_digits=7,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))],
    )
    commission_amount = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    occurred_at = models.DateTimeField(default=timezone.now, validators=[sane_time])
    reversed_amount = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        default=Decimal("0.00"),
        db_default=Decimal("0.00"),
        editable=False,
        help_text="Of the value: what its reversals took. The database adds it up.",
    )
    reversed_commission = models.DecimalField(
        max_digits=14, decimal_places=2, default=Decimal("0.00"), db_default=Decimal("0.00"), editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConversionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["lead_id", "occurred_at"], name="conversion_by_lead"),
            models.Index(fields=["occurred_at", "id"], name="conversion_by_time"),
            models.Index(LeadBucket("lead_id"), "occurred_at", name="conversion_by_bucket"),
            models.Index(
                fields=["policy_number"],
                name="conversion_by_policy_number",
                condition=models.Q(policy_number__isnull=False),
            ),
            models.Index(
                fields=["policy_id"],
                name="conversion_by_policy",
                condition=models.Q(policy_id__isnull=False),
            ),
            models.Index(fields=["occurred_at", "id"], name="conversion_reversed", condition=REVERSED),
            models.Index(fields=["value", "id"], name="conversion_by_value"),
        ]
        constraints = [
            models.CheckConstraint(name="conversion_lead_not_blank", condition=~models.Q(lead_id="")),
            models.CheckConstraint(
                name="conversion_type_known",
                condition=models.Q(type__in=["sale", "signup", "quote_request", "policy_bound", "renewal"]),
            ),
            models.CheckConstraint(name="conversion_value_not_negative", condition=models.Q(value__gte=0)),
            models.CheckConstraint(
                name="conversion_rate_is_a_share",
                condition=models.Q(commission_rate__isnull=True) | models.Q(commission_rate__range=(0, 1)),
            ),
            models.CheckConstraint(
                name="conversion_commission_not_negative",
                condition=models.Q(commission_amount__isnull=True) | models.Q(commission_amount__gte=0),
            ),
            models.CheckConstraint(name="conversion_currency_code", condition=models.Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(name="conversion_time_sane", condition=models.Q(occurred_at__gte=EARLIEST)),
            models.CheckConstraint(
                name="conversion_reversed_within_value", condition=Q(reversed_amount__range=(0, F("value")))
            ),
            models.CheckConstraint(
                name="conversion_reversed_within_commission",
                condition=Q(reversed_commission=0) | Q(reversed_commission__range=(0, F("commission_amount"))),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="reversed_stays",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "((OLD.reversed_amount > 0 OR OLD.reversed_commission > 0) AND"
                    " (OLD.value, OLD.currency, OLD.commission_rate, OLD.commission_amount, OLD.occurred_at)"
                    " IS DISTINCT FROM"
                    " (NEW.value, NEW.currency, NEW.commission_rate, NEW.commission_amount, NEW.occurred_at))"
                ),
                func=REVERSED_STAYS,
            ),
            pgtrigger.Trigger(
                name="reversed_by_rows",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "((OLD.reversed_amount, OLD.reversed_commission) IS DISTINCT FROM"
                    " (NEW.reversed_amount, NEW.reversed_commission) AND pg_trigger_depth() = 0)"
                ),
                func=REVERSED_BY_ROWS,
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="note_late",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(new="added", old="removed"),
                func=f"""
                    INSERT INTO touchpoints_latelead (lead_id)
                    SELECT DISTINCT lead_id FROM (
                        (SELECT {WORTH} FROM added EXCEPT SELECT {WORTH} FROM removed)
                        UNION ALL (SELECT {WORTH} FROM removed EXCEPT SELECT {WORTH} FROM added)
                    ) changed;
                    RETURN NULL;
                """,
            ),
            _changed_days(pgtrigger.Insert, "SELECT lead_id, occurred_at FROM added", new="added"),
            _changed_days(
                pgtrigger.Update,
                """(SELECT lead_id, occurred_at FROM added EXCEPT SELECT lead_id, occurred_at FROM removed) UNION
                   (SELECT lead_id, occurred_at FROM removed EXCEPT SELECT lead_id, occurred_at FROM added)""",
                new="added",
                old="removed",
            ),
        ]

    def __str__(self):
        return f"{self.get_type_display()} of {self.value} {self.currency} by {self.lead_id}"

    @property
    def remaining_value(self):
        return self.value - self.reversed_amount

    @property
    def remaining_commission(self):
        return None if self.commission_amount is None else self.commission_amount - self.reversed_commission

    @property
    def is_reversed(self):
        return self.reversed_amount > 0 or self.reversed_commission > 0


@audited()
class Reversal(models.Model):
    """What was taken back of a conversion: cancelled, lapsed, refunded. Never changed; what turns out wrong about one
    is put right by a conversion of its own."""

    class Reason(models.TextChoices):
        CANCELLATION = "cancellation"
        LAPSE = "lapse"
        REFUND = "refund"
        FRAUD = "fraud"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversion = models.ForeignKey(Conversion, on_delete=models.PROTECT, related_name="reversals")
    reason = models.CharField(max_length=16, choices=Reason)
    note = models.CharField(max_length=1000, null=True, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, help_text="Of the conversion's value.")
    commission_amount = models.DecimalField(
        max_digits=14, decimal_places=2, help_text="What that takes from its commission."
    )
    occurred_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = models.Manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="reversal_reason_known", condition=Q(reason__in=["cancellation", "lapse", "refund", "fraud"])
            ),
            models.CheckConstraint(
                name="reversal_takes_something",
                condition=Q(amount__gte=0, commission_amount__gte=0) & (Q(amount__gt=0) | Q(commission_amount__gt=0)),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(name="reverse", operation=pgtrigger.Insert, when=pgtrigger.After, func=REVERSE),
        ]

    def __str__(self):
        return f"{self.get_reason_display()} of {self.amount}"


def with_conversion(touchpoints, *, told_before=False):
    """Adds to touchpoints what their leads became within the time that still counts: when first, for how much, less
    what was reversed, in which currency. Of conversions in several currencies there is no sum: both are null then.

    `told_before`: only for touches that we were told of before the conversion was. A partner that sends a touch
    afterwards learns nothing by it."""
    within = Conversion.objects.filter(
        lead_id=OuterRef("lead_id"),
        occurred_at__gte=OuterRef("timestamp"),
        occurred_at__lte=OuterRef("timestamp") + Value(converted_within()),
    )
    if told_before:
        within = within.filter(created_at__gte=OuterRef("received_at"))
    # Grouping by nothing makes one row of all, and no row of none.
    together = (
        within.order_by()
        .values(nothing=Value(1, models.IntegerField()))
        .annotate(
            first=Min("occurred_at"),
            total=Sum(F("value") - F("reversed_amount")),
            code=Min("currency"),
            codes=Count("currency", distinct=True),
        )
    )
    of_one_currency = together.filter(codes=1)
    return touchpoints.annotate(
        conversion_timestamp=Subquery(together.values("first")),
        conversion_value=Subquery(of_one_currency.values("total")),
        conversion_currency=Subquery(of_one_currency.values("code")),
        # A condition that needs none of the sums; inside a CASE, so that a filter by it walks along the list's order
        # until a page is full, and does not join the whole table first.
        converted=Case(When(Exists(within), then=True), default=False),
    )


# Enough that a page of touches that converted is full before; few enough to be looked up in an instant.
LATEST = 20_000


def converted_only(touchpoints, *, latest=LATEST):
    """Of touchpoints `with_conversion`, those that converted.

    The youngest touches have mostly not converted yet, and a list begins with them. A touch after the first of the
    latest conversions can only be followed by one of those: whether its lead is among theirs is asked of a hash, and an
    index of all conversions only if it is."""
    youngest = Conversion.objects.order_by("-occurred_at", "-id")
    since = Subquery(youngest.values("occurred_at")[latest - 1 : latest])
    may_have = Q(timestamp__lte=since) | Q(lead_id__in=youngest.values("lead_id")[:latest])
    return touchpoints.filter(may_have, converted=True)


class DailyTouches(models.Model):
    """How many touches of one key there were on one day, and how many of them a conversion of their lead followed
    within `within_days`; unless the day is a `touchpoints.ChangedDay`."""

    day = models.DateField(help_text="Of UTC.")
    channel = models.CharField(max_length=32)
    campaign = models.CharField(max_length=255, null=True)
    partner_id = models.CharField(max_length=64, null=True)
    broker_id = models.CharField(max_length=64, null=True)
    touches = models.BigIntegerField()
    converting = models.BigIntegerField()
    within_days = models.PositiveIntegerField()

    objects = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["day"], name="daily_touches_by_day")]

    def __str__(self):
        return f"{self.day} {self.channel}"
