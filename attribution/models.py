"""Configurations, runs of the calculation, and the records that it makes."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q, Sum
from django.utils import timezone

from touchpoints.models import Channel, uuid7


class AttributionModel(models.TextChoices):
    """The six of the contract. Which can be calculated is the engine's to say (`engine.models.MODELS`)."""

    FIRST_TOUCH = "first_touch"
    LAST_TOUCH = "last_touch"
    LINEAR = "linear"
    TIME_DECAY = "time_decay"
    POSITION_BASED = "position_based"
    DATA_DRIVEN = "data_driven"


class VisibleToStaff(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read. A user we cannot place sees nothing."""
        label = f"{self.model._meta.app_label}.view_{self.model._meta.model_name}"
        return self if user.has_perm(label) else self.none()


class ModelConfig(models.Model):
    """One immutable version of a model's parameters. A conversion is calculated under the version that is
    in effect when it occurs: the last one whose `effective_from` is not after it."""

    model = models.CharField(max_length=32, choices=AttributionModel)
    version = models.PositiveIntegerField()
    parameters = models.JSONField(default=dict)
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["model", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["model", "version"], name="one_config_a_version"),
            models.UniqueConstraint(fields=["model", "effective_from"], name="one_config_an_instant"),
            models.CheckConstraint(name="config_model_known", condition=Q(model__in=AttributionModel.values)),
        ]
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.get_model_display()} v{self.version}"


class PayableModel(models.Model):
    """From when on commission is paid under which model. One row an instant: never two payable models."""

    model = models.CharField(max_length=32, choices=AttributionModel)
    effective_from = models.DateTimeField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["-effective_from"]
        constraints = [
            models.CheckConstraint(name="payable_model_known", condition=Q(model__in=AttributionModel.values)),
        ]
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.get_model_display()} from {timezone.localtime(self.effective_from):%Y-%m-%d}"


class RunQuerySet(VisibleToStaff):
    def unfinished(self):
        return self.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])

    def with_counts(self):
        """Adds the sums over the run's shards, the only place where progress is kept."""
        return self.annotate(**{name: models.functions.Coalesce(Sum(f"shards__{name}"), 0) for name in Shard.COUNTS})


class Run(models.Model):
    """One batch calculation: which conversions, under which models, and how far it is."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    model_names = models.JSONField()
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    lead_ids = models.JSONField(null=True, blank=True)
    conversion_ids = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="run_status_known",
                condition=Q(status__in=["queued", "running", "finished", "failed", "cancelled"]),
            ),
            models.CheckConstraint(
                name="run_finished_at_when_over",
                condition=Q(status__in=["queued", "running"]) | Q(finished_at__isnull=False),
            ),
        ]

    def __str__(self):
        return f"Run of {timezone.localtime(self.created_at):%Y-%m-%d %H:%M:%S}"

    @property
    def is_over(self):
        return self.status not in {self.Status.QUEUED, self.Status.RUNNING}


class Shard(models.Model):
    """A run's unit of work: the conversions whose leads fall into a range of hash buckets. Its counts are
    written in the transaction that writes its records, so they are true after any crash."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    COUNTS = (
        "conversions_total",
        "conversions_done",
        "written",
        "replaced",
        "unchanged",
        "frozen",
        "unattributed",
    )

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shards")
    number = models.PositiveIntegerField()
    bucket_from = models.PositiveIntegerField()
    bucket_to = models.PositiveIntegerField(help_text="The last bucket, inclusive.")
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    conversions_total = models.PositiveBigIntegerField(default=0)
    conversions_done = models.PositiveBigIntegerField(default=0)
    written = models.PositiveBigIntegerField(default=0, help_text="Records stored that were not there.")
    replaced = models.PositiveBigIntegerField(default=0, help_text="Stored records that made way.")
    unchanged = models.PositiveBigIntegerField(default=0, help_text="Stored records that already agreed.")
    frozen = models.PositiveBigIntegerField(default=0, help_text="Records left alone: approved, disputed or paid.")
    unattributed = models.PositiveBigIntegerField(default=0, help_text="Conversions and models without a journey.")
    error = models.TextField(blank=True)

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_shard_a_number"),
            models.CheckConstraint(
                name="shard_status_known",
                condition=Q(status__in=["waiting", "running", "done", "failed", "cancelled"]),
            ),
            models.CheckConstraint(name="shard_buckets_ordered", condition=Q(bucket_to__gte=F("bucket_from"))),
        ]
        indexes = [
            models.Index(fields=["run", "number"], name="shard_open", condition=Q(status__in=["waiting", "running"])),
        ]

    def __str__(self):
        return f"Shard {self.number} of {self.run_id}"


class Finding(models.Model):
    """What a run has to say about one conversion: a difference that frozen money forbids to write."""

    class Code(models.TextChoices):
        FROZEN_DIFFERS = "frozen_differs", "Frozen records differ from the new result"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="findings")
    conversion_id = models.UUIDField()
    model = models.CharField(max_length=32, choices=AttributionModel)
    code = models.CharField(max_length=32, choices=Code)
    detail = models.JSONField(default=dict)

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["run", "conversion_id", "model"]
        constraints = [
            models.UniqueConstraint(fields=["run", "conversion_id", "model", "code"], name="one_finding_a_run"),
        ]

    def __str__(self):
        return f"{self.get_code_display()}: {self.conversion_id} ({self.get_model_display()})"


class AttributionRecordQuerySet(VisibleToStaff):
    def frozen(self):
        return self.filter(status__in=AttributionRecord.FROZEN)


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


@pghistory.track(pghistory.UpdateEvent(), model_name="AttributionRecordEvent")
class AttributionRecord(models.Model):
    """The share of one touch in one conversion under one model. It can be read without any other row, and
    names other rows by id alone, as a foreign key checked per row would double the cost of a batch. Its id is
    made from (conversion, touchpoint, model), so that calculating again finds the same record."""

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
    run = models.ForeignKey(
        Run, on_delete=models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="+"
    )
    calculated_at = models.DateTimeField()

    objects = AttributionRecordQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["model", "occurred_at"], name="record_by_period"),
            models.Index(fields=["touchpoint_id"], name="record_by_touchpoint"),
            # A run's records lie together, and a B-tree of a million equal keys costs more than any other index.
            BrinIndex(fields=["run"], name="record_by_run", autosummarize=True),
            models.Index(fields=["partner_id", "id"], name="record_by_partner", condition=Q(partner_id__isnull=False)),
            models.Index(fields=["broker_id", "id"], name="record_by_broker", condition=Q(broker_id__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["conversion_id", "model", "touchpoint_id"], name="one_record_a_touch_and_model"
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
        return self.credit * 100
