"""The records that a calculation makes, the journeys it made them from, and their sums by day."""

import datetime as dt
from uuid import UUID

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from attribution.models import daily
from attribution.models.configurations import AttributionModel, ModelConfig, Training, VisibleToStaff
from attribution.models.runs import Run
from attribution_site.audit.tracking import audited
from partners.models import payee_of
from touchpoints.models import Channel

# How exactly an id tells the time: milliseconds, some of them rounded.
_ABOUT = dt.timedelta(seconds=1)


def _first_id(moment):
    """No id of a conversion of that time or later is smaller."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


class AttributionRecordQuerySet(VisibleToStaff):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, those that it is the payee of."""
        payee = payee_of(user)
        rows = super().visible_to(user)
        return rows if payee is None else rows.filter(payee_type=payee.kind, payee_id=payee.id)

    def frozen(self):
        return self.filter(status__in=AttributionRecord.FROZEN)

    def since(self, moment):
        """Of conversions from then on. The id begins with their time: told of it too, a list that goes by id begins
        there, and reads nothing younger or older to find a period long ago."""
        return self.filter(occurred_at__gte=moment, id__gte=_first_id(moment - _ABOUT))

    def before(self, moment):
        return self.filter(occurred_at__lt=moment, id__lt=_first_id(moment + _ABOUT))


class Status(models.TextChoices):
    PENDING = "pending"
    CALCULATED = "calculated"
    APPROVED = "approved"
    DISPUTED = "disputed"
    PAID = "paid"


FROZEN = [Status.APPROVED, Status.DISPUTED, Status.PAID]
# From a status, the ones it may become. The database holds the same edges by trigger.
EDGES = {
    Status.PENDING: [Status.CALCULATED],
    Status.CALCULATED: [Status.APPROVED, Status.DISPUTED],
    Status.APPROVED: [Status.PAID, Status.DISPUTED],
    Status.PAID: [Status.DISPUTED],
    Status.DISPUTED: [Status.CALCULATED, Status.APPROVED, Status.PAID],
}


# What an adjustment is made from. A record that has adjustments is decided money, whatever its status.
_MONEY = ("conversion_id", "model", "credit", "currency", "revenue_attributed", "commission_amount", "payee_type",
          "payee_id")  # fmt: skip
_DELETED = "removed JOIN attribution_adjustment a ON a.record_id = removed.id"
# Not by a join of the two: a session keeps its first plan, and one made for few rows is quadratic in many.
_CHANGED = f"""(SELECT id, {", ".join(_MONEY)} FROM removed
            WHERE EXISTS (SELECT FROM attribution_adjustment a WHERE a.record_id = removed.id)
            EXCEPT SELECT id, {", ".join(_MONEY)} FROM added) changed"""


def _adjusted_stay(operation, rows, verb, **tables):
    return pgtrigger.Trigger(
        name=f"adjusted_stay_{str(operation).lower()}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),
        func=f"""
            IF EXISTS (SELECT FROM {rows}) THEN
                RAISE EXCEPTION 'A record with adjustments cannot be {verb}'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'record_with_adjustments';
            END IF;
            RETURN NULL;
        """,
    )


def fallback(model, training_id):
    return AttributionModel.POSITION_BASED if model == AttributionModel.DATA_DRIVEN and training_id is None else None


