"""Which parameters apply when, and what was learnt from the data under them."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from attribution_site.audit.tracking import audited
from touchpoints.models import uuid7


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


@audited()
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
        verbose_name = "configuration"
        ordering = ["model", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["model", "version"], name="one_config_a_version"),
            models.UniqueConstraint(fields=["model", "effective_from"], name="one_config_an_instant"),
            models.CheckConstraint(name="config_model_known", condition=Q(model__in=AttributionModel.values)),
        ]
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.get_model_display()} v{self.version}"


@audited()
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


class TrainingQuerySet(VisibleToStaff):
    def finished(self):
        return self.filter(status=Training.Status.FINISHED)


@audited(exclude=["steps_done", "steps_total"])
class Training(models.Model):
    """What one configuration of the data-driven model learnt from the data of one window. Conversions from
    `effective_from` on are credited by its effects, until the configuration's next training takes effect.

    `effects` is a list, one entry a state: {"state": [channel] or [channel, source, campaign or partner or null],
    "removal_effect", "removal_effect_value", "low", "high", "conversions", "value", "shapley_set_game",
    "shapley_rate_game"}; numbers as the engine rounded them. The Shapley values, in conversions, are to compare with;
    nothing is ever credited by them."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        REFUSED = "refused", "Too little data"
        FAILED = "failed"

    OVER = (Status.FINISHED, Status.REFUSED, Status.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    config = models.ForeignKey(ModelConfig, on_delete=models.PROTECT, related_name="trainings")
    number = models.PositiveIntegerField(help_text="Counts the trainings of one configuration, from 1.")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    start = models.DateTimeField(help_text="Journeys from here …")
    end = models.DateTimeField(help_text="… up to here, this moment excluded.")
    effective_from = models.DateTimeField()
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    journeys = models.PositiveBigIntegerField(null=True, blank=True)
    conversions = models.PositiveBigIntegerField(null=True, blank=True)
    order = models.PositiveSmallIntegerField(null=True, blank=True)
    data_hash = models.CharField(max_length=64, blank=True)
    effects = models.JSONField(default=list)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TrainingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["config", "number"], name="one_training_a_number"),
            models.UniqueConstraint(
                fields=["config", "effective_from"], name="one_training_an_instant", condition=Q(status="finished")
            ),
            models.CheckConstraint(
                name="training_status_known",
                condition=Q(status__in=["queued", "running", "finished", "refused", "failed"]),
            ),
            models.CheckConstraint(name="training_window_ordered", condition=Q(end__gt=F("start"))),
        ]
        triggers = [
            pgtrigger.Protect(
                name="immutable",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="finished"),
            )
        ]

    def __str__(self):
        return f"Training {self.number} of {self.config}"

    @property
    def is_over(self):
        return self.status in self.OVER
