"""Batch runs: what is to be calculated is cut into shards, workers take them, and any crash can be resumed."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from attribution import shards, tasks
from attribution.engine.models import MODELS
from attribution.models import Run, Shard
from attribution.operations.configurations import rules_for, versions_of
from attribution.reading import Selection
from attribution_site.errors import DomainError
from attribution_site.queueing import queue_on_commit
from conversions.models import Conversion

# A message that got lost is sent again after this long.
REQUEUE_AFTER = dt.timedelta(seconds=60)
ATTEMPTS = 5
RECENT = dt.timedelta(days=120)


class RunIsOver(DomainError):
    code = "run_is_over"


@transaction.atomic
def start_run(
    *,
    model_names: list[str] | None = None,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    lead_ids: list[str] | None = None,
    conversion_ids: list[UUID] | None = None,
    created_by: Any = None,
    queue: bool = True,
) -> Run:
    """Cut the selected conversions into shards and queue them once this commits. None selects all.

    start is inclusive, end is not. Without `queue` the caller works the shards off itself; what it leaves,
    because it was killed, workers take up.
    Raises ValidationError by field.
    """
    if start and end and end <= start:
        raise ValidationError({"end": ValidationError("The end must be after the start.", code="invalid")})
    names = list(dict.fromkeys(model_names or MODELS))
    rules_for(names)
    run = Run.objects.create(
        model_names=names,
        start=start,
        end=end,
        lead_ids=lead_ids,
        conversion_ids=None if conversion_ids is None else [str(each) for each in conversion_ids],
        versions=versions_of(names),
        created_by=created_by,
    )
    created = Shard.objects.bulk_create(_shards(run))
    if not created:
        Run.objects.filter(pk=run.pk).update(
            status=Run.Status.FINISHED, started_at=timezone.now(), finished_at=timezone.now()
        )
    elif queue:
        _queue(Shard.objects.filter(run=run))
    run.refresh_from_db()
    return run


def _shards(run: Run) -> Iterator[Shard]:
    """Neighbouring buckets together, until a shard has conversions enough."""
    begin, total, number = None, 0, 0
    buckets = list(_conversions(run).with_bucket().values("bucket").annotate(n=Count("pk")).order_by("bucket"))
    enough = _shard_size(sum(each["n"] for each in buckets))
    for place, each in enumerate(buckets):
        begin = each["bucket"] if begin is None else begin
        total += each["n"]
        if total >= enough or place == len(buckets) - 1:
            yield Shard(
                run=run,
                number=number,
                bucket_from=begin,
                bucket_to=each["bucket"],
                conversions_total=total,
                queued_at=run.created_at,
            )
            begin, total, number = None, 0, number + 1


def _shard_size(conversions: int) -> int:
    """Progress moves by shards, so a small run has some too; below a thousand they cost more than they show."""
    most: int = settings.SHARD_CONVERSIONS
    return min(most, max(1000, conversions // 10))


def _conversions(run: Run) -> Any:
    conversions = Conversion.objects.all()
    if run.start:
        conversions = conversions.filter(occurred_at__gte=run.start)
    if run.end:
        conversions = conversions.filter(occurred_at__lt=run.end)
    if run.lead_ids is not None:
        conversions = conversions.filter(lead_id__in=run.lead_ids)
    if run.conversion_ids is not None:
        conversions = conversions.filter(pk__in=run.conversion_ids)
    return conversions


def _queue(waiting: Any) -> int:
    """Send a message for each of these shards once the transaction commits. Messages may double: shards don't."""
    numbers = list(waiting.values_list("pk", flat=True))
    Shard.objects.filter(pk__in=numbers).update(queued_at=timezone.now())
    for number in numbers:
        queue_on_commit(tasks.calculate_shard, number)
    return len(numbers)


def calculate_shard(shard_id: int) -> bool:
    """Do one shard, if it is still to be done and nobody is at it; whether it was done here."""
    shard = _begin(shard_id)
    if shard is None:
        return False
    run = shard.run
    selection = Selection(
        start=run.start,
        end=run.end,
        lead_ids=run.lead_ids,
        conversion_ids=run.conversion_ids,
        buckets=(shard.bucket_from, shard.bucket_to),
    )
    rules = rules_for(run.model_names, pinned=run.versions)
    try:
        shards.calculate(shard.pk, selection, rules, run_id=run.pk.bytes, conversions=shard.conversions_total)
    except shards.ShardTaken:
        return False
    except shards.RecordsMoved as error:
        _failed(shard, error)
        return calculate_shard(shard_id)
    except Exception as error:
        _failed(shard, error)
        raise
    finish_run(run.pk)
    return True