# A batch inserts millions, and the records themselves name the run that made them.
@audited(inserts=False, searched=["lead_id"])
class AttributionRecord(models.Model):
    """The share of one touch in one conversion under one model. It can be read without any other row, and
    names other rows by id alone, as a foreign key checked per row would double the cost of a batch. Its id is
    made from (conversion, touchpoint, model), so that calculating again finds the same record.

    Where a dispute gave a part of a touch to another payee, that part is a record of its own: `part` counts from 0."""

    Status = Status
    FROZEN = FROZEN

    class Payee(models.TextChoices):
        PARTNER = "partner"
        BROKER = "broker"
        HOUSE = "house"

    id = models.UUIDField(primary_key=True, editable=False)
    conversion_id = models.UUIDField()
    touchpoint_id = models.UUIDField()
    lead_id = models.CharField(max_length=64)
    model = models.CharField(max_length=32, choices=AttributionModel)
    config = models.ForeignKey(
        ModelConfig, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    payable = models.BooleanField(help_text="Under the model that commission is paid by.")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    credit = models.DecimalField(max_digits=11, decimal_places=10)
    currency = models.CharField(max_length=3)
    revenue_attributed = models.DecimalField(max_digits=14, decimal_places=2)
    commission_amount = models.DecimalField(max_digits=14, decimal_places=2)
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64, blank=True, default="")
    payee_pinned = models.BooleanField(default=False, help_text="Set by hand; recalculation keeps it.")
    channel = models.CharField(max_length=32, choices=Channel)
    source = models.CharField(max_length=255, null=True, blank=True)
    campaign_id = models.CharField(max_length=255, null=True, blank=True)
    partner_id = models.CharField(max_length=64, null=True, blank=True)
    broker_id = models.CharField(max_length=64, null=True, blank=True)
    touched_at = models.DateTimeField()
    occurred_at = models.DateTimeField(help_text="When the conversion occurred.")
    conversion_type = models.CharField(max_length=32)
    position = models.PositiveIntegerField(help_text="Place of the touch in its journey, from 1.")
    journey_length = models.PositiveIntegerField()
    training = models.ForeignKey(
        Training,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="Data-driven only: whose effects made the credit. Empty: position-based, for want of data.",
    )
    run = models.ForeignKey(
        Run, on_delete=models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="+"
    )
    calculated_at = models.DateTimeField()
    part = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Of a touch that several payees share.")
    settlement_id = models.UUIDField(
        null=True, blank=True, help_text="The settlement that set this share. Recalculation leaves its set alone."
    )

    objects = AttributionRecordQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["model", "occurred_at"], name="record_by_period"),
            models.Index(fields=["touchpoint_id"], name="record_by_touchpoint"),
            models.Index(fields=["model", "occurred_at"], name="record_frozen", condition=Q(status__in=FROZEN)),
            # What finance has to approve, the oldest first, with what is added up of it.
            models.Index(
                fields=["occurred_at"],
                include=["currency", "commission_amount"],
                name="record_to_approve",
                condition=Q(payable=True, status="calculated") & ~Q(payee_type="house"),
            ),
            # Whose hold may be over.
            models.Index(fields=["occurred_at"], name="record_pending", condition=Q(status="pending")),
            # A run's records lie together, and a B-tree of a million equal keys costs more than any other index.
            BrinIndex(fields=["run"], name="record_by_run", autosummarize=True),
            # Lists go by id. What is not decided yet is young, and found from the end.
            models.Index(fields=["lead_id", "id"], name="record_by_lead"),
            models.Index(fields=["status", "id"], name="record_by_status", condition=Q(status__in=FROZEN)),
            models.Index(
                fields=["campaign_id", "id"], name="record_by_campaign", condition=Q(campaign_id__isnull=False)
            ),
            models.Index(fields=["partner_id", "id"], name="record_by_partner", condition=Q(partner_id__isnull=False)),
            models.Index(fields=["broker_id", "id"], name="record_by_broker", condition=Q(broker_id__isnull=False)),
            models.Index(
                fields=["payee_type", "payee_id", "id"], name="record_by_payee", condition=~Q(payee_type="house")
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["conversion_id", "model", "touchpoint_id", "part"], name="one_record_a_touch_model_and_part"
            ),
            models.CheckConstraint(name="record_credit_is_a_share", condition=Q(credit__gt=0, credit__lte=1)),
            models.CheckConstraint(
                name="record_status_known", condition=Q(status__in=[status.value for status in Status])
            ),
            models.CheckConstraint(
                name="record_only_payable_is_paid",
                condition=Q(payable=True) | Q(status__in=["pending", "calculated"]),
            ),
            models.CheckConstraint(
                name="record_payee_named",
                condition=Q(payee_type="house", payee_id="") | (~Q(payee_type="house") & ~Q(payee_id="")),
            ),
        ]
        triggers = [
            *daily.TRIGGERS,
            _adjusted_stay(pgtrigger.Delete, _DELETED, "deleted", old="removed"),
            _adjusted_stay(pgtrigger.Update, _CHANGED, "changed", old="removed", new="added"),
            pgtrigger.Trigger(
                name="frozen",
                operation=pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__status__in=[status.value for status in FROZEN]),
                declare=[("allowed", "attribution_attributionrecord%ROWTYPE")],
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'Record % is %, it cannot be deleted', OLD.id, OLD.status
                            USING ERRCODE = 'check_violation';
                    END IF;
                    allowed := NEW;
                    allowed.status := OLD.status;
                    IF allowed IS DISTINCT FROM OLD THEN
                        RAISE EXCEPTION 'Record % is %, only its status may move', OLD.id, OLD.status
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.FSM(
                name="edges",
                field="status",
                transitions=[(before, after) for before, afters in EDGES.items() for after in afters],
            ),
        ]

    def __str__(self):
        return f"{self.credit * 100:.2f} % to {self.get_channel_display()} ({self.get_model_display()})"

    @property
    def percentage(self):
        return self.credit.scaleb(2)

    @property
    def settled(self):
        """Whether its share was decided by a dispute."""
        return self.settlement_id is not None

    @property
    def fallback(self):
        """The model whose rule made the credit in place of the record's own, for want of data."""
        return fallback(self.model, self.training_id)


class KeptJourney(models.Model):
    """What a calculation knew of one conversion, so that its records can be calculated again when the touchpoints
    are gone. Kept once a conversion, not a model; there are more only where records that stand came from an older one.

    `touches`: JSON, a list in order of time, one list a touch: id, microseconds since 1970, channel, source,
    campaign, partner, broker. All that the widest lookback held, before any path rule."""

    pk = models.CompositePrimaryKey("conversion_id", "calculated_at")
    conversion_id = models.UUIDField()
    calculated_at = models.DateTimeField()
    conversion_type = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    value_cents = models.BigIntegerField(help_text="Hundredths of the currency's unit.")
    commission_cents = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    previous_at = models.DateTimeField(null=True, help_text="The lead's conversion before this one.")
    touches = models.TextField()

    objects = models.Manager()

    def __str__(self):
        return f"Journey of {self.conversion_id}"
