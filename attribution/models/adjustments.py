"""Money that is added to decided records, or taken from them: rows beside the records, which themselves stay."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from attribution.models.configurations import VisibleToStaff
from attribution.models.records import AttributionRecord
from attribution.models.settlements import Settlement
from attribution_site.audit.tracking import audited
from conversions.models import Reversal
from partners.models import payee_of, uuid7


class AdjustmentQuerySet(VisibleToStaff):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, those that it is the payee of."""
        payee = payee_of(user)
        rows = super().visible_to(user)
        return rows if payee is None else rows.filter(payee_type=payee.kind, payee_id=payee.id)


NET_OF = {
    "credit": models.DecimalField(max_digits=11, decimal_places=10),
    "revenue_attributed": models.DecimalField(max_digits=14, decimal_places=2),
    "commission_amount": models.DecimalField(max_digits=14, decimal_places=2),
}


def with_net(records):
    """Adds to records what their payee has of them, adjustments included: `net_credit`, `net_revenue` and
    `net_commission`."""
    of_record = Adjustment.objects.filter(record_id=OuterRef("pk")).order_by().values("record_id")

    def net(column, adjusted):
        adjustments = Subquery(of_record.values(sum=Sum(adjusted)))
        return F(column) + Coalesce(adjustments, 0, output_field=NET_OF[column])

    return records.annotate(
        net_credit=net("credit", "credit"),
        net_revenue=net("revenue_attributed", "revenue_amount"),
        net_commission=net("commission_amount", "commission_amount"),
    )


@audited()
class Adjustment(models.Model):
    """What a record of decided money is changed by, mostly downwards. The record's own amounts and its adjustments
    together are what its payee has of the conversion. Never changed: what turns out wrong is put right by another."""

    class Kind(models.TextChoices):
        REVERSAL = "reversal"
        SETTLEMENT = "settlement", "Dispute settled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    reversal = models.ForeignKey(
        Reversal, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="adjustments"
    )
    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="adjustments"
    )
    # By id alone, as records name other rows: their triggers keep the record of an adjustment.
    record_id = models.UUIDField()
    conversion_id = models.UUIDField()
    payee_type = models.CharField(max_length=8, choices=AttributionRecord.Payee)
    payee_id = models.CharField(max_length=64, blank=True, default="")
    currency = models.CharField(max_length=3)
    revenue_amount = models.DecimalField(max_digits=14, decimal_places=2)
    commission_amount = models.DecimalField(max_digits=14, decimal_places=2)
    credit = models.DecimalField(max_digits=11, decimal_places=10, default=0, db_default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = AdjustmentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["record_id"], name="adjustment_by_record"),
            models.Index(fields=["conversion_id"], name="adjustment_by_conversion"),
            models.Index(fields=["payee_type", "payee_id", "id"], name="adjustment_by_payee"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["reversal", "record_id"], name="one_adjustment_a_reversal_and_record"),
            models.UniqueConstraint(fields=["settlement", "record_id"], name="one_adjustment_a_settlement_and_record"),
            models.CheckConstraint(
                name="adjustment_has_its_cause",
                condition=Q(kind="reversal", reversal__isnull=False, settlement__isnull=True, credit=0)
                | Q(kind="settlement", reversal__isnull=True, settlement__isnull=False),
            ),
            models.CheckConstraint(
                name="adjustment_of_anything",
                condition=~Q(revenue_amount=0) | ~Q(commission_amount=0) | ~Q(credit=0),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="of_its_record",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    IF NOT EXISTS (
                        SELECT FROM attribution_attributionrecord r WHERE r.id = NEW.record_id
                            AND (r.conversion_id, r.payee_type, r.payee_id, r.currency)
                              = (NEW.conversion_id, NEW.payee_type, NEW.payee_id, NEW.currency)
                    ) THEN
                        RAISE EXCEPTION 'An adjustment is of a record, its conversion, payee and currency'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'adjustment_of_its_record';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # The sums of the record's day are not valid any more: see `daily`.
            pgtrigger.Trigger(
                name="changed_days_insert",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    INSERT INTO attribution_changedday (model, day)
                    SELECT DISTINCT r.model, (r.occurred_at AT TIME ZONE 'UTC')::date
                    FROM added a JOIN attribution_attributionrecord r ON r.id = a.record_id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self):
        why = f": {self.reversal.get_reason_display().lower()}" if self.reversal else ""
        return f"{self.get_kind_display()}{why}"

    @property
    def cause(self):
        """Why it was booked, in a word of the API."""
        return self.reversal.reason if self.reversal else self.kind

    @property
    def caused_at(self):
        return self.reversal.occurred_at if self.reversal else self.created_at
