"""Training of the data-driven model: asked for, worked off by a worker, kept as a version of its own."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from attribution import schedule, tasks, training
from attribution.engine.parameters import Parameters
from attribution.models import AttributionModel, AttributionRecord, ModelConfig, Training
from attribution.operations import scheduling
from attribution.operations.runs import start_run
from attribution_site.errors import DomainError
from attribution_site.queueing import queue_on_commit
from conversions.models import Conversion

TRIES_TO_KEEP = 60
# A message that got lost is sent again after this long.
REQUEUE_AFTER = dt.timedelta(seconds=60)


class AlreadyTraining(DomainError):
    code = "already_training"


@transaction.atomic
def start_training(
    *,
    config_id: int | None = None,
    end: dt.datetime | None = None,
    days: int | None = None,
    effective_from: dt.datetime | None = None,
    by: Any = None,
    queue: bool = True,
) -> Training:
    """Queue a training of one configuration of the data-driven model (None: the one in effect now).

    The window is the `days` (None: the configuration's `training_days`) before `end` (None: now). A configuration's
    first training takes effect with the configuration, so that its past is credited by effects too; later ones take
    effect at their window's end. Raises ValidationError by field, and AlreadyTraining.
    """
    config = _config(config_id)
    end = end or timezone.now()
    if not scheduling.EARLIEST < end <= timezone.now():
        raise ValidationError({"end": ValidationError("Must be between 2000 and now.", code="out_of_range")})
    days = days or Parameters.from_json(config.parameters).training_days
    start = end - dt.timedelta(days=days)
    if not Conversion.objects.filter(occurred_at__gte=start, occurred_at__lt=end).exists():
        raise ValidationError(
            {
                "days": ValidationError(
                    f"There is no conversion between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} to learn from.",
                    code="no_conversions",
                )
            }
        )
    if config.trainings.exclude(status__in=Training.OVER).exists():
        raise AlreadyTraining(f"{config} is in training already.")
    since = _effective_from(config, end) if effective_from is None else effective_from
    _check_effective_from(config, since)
    created = Training.objects.create(
        config=config,
        number=(config.trainings.aggregate(last=Max("number"))["last"] or 0) + 1,
        start=start,
        end=end,
        effective_from=since,
        created_by=by,
    )
    if queue:
        queue_on_commit(tasks.train, str(created.pk))
    return created


def _config(config_id: int | None) -> ModelConfig:
    # Two at once would take one number: the second waits.
    configs = ModelConfig.objects.select_for_update().filter(model=AttributionModel.DATA_DRIVEN)
    if config_id is None:
        current = schedule.in_effect(AttributionModel.DATA_DRIVEN, timezone.now())
        config_id = current.pk if current else 0
    config = configs.filter(pk=config_id).first()
    if config is None:
        raise ValidationError(
            {"config": ValidationError("There is no such configuration of the data-driven model.", code="unknown")}
        )
    return config


def _effective_from(config: ModelConfig, end: dt.datetime) -> dt.datetime:
    """With the configuration if this is the first and no decided money is in the way, else from the window's end."""
    is_first = not config.trainings.finished().exists()
    if is_first and not _decided(config, config.effective_from).exists():
        return config.effective_from
    return max(end, config.effective_from)


def _check_effective_from(config: ModelConfig, since: dt.datetime) -> None:
    if since < config.effective_from:
        raise ValidationError(
            {
                "effective_from": ValidationError(
                    f"The configuration itself takes effect at {config.effective_from:%Y-%m-%d %H:%M}.",
                    code="before_configuration",
                )
            }
        )
    if config.trainings.finished().filter(effective_from=since).exists():
        raise ValidationError(
            {"effective_from": ValidationError("Another training takes effect at that instant.", code="taken")}
        )
    if decided := _decided(config, since).count():
        raise ValidationError(
            {
                "effective_from": ValidationError(
                    f"{decided:,} approved, disputed or paid records would be priced anew.", code="reprices_approved"
                )
            }
        )


def _decided(config: ModelConfig, since: dt.datetime) -> Any:
    return AttributionRecord.objects.frozen().filter(config=config, model=config.model, occurred_at__gte=since)


def train(training_id: UUID, *, advance: Callable[[int, int], None] | None = None, calculate: bool = True) -> bool:
    """Do one training, unless it is over or another worker is at it; whether it was done here. Then queue a run over
    the conversions that it is in effect for, unless the caller is going to calculate.

    Holds a lock of the session that ends with the worker, however it ends: a training that runs while nobody holds
    its lock is lost, and the next worker to be told begins it anew.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_lock(training_id)])
        if not cursor.fetchone()[0]:
            return False
    try:
        return _train(training_id, advance or (lambda done, total: None), calculate)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock(training_id)])


def _lock(training_id: UUID) -> int:
    return int.from_bytes(training_id.bytes[-8:], "big", signed=True)


def _train(training_id: UUID, advance: Callable[[int, int], None], calculate: bool) -> bool:
    open_ones = Training.objects.exclude(status__in=Training.OVER).filter(pk=training_id)
    if not open_ones.update(status=Training.Status.RUNNING, started_at=timezone.now(), steps_done=0):
        return False
    asked = Training.objects.select_related("config").get(pk=training_id)

    def step(done: int, total: int) -> None:
        open_ones.update(steps_done=done, steps_total=total)
        advance(done, total)

    try:
        learnt = training.learn(
            Parameters.from_json(asked.config.parameters), start=asked.start, end=asked.end, advance=step
        )
    except training.TooLittleData as error:
        _over(open_ones, status=Training.Status.REFUSED, error=str(error))
    except Exception as error:
        _over(open_ones, status=Training.Status.FAILED, error=f"{type(error).__name__}: {error}"[:2000])
        raise
    else:
        _keep_when_free(open_ones, asked, learnt, calculate)
    return True


def _keep_when_free(open_ones: Any, asked: Training, learnt: training.Learnt, calculate: bool) -> None:
    """What was learnt is not thrown away because a batch is writing: each try waits for as long as one should."""
    for _ in range(TRIES_TO_KEEP):
        try:
            return _keep(open_ones, asked, learnt, calculate)
        except scheduling.RecordsAreWritten as error:
            refusal = error
    _over(open_ones, status=Training.Status.FAILED, error=f"{refusal} It was tried {TRIES_TO_KEEP} times.")
    return None


@transaction.atomic
def _keep(open_ones: Any, asked: Training, learnt: training.Learnt, calculate: bool) -> None:
    scheduling.hold_approvals(asked.config.model, asked.effective_from)
    if decided := _decided(asked.config, asked.effective_from).count():
        error = f"{decided:,} records that it would price anew were approved meanwhile. Train again."
        _over(open_ones, status=Training.Status.FAILED, error=error)
        return
    _over(open_ones, status=Training.Status.FINISHED, **vars(learnt))
    if calculate and Conversion.objects.filter(occurred_at__gte=asked.effective_from).exists():
        start_run(model_names=[asked.config.model], start=asked.effective_from, created_by=asked.created_by)


def _over(open_ones: Any, **values: Any) -> None:
    open_ones.update(finished_at=timezone.now(), **values)


def resume_lost_trainings(*, lost_after: dt.timedelta = REQUEUE_AFTER) -> int:
    """Queue again what is open for longer than that; `train` itself finds out whether a worker is at it."""
    waiting = Training.objects.exclude(status__in=Training.OVER).filter(created_at__lt=timezone.now() - lost_after)
    lost = [str(pk) for pk in waiting.values_list("pk", flat=True)]
    for training_id in lost:
        queue_on_commit(tasks.train, training_id)
    return len(lost)


def train_current() -> Training | None:
    """The regular training of the configuration in effect; none where there is nothing to learn from."""
    try:
        return start_training()
    except (ValidationError, AlreadyTraining):
        return None
