"""Comparisons in the model lab: asked for, worked off by a worker, kept for a while. No record comes of them."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg import sql

from attribution import lab, reading, records, shards, store, tasks
from attribution.engine.models import MODELS
from attribution.models import Comparison
from attribution.operations.configurations import versions_of
from attribution.operations.contenders import checked, rules_of
from attribution_site.errors import DomainError
from attribution_site.queueing import queue_on_commit
from conversions import currencies
from conversions.models import LEAD_BUCKETS, Conversion, default_currency
from conversions.periods import check_period

LONGEST_PERIOD = dt.timedelta(days=366)
MOST_CONTENDERS = 6
# Each takes a worker from the calculation while it runs.
MOST_AT_ONCE = 3
KEPT_FOR = dt.timedelta(days=30)
# A message that got lost is sent again after this long.
REQUEUE_AFTER = dt.timedelta(seconds=60)
# Progress is told after so many.
CONVERSIONS_AT_ONCE = 25_000
DIED = "Its worker died."
_OPEN = Q(status__in=[Comparison.Status.QUEUED, Comparison.Status.RUNNING])


class TooManyComparisons(DomainError):
    code = "too_many_comparisons"


class NotYours(DomainError):
    code = "not_yours"


class ComparisonIsGone(Exception):
    """Deleted while a worker was at it: there is nobody left to tell."""


@dataclass(frozen=True)
class InOneCurrency(reading.Selection):
    currency: str = ""

    def _conditions(self) -> Iterator[sql.Composable]:
        yield from super()._conditions()
        yield sql.SQL("currency = {}").format(self.currency)


@transaction.atomic
def start_comparison(
    *,
    start: dt.datetime,
    end: dt.datetime,
    contenders: Sequence[dict[str, Any]],
    currency: str | None = None,
    by: Any = None,
    queue: bool = True,
) -> Comparison:
    """Compare what the conversions of [start, end) would earn under the contenders; queued once this commits.

    A contender is {"model", "version"}: this version for all of the period; {"model", "parameters"}: parameters
    that nobody saved; {"model"}: the versions in effect as they were; or {}: what commission is paid under. The first
    is what the others are held against; a contender alone is held against {}.

    Raises ValidationError that names the field, TooManyComparisons while the same person's are at work.
    """
    question = _question(start, end, contenders, currency or default_currency())
    if by is not None and Comparison.objects.filter(_OPEN, created_by=by).count() >= MOST_AT_ONCE:
        raise TooManyComparisons(f"{MOST_AT_ONCE} comparisons of yours are at work. Wait until one is over.")
    created = Comparison.objects.create(
        question=question,
        conversions_total=_count_conversions(start, end, question["currency"]),
        created_by=by,
    )
    if queue:
        queue_on_commit(tasks.compare, str(created.pk))
    return created


def _question(
    start: dt.datetime, end: dt.datetime, contenders: Sequence[dict[str, Any]], currency: str
) -> dict[str, Any]:
    check_period(start, end, longest=LONGEST_PERIOD, noun="A comparison")
    _check_currency(currency)
    asked = [{}, *contenders] if len(contenders) == 1 else list(contenders)
    if not 2 <= len(asked) <= MOST_CONTENDERS:
        message = f"Give one to {MOST_CONTENDERS} contenders."
        raise ValidationError({"contenders": ValidationError(message, code="invalid")})
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "currency": currency,
        "contenders": checked(asked, first=len(contenders) - len(asked)),
        "versions": versions_of(list(MODELS)),
    }


def _count_conversions(start: dt.datetime, end: dt.datetime, currency: str) -> int:
    if count := _conversions(start, end, currency).count():
        return int(count)
    message = f"There is no conversion in {currency} in this period."
    raise ValidationError({"start_date": ValidationError(message, code="no_conversions")})


def _check_currency(code: str) -> None:
    try:
        currencies.known(code)
    except ValidationError as error:
        raise ValidationError({"currency": error}) from None


def _conversions(start: dt.datetime, end: dt.datetime, currency: str) -> Any:
    return Conversion.objects.filter(occurred_at__gte=start, occurred_at__lt=end, currency=currency)


def compare(comparison_id: UUID) -> bool:
    """Work one comparison off, unless it is over or another worker is at it; whether it was done here.

    Holds a lock of the session, which ends with the worker, however that ends: what is at work while nobody holds
    its lock is lost.
    """
    lock = int.from_bytes(comparison_id.bytes[-8:], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        if not cursor.fetchone()[0]:
            return False
    try:
        return _compare(comparison_id)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])


def _compare(comparison_id: UUID) -> bool:
    this = Comparison.objects.filter(_OPEN, pk=comparison_id)
    comparison = this.first()
    if comparison is None:
        return False
    if comparison.status == Comparison.Status.RUNNING:
        # Its lock was free: whoever began it is dead. What kills two workers would kill a third.
        if comparison.error:
            _over(this, status=Comparison.Status.FAILED, error="Its worker died twice. Try a shorter period.")
            return False
        comparison.error = DIED
    this.update(status=Comparison.Status.RUNNING, error=comparison.error, started_at=timezone.now(), conversions_done=0)
    try:
        result = _result(comparison, this)
    except ComparisonIsGone:
        return False
    except Exception as error:
        _over(this, status=Comparison.Status.FAILED, error=f"{type(error).__name__}: {error}"[:2000])
        raise
    _over(this, status=Comparison.Status.FINISHED, error="", result=result)
    return True


def _over(this: Any, **values: Any) -> None:
    this.update(finished_at=timezone.now(), **values)


def _result(comparison: Comparison, this: Any) -> dict[str, Any]:
    question = comparison.question
    start, end = (dt.datetime.fromisoformat(question[name]) for name in ("start", "end"))
    compared = [rules_of(each, start=start, end=end, pinned=question["versions"]) for each in question["contenders"]]
    tally = lab.Tally([rules for rules, _ in compared])
    selection = InOneCurrency(start=start, end=end, buckets=(0, LEAD_BUCKETS - 1), currency=question["currency"])
    parts = shards.split(selection, comparison.conversions_total // CONVERSIONS_AT_ONCE + 1)
    done = 0
    # The next part is read while this one is added up.
    with closing(shards.ahead(lambda: _batches(parts, [rules for rules, _ in compared]))) as batches:
        for batch in batches:
            tally.add(batch)
            done += batch.conversions.num_rows
            if not this.update(conversions_done=done):
                raise ComparisonIsGone
    # Conversions may have come or gone since it was asked for.
    this.update(conversions_total=done)
    return tally.result() | {"told": [told for _, told in compared]}


def _batches(parts: Sequence[reading.Selection], contenders: Sequence[records.Rules]) -> Iterator[reading.Batch]:
    versions = [each for rules in contenders for each in rules.versions.items()]
    every = records.Rules({f"{place} {model}": of_model for place, (model, of_model) in enumerate(versions)}, [])
    with store.arrow_connection() as reading_from, reading_from.cursor() as cursor:
        # One moment for all parts: a conversion that is corrected meanwhile would be counted twice, or never.
        reading_from.rollback()
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        within = store.ArrowStore(cursor)
        for part in parts:
            yield from reading.read(
                part, within=within, lookback_days=every.widest_lookback_days, with_previous=every.restarts
            )


def resume_lost_comparisons(*, lost_after: dt.timedelta = REQUEUE_AFTER) -> int:
    """Queue again what is open for longer than that; `compare` itself finds out whether a worker is at it."""
    waiting = Comparison.objects.filter(_OPEN, created_at__lt=timezone.now() - lost_after)
    lost = [str(pk) for pk in waiting.values_list("pk", flat=True)]
    for comparison_id in lost:
        queue_on_commit(tasks.compare, comparison_id)
    return len(lost)


def delete_comparison(*, comparison_id: UUID, by: Any) -> None:
    """Forget it; a worker that is at it stops. Raises NotYours for another person's, unless `by` administrates."""
    comparison = Comparison.objects.get(pk=comparison_id)
    if by is None or (comparison.created_by_id != by.pk and not by.is_superuser):
        raise NotYours("Only who started a comparison may delete it.")
    comparison.delete()


def drop_old_comparisons() -> int:
    old = Comparison.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return old.delete()[0]
