"""What a person decided about the shares of one conversion: the set before and after, line by line."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from attribution.models.configurations import AttributionModel, VisibleToStaff
from attribution.models.records import AttributionRecord
from attribution_site.audit.tracking import audited
from partners.models import uuid7

# Looked at when the transaction ends, whatever wrote in it: the settled set is worth what is left of the conversion,
# and what its payees have gained in all, others have lost.
BALANCED = """
    SELECT sum(part.credit) AS credit, sum(part.revenue) AS revenue, sum(part.commission) AS commission INTO stands
    FROM (
        SELECT credit, revenue_attributed AS revenue, commission_amount AS commission
        FROM attribution_attributionrecord WHERE conversion_id = NEW.conversion_id AND model = NEW.model
        UNION ALL
        SELECT a.credit, a.revenue_amount, a.commission_amount
        FROM attribution_adjustment a JOIN attribution_attributionrecord r ON r.id = a.record_id
        WHERE r.conversion_id = NEW.conversion_id AND r.model = NEW.model
    ) part;
    SELECT sum(revenue_after - revenue_before) AS revenue, sum(commission_after - commission_before) AS commission
        INTO lines
    FROM attribution_settlementline WHERE settlement_id = NEW.id;
    IF (stands.revenue, stands.commission) IS DISTINCT FROM (NEW.revenue, NEW.commission)
        OR abs(stands.credit - 1) > 0.000000001
    THEN
        RAISE EXCEPTION 'A settlement must leave the conversion''s records worth % and %, not % and %',
            NEW.revenue, NEW.commission, stands.revenue, stands.commission
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_balances';
    END IF;
    IF (lines.revenue, lines.commission) IS DISTINCT FROM (0::numeric, 0::numeric) THEN
        RAISE EXCEPTION 'What a settlement gives to some it must take from others'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_is_zero_sum';
    END IF;
    RETURN NULL;
"""
OF_ITS_CONVERSION = """
    IF NOT EXISTS (
        SELECT FROM conversions_conversion c WHERE c.id = NEW.conversion_id AND c.currency = NEW.currency
            AND c.value - c.reversed_amount = NEW.revenue
            AND coalesce(c.commission_amount, 0) - c.reversed_commission = NEW.commission
    ) THEN
        RAISE EXCEPTION 'A settlement shares what is left of its conversion, neither more nor less'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_of_its_conversion';
    END IF;
    RETURN NEW;
"""


@audited(searched=["lead_id"])
class Settlement(models.Model):
    """One balanced change of who has what of a conversion under its payable model. Never changed; what turns out
    wrong is settled anew. `revenue` and `commission` are what there was to share."""

    class Way(models.TextChoices):
        REASSIGN = "reassign", "Give a touch to another payee"
        SPLIT = "split", "Split a touch between two payees"
        INSERT = "insert", "Insert a missing touch"
        EXCLUDE = "exclude", "Exclude a touch"
        RESTORE = "restore", "Give back a touch that was taken out"
        BY_HAND = "by_hand", "Set shares by hand"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversion_id = models.UUIDField()
    lead_id = models.CharField(max_length=64)
    model = models.CharField(max_length=32, choices=AttributionModel)
    way = models.CharField(max_length=16, choices=Way)
    question = models.JSONField(help_text="What was decided, as it was asked.")
    reason = models.CharField(max_length=2000)
    currency = models.CharField(max_length=3)
    revenue = models.DecimalField(max_digits=14, decimal_places=2)
    commission = models.DecimalField(max_digits=14, decimal_places=2)
    dispute_id = models.UUIDField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["conversion_id"], name="settlement_by_conversion")]
        constraints = [
            models.CheckConstraint(
                name="settlement_way_known",
                condition=Q(way__in=["reassign", "split", "insert", "exclude", "restore", "by_hand"]),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="of_its_conversion", operation=pgtrigger.Insert, when=pgtrigger.Before, func=OF_ITS_CONVERSION
            ),
            pgtrigger.Trigger(
                name="balanced",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                declare=[("stands", "record"), ("lines", "record")],
                func=BALANCED,
            ),
        ]

    def __str__(self):
        return f"{self.get_way_display()}, {self.created_at:%Y-%m-%d}"


@audited()
class SettlementLine(models.Model):
    """What one payee had of one touch before the settlement and has after it."""

    class How(models.TextChoices):
        SAME = "same", "Unchanged"
        VERSION = "version", "New version of the record"
        NEW = "new", "New record"
        REMOVED = "removed", "Record removed"
        ADJUSTMENT = "adjustment", "Adjustment beside the record"
        UNATTRIBUTED = "unattributed", "Had no records"

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField(help_text="Place in the journey, from 1.")
    record_id = models.UUIDField(null=True, help_text="Of the record that holds the share, or held it.")
    touchpoint_id = models.UUIDField(null=True)
    channel = models.CharField(max_length=32, blank=True)
    touched_at = models.DateTimeField(null=True)
    payee_type = models.CharField(max_length=8, choices=AttributionRecord.Payee)
    payee_id = models.CharField(max_length=64, blank=True, default="")
    how = models.CharField(max_length=16, choices=How)
    status_before = models.CharField(max_length=16, blank=True)
    credit_before = models.DecimalField(max_digits=11, decimal_places=10)
    credit_after = models.DecimalField(max_digits=11, decimal_places=10)
    revenue_before = models.DecimalField(max_digits=14, decimal_places=2)
    revenue_after = models.DecimalField(max_digits=14, decimal_places=2)
    commission_before = models.DecimalField(max_digits=14, decimal_places=2)
    commission_after = models.DecimalField(max_digits=14, decimal_places=2)

    objects = models.Manager()

    class Meta:
        ordering = ["settlement", "number", "id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.payee_type} {self.payee_id}: {self.commission_before} → {self.commission_after}"

    @property
    def revenue_change(self):
        return self.revenue_after - self.revenue_before

    @property
    def commission_change(self):
        return self.commission_after - self.commission_before
