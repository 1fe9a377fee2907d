"""Batch calculations and their progress, and checks and comparisons that run beside them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum
from django.utils import timezone

from attribution.models.configurations import AttributionModel, VisibleToStaff
from touchpoints.models import uuid7


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
    versions = models.JSONField(
        default=dict, help_text="The configurations, trainings and payable models that all of its shards apply."
    )
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


class Verification(models.Model):
    """One replay of stored records from their versions and kept journeys, and how many of them came out otherwise."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    records_checked = models.PositiveBigIntegerField()
    records_differing = models.PositiveBigIntegerField()
    records_without_journey = models.PositiveBigIntegerField(help_text="Made before journeys were kept.")
    differences = models.JSONField(default=list, help_text="The first hundred: record, what is stored, what came out.")

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"Verification of {timezone.localtime(self.started_at):%Y-%m-%d %H:%M}"


class Comparison(models.Model):
    """What the conversions of a period would earn under several configurations, side by side: the model lab.
    Nothing of it ever becomes a record."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    question = models.JSONField(help_text="Period, currency and the configurations that are compared.")
    conversions_total = models.PositiveBigIntegerField(default=0)
    conversions_done = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleToStaff.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "model lab"
        constraints = [
            models.CheckConstraint(
                name="comparison_status_known", condition=Q(status__in=["queued", "running", "finished", "failed"])
            ),
        ]

    def __str__(self):
        return f"Comparison of {timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"
