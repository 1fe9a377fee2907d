"""Rules by which the house approves records without a person looking at each."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from payouts.models.runs import HouseQuerySet


@audited()
class ApprovalRule(models.Model):
    """Records of less than an amount are approved where the payee is in good standing: active, not on hold, without an
    open dispute, and payee for long enough. It is ended, never changed: who looks later finds what applied when."""

    currency = models.CharField(max_length=3)
    below = models.DecimalField(max_digits=14, decimal_places=2, help_text="A record's commission is less than this.")
    days_as_payee = models.PositiveIntegerField(
        default=90, help_text="Since the payee was added, at least. For newer ones a person approves."
    )
    note = models.CharField(max_length=500, help_text="Why, for whoever looks at it later.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["currency"], name="one_rule_a_currency", condition=Q(ended_at=None)),
            models.CheckConstraint(name="rule_of_an_amount", condition=Q(below__gt=0)),
            models.CheckConstraint(name="rule_says_why", condition=~Q(note="")),
            models.CheckConstraint(
                name="rule_ended_by_somebody",
                condition=Q(ended_at=None, ended_by=None) | Q(ended_at__gte=F("created_at"), ended_by__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="ended_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.ended_at IS NOT NULL
                        OR to_jsonb(OLD) - '{ended_at,ended_by_id}'::text[]
                            <> to_jsonb(NEW) - '{ended_at,ended_by_id}'::text[]
                    THEN
                        RAISE EXCEPTION 'A rule is ended once, and nothing else of it changes'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'rule_ended_once';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self):
        return f"Below {self.below} {self.currency}"
