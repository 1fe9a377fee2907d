"""What is agreed with payees: for one of them, for a group, or for all; and who is in which group when."""

import datetime as dt
from decimal import Decimal
from functools import cached_property

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from partners.models import payee_of, uuid7
from payouts.models.entries import Payee
from payouts.models.payouts import Payout
from payouts.models.runs import HouseQuerySet
from payouts.terms import tiers as tier_rules
from payouts.terms.snapshot import TermsSnapshot

PAYEES = [(Payee.PARTNER.value, Payee.PARTNER.label), (Payee.BROKER.value, Payee.BROKER.label)]
# Who books holds it shared, who changes what is agreed alone: no entry is made by terms that end at that moment.
LOCK = "hashtext('payouts.terms')"
# The last day by which terms were chosen for an entry. A renewal sold under them names the day of the sale.
LAST_USE = "max(COALESCE((working ->> 'sold_on')::date, earned_on))"


def _no_overlap(table, scope, constraint, noun):
    """No two rows of one scope have a day in common; both ends count. By trigger, as an exclusion constraint on text
    needs an extension that not every server has. The lock makes the second of two at once look after the first."""
    mine, theirs = (", ".join(f"{side}.{column}" for column in scope) for side in ("NEW", "t"))
    return pgtrigger.Trigger(
        name="no_overlap",
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.Before,
        func=f"""
            PERFORM pg_advisory_xact_lock({LOCK});
            IF EXISTS (
                SELECT FROM {table} t
                WHERE t.id <> NEW.id AND ({theirs}) IS NOT DISTINCT FROM ({mine})
                    AND t.starts_on <= COALESCE(NEW.ends_on, 'infinity')
                    AND NEW.starts_on <= COALESCE(t.ends_on, 'infinity')
            ) THEN
                RAISE EXCEPTION '{noun} overlap others of that time'
                    USING ERRCODE = 'check_violation', CONSTRAINT = '{constraint}';
            END IF;
            RETURN NEW;
        """,
    )


@audited()
class PayeeGroup(models.Model):
    """Payees with whom the same is agreed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(name="payeegroup_has_a_name", condition=~Q(name=""))]

    def __str__(self):
        return self.name


class WithinPeriod(models.QuerySet):
    def on(self, day):
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=day), starts_on__lte=day)

    def sharing_a_day(self, starts_on, ends_on):
        after = self.filter(Q(ends_on=None) | Q(ends_on__gte=starts_on))
        return after if ends_on is None else after.filter(starts_on__lte=ends_on)


@audited()
class GroupMembership(models.Model):
    """When a payee is in a group: in one at most at a time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    group = models.ForeignKey(PayeeGroup, on_delete=models.PROTECT, related_name="memberships")
    payee_type = models.CharField(max_length=8, choices=PAYEES)
    payee_id = models.CharField(max_length=64)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="The last day. Empty: it goes on.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = WithinPeriod.as_manager()

    class Meta:
        ordering = ["payee_type", "payee_id", "starts_on"]
        indexes = [models.Index(fields=["payee_type", "payee_id", "starts_on"], name="membership_by_payee")]
        constraints = [
            models.CheckConstraint(
                name="membership_of_a_payee", condition=Q(payee_type__in=["partner", "broker"]) & ~Q(payee_id="")
            ),
            models.CheckConstraint(
                name="membership_period", condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on"))
            ),
        ]
        triggers = [
            _no_overlap("payouts_groupmembership", ["payee_type", "payee_id"], "one_group_at_a_time", "Memberships"),
        ]

    def __str__(self):
        return f"{self.payee_type} {self.payee_id} in {self.group}"