@transaction.atomic
def _begin(shard_id: int) -> Shard | None:
    """Mark the shard as running, unless it is over, cancelled or in another worker's hands."""
    shard = (
        Shard.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("run")
        .filter(pk=shard_id, status__in=[Shard.Status.WAITING, Shard.Status.RUNNING])
        .first()
    )
    if shard is None:
        return None
    if shard.run.is_over:
        _close(shard, Shard.Status.CANCELLED, shard.error)
        return None
    if shard.attempts >= ATTEMPTS:
        # Whoever was killed in the middle could not say so.
        _close(shard, Shard.Status.FAILED, shard.error or f"Its worker died {shard.attempts} times while at it.")
        finish_run(shard.run_id)
        return None
    shard.status, shard.started_at, shard.attempts = Shard.Status.RUNNING, timezone.now(), shard.attempts + 1
    shard.save(update_fields=["status", "started_at", "attempts"])
    Run.objects.filter(pk=shard.run_id, status=Run.Status.QUEUED).update(
        status=Run.Status.RUNNING, started_at=timezone.now()
    )
    return shard


def _close(shard: Shard, status: str, error: str) -> None:
    shard.status, shard.error, shard.finished_at = status, error, timezone.now()
    shard.save(update_fields=["status", "error", "finished_at"])


def _failed(shard: Shard, error: Exception) -> None:
    """Back to waiting, for the sweeper to send again; after ATTEMPTS it fails, and its run with it."""
    if Run.objects.unfinished().filter(pk=shard.run_id).exists():
        status = Shard.Status.FAILED if shard.attempts >= ATTEMPTS else Shard.Status.WAITING
    else:
        status = Shard.Status.CANCELLED
    Shard.objects.filter(pk=shard.pk, status=Shard.Status.RUNNING).update(
        status=status,
        error=f"{type(error).__name__}: {error}"[:2000],
        finished_at=None if status == Shard.Status.WAITING else timezone.now(),
    )
    finish_run(shard.run_id)


def finish_run(run_id: UUID) -> None:
    """Close the run if no shard is open any more. Whoever comes last does it; coming twice changes nothing."""
    of_run = Shard.objects.filter(run=OuterRef("pk"))
    open_shards = of_run.filter(status__in=[Shard.Status.WAITING, Shard.Status.RUNNING])
    over = Run.objects.unfinished().filter(~Exists(open_shards), pk=run_id)
    failed = of_run.filter(status=Shard.Status.FAILED)
    with transaction.atomic():
        closed = over.filter(Exists(failed)).update(status=Run.Status.FAILED, finished_at=timezone.now())
        if closed or over.update(status=Run.Status.FINISHED, finished_at=timezone.now()):
            queue_on_commit(tasks.refresh_daily_credit)
            _follow_up(Run.objects.get(pk=run_id))


def _follow_up(run: Run) -> None:
    """A version stored while the run was at work is in none of its records, and it may have written over what a
    younger run made with that version: calculate the same again."""
    if run.versions and run.versions != versions_of(run.model_names):
        start_run(
            model_names=run.model_names,
            start=run.start,
            end=run.end,
            lead_ids=run.lead_ids,
            conversion_ids=run.conversion_ids and [UUID(each) for each in run.conversion_ids],
            created_by=run.created_by,
        )


@transaction.atomic
def cancel_run(*, run_id: UUID) -> Run:
    """Stop a run: shards that wait are dropped, those at work end as they will. What is stored stays."""
    run = Run.objects.select_for_update().get(pk=run_id)
    if run.is_over:
        raise RunIsOver(f"The run is already {run.get_status_display().lower()}.")
    run.status, run.finished_at = Run.Status.CANCELLED, timezone.now()
    run.save(update_fields=["status", "finished_at"])
    run.shards.filter(status=Shard.Status.WAITING).update(status=Shard.Status.CANCELLED, finished_at=timezone.now())
    return run


def resume_lost_shards(*, lost_after: dt.timedelta = REQUEUE_AFTER) -> int:
    """Queue again what no worker holds: its worker was killed, or its message got lost. How many shards.

    A shard at work is locked by its worker's transaction, which PostgreSQL ends with the worker: what can be
    locked here is in nobody's hands. Shards that only wait are left to wait while others of their run are held.
    """
    is_open = Q(run__in=Run.objects.unfinished(), status__in=[Shard.Status.WAITING, Shard.Status.RUNNING])
    with transaction.atomic():
        free = Shard.objects.filter(is_open, queued_at__lt=timezone.now() - lost_after)
        rows = free.select_for_update(skip_locked=True, of=("self",)).values_list("pk", "run_id", "status")
        found = list(rows)
        running = Shard.objects.filter(is_open, status=Shard.Status.RUNNING)
        held = set(running.exclude(pk__in=[pk for pk, _, _ in found]).values_list("run_id", flat=True))
        lost = [pk for pk, run_id, status in found if status == Shard.Status.RUNNING or run_id not in held]
        queued = _queue(Shard.objects.filter(pk__in=lost))
    for run_id in Run.objects.unfinished().values_list("pk", flat=True):
        finish_run(run_id)
    return queued


def calculate_recent() -> Run:
    """The nightly run: late touches and corrections of the last months reach the records that may still change."""
    return start_run(start=timezone.now() - RECENT)