class TermsQuerySet(WithinPeriod):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, what applies to it, now or once. A user we cannot place sees
        nothing."""
        if not user.has_perm("payouts.view_terms"):
            return self.none()
        payee = payee_of(user)
        if payee is None:
            return self
        member = GroupMembership.objects.filter(group=OuterRef("group"), payee_type=payee.kind, payee_id=payee.id)
        return self.filter(
            Q(payee_type=payee.kind, payee_id=payee.id) | Q(payee_type=None, group=None) | Exists(member)
        )

    def of_scope(self, *, payee_type=None, payee_id=None, group=None):
        return self.filter(payee_type=payee_type, payee_id=payee_id, group=group)


class Scope(models.TextChoices):
    """Whom terms are for: the narrowest that there is applies."""

    ACCOUNT = "account", "One payee"
    GROUP = "group", "A group"
    DEFAULT = "default", "Everybody else"


def _percent(null=False, **kwargs):
    return models.DecimalField(max_digits=7, decimal_places=4, null=null, blank=null, **kwargs)


def _amount(help_text):
    return models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True, help_text=help_text)


PERCENT = (0, 100)
AMOUNTS = ("cap_conversion", "cap_day", "cap_month", "minimum_payout")


@audited()
class Terms(models.Model):
    """What a payee earns of its share of a commission, and how it is paid. Of one scope and currency no two have a day
    in common. Once an entry was made by them, only the day that they end can be set."""

    Method, Scope = Payout.Method, Scope

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payee_type = models.CharField(max_length=8, choices=PAYEES, null=True, blank=True)
    payee_id = models.CharField(max_length=64, null=True, blank=True)
    group = models.ForeignKey(PayeeGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="terms")
    currency = models.CharField(max_length=3, null=True, blank=True, help_text="Empty: any.")
    starts_on = models.DateField(help_text="For conversions from this day on, UTC.")
    ends_on = models.DateField(null=True, blank=True, help_text="The last day. Empty: they go on.")
    rate = _percent(default=Decimal(100), help_text="Percent of the payee's share of the commission.")
    tiers = models.JSONField(
        default=list, blank=True, help_text="By the month's volume, in place of the rate: [{from, to, rate}]."
    )
    flats = models.JSONField(default=dict, blank=True, help_text="By conversion type, beside the rate.")
    renewal_rate = _percent(null=True, help_text="Of renewals. Empty: as other conversions.")
    renewals_as_sold = models.BooleanField(
        default=False, help_text="Renewals follow the terms that were in effect when the policy was first sold."
    )
    cap_conversion = _amount("Most for one conversion.")
    cap_day = _amount("Most for one day.")
    cap_month = _amount("Most for one calendar month.")
    hold_days = models.PositiveSmallIntegerField(default=0, help_text="After the conversion, before it is approved.")
    minimum_payout = _amount("Less than this waits for the next payout.")
    recovery_cap = _percent(null=True, help_text="Most of a payout that may be taken back at once. Empty: all.")
    earn_out_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of a policy that lapses, only the months not yet run are taken back."
    )
    payment_method = models.CharField(max_length=8, choices=Payout.Method, default=Payout.Method.MANUAL)
    note = models.CharField(max_length=500, blank=True, default="", help_text="For the house: why, which contract.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = TermsQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_on", "-id"]
        verbose_name = verbose_name_plural = "terms"
        indexes = [
            models.Index(fields=["payee_type", "payee_id", "starts_on"], name="terms_by_payee"),
            models.Index(fields=["group", "starts_on"], name="terms_by_group"),
        ]
        constraints = [
            models.CheckConstraint(
                name="terms_of_one_scope",
                condition=Q(payee_type=None, payee_id=None)
                | (Q(payee_type__in=["partner", "broker"], group=None, payee_id__isnull=False) & ~Q(payee_id="")),
            ),
            models.CheckConstraint(name="terms_period", condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on"))),
            models.CheckConstraint(
                name="terms_percentages",
                condition=Q(rate__range=PERCENT)
                & (Q(renewal_rate=None) | Q(renewal_rate__range=PERCENT))
                & (Q(recovery_cap=None) | Q(recovery_cap__range=PERCENT)),
            ),
            models.CheckConstraint(
                name="terms_amounts_not_negative",
                condition=Q(*(Q(**{name: None}) | Q(**{f"{name}__gte": 0}) for name in AMOUNTS)),
            ),
            models.CheckConstraint(
                name="terms_amounts_have_a_currency",
                condition=Q(currency__isnull=False) | Q(tiers=[], flats={}, **dict.fromkeys(AMOUNTS)),
            ),
            models.CheckConstraint(
                name="terms_earn_out", condition=Q(earn_out_months=None) | Q(earn_out_months__gte=1)
            ),
            models.CheckConstraint(
                name="terms_method_known", condition=Q(payment_method__in=["ach", "sepa", "manual"])
            ),
        ]
        triggers = [
            _no_overlap(
                "payouts_terms", ["payee_type", "payee_id", "group_id", "currency"], "terms_do_not_overlap", "Terms"
            ),
            pgtrigger.Trigger(
                name="used_stay",
                operation=pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.Before,
                declare=[("last_use", "date")],
                func=f"""
                    PERFORM pg_advisory_xact_lock({LOCK});
                    SELECT {LAST_USE} INTO last_use FROM payouts_entry WHERE terms_id = OLD.id;
                    IF last_use IS NULL THEN
                        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
                    END IF;
                    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - 'ends_on' <> to_jsonb(NEW) - 'ends_on'
                        OR NEW.ends_on < last_use
                    THEN
                        RAISE EXCEPTION 'These terms were used up to %; they can end then or later, no more', last_use
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'terms_were_used';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self):
        until = f" until {self.ends_on}" if self.ends_on else ""
        return f"Terms of {self.whom} from {self.starts_on}{until}"

    @classmethod
    def built_in(cls):
        """Where nothing was agreed: the whole share, at once, without limits."""
        return cls(id=None, starts_on=dt.date.min)

    @property
    def scope(self):
        return Scope.ACCOUNT if self.payee_type else Scope.GROUP if self.group_id else Scope.DEFAULT

    @property
    def whom(self):
        if self.payee_type:
            return f"{self.payee_type} {self.payee_id}"
        return f"the group {self.group}" if self.group_id else "everybody else"

    def is_in_effect(self, day):
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)

    @cached_property
    def snapshot(self):
        return TermsSnapshot(
            id=str(self.id) if self.id else None,
            tiers=tier_rules.parsed(self.tiers),
            flats={kind: Decimal(amount) for kind, amount in self.flats.items()},
            **{
                name: getattr(self, name)
                for name in (
                    *("rate", "renewal_rate", "renewals_as_sold", "cap_conversion", "cap_day", "cap_month"),
                    "earn_out_months",
                )
            },
        )
