"""Payout runs: all that is open becomes payouts, a slice of payees in a transaction."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from attribution_site.errors import DomainError
from attribution_site.queueing import queue_on_commit
from disputes.models import OPEN
from partners.models import uuid7
from payouts import conditions, tasks
from payouts.due import Due, Open, due
from payouts.models import Entry, Kind, LeftOut, PayoutRun
from payouts.operations.booking import book
from payouts.operations.reconciling import check_ledger

SLICE = 500  # payees and currencies
TRIES = 3
_KEY = "payee_type, payee_id, currency"
Key = tuple[str, str, str]
BEFORE_ALL: Key = ("", "", "")

# The disputed are few, and found by an index of what is open among disputes.
_PICK = f"""
    SELECT o.entry_id, o.payee_type, o.payee_id, o.currency, o.amount, d.record_id IS NOT NULL AS disputed
    FROM payouts_openentry o LEFT JOIN (
        SELECT DISTINCT record_id FROM disputes_dispute WHERE status = ANY(%(open)s) AND record_id IS NOT NULL
    ) d ON d.record_id = o.record_id
    WHERE ({_KEY}) > (%(after_type)s, %(after_id)s, %(after_currency)s)
        AND ({_KEY}) <= (%(last_type)s, %(last_id)s, %(last_currency)s)
        AND o.booked_at < %(until)s AND (%(currency)s = '' OR o.currency = %(currency)s)
"""
_SUMS = f"""
    SELECT {_KEY}, coalesce(sum(amount) FILTER (WHERE amount > 0 AND NOT disputed), 0),
        coalesce(sum(amount) FILTER (WHERE amount < 0 AND NOT disputed), 0), count(*) FILTER (WHERE NOT disputed),
        coalesce(sum(amount) FILTER (WHERE disputed), 0), count(*) FILTER (WHERE disputed)
    FROM payouts_picked GROUP BY {_KEY} ORDER BY {_KEY}
"""
_NEXT = f"""
    SELECT {_KEY} FROM payouts_openentry
    WHERE ({_KEY}) > (%(after_type)s, %(after_id)s, %(after_currency)s)
        AND booked_at < %(until)s AND (%(currency)s = '' OR currency = %(currency)s)
    GROUP BY {_KEY} ORDER BY {_KEY} LIMIT %(most)s
"""
# In order: of two who want the same entries, one waits for the other.
_LINES = """
    INSERT INTO payouts_payoutline (payout_id, entry_id, amount, live)
    SELECT p.id, k.entry_id, k.amount, true
    FROM payouts_picked k JOIN payouts_payout p
        ON (p.payee_type, p.payee_id, p.currency) = (k.payee_type, k.payee_id, k.currency)
    WHERE p.id = ANY(%(payouts)s) AND NOT k.disputed
    UNION ALL SELECT payout_id, id, amount, true FROM payouts_entry WHERE id = ANY(%(carried)s)
    ORDER BY 2
"""


# One statement of five hundred rows: built by the ORM, the statement costs more than the lines of a usual payout.
_PAYOUTS = """
    INSERT INTO payouts_payout (id, run_id, payee_type, payee_id, currency, period_start, period_end, status, method,
        total, line_count, lines_hash, submission, approvals_needed, prepared_by_id, payment_reference, void_reason)
    SELECT id, r.run_id, payee_type, payee_id, currency, r.period_start, r.period_end, 'draft', method,
        total, line_count, '', 0, 1, r.created_by_id, '', ''
    FROM (SELECT id AS run_id, period_start, period_end, created_by_id FROM payouts_payoutrun WHERE id = %(run)s) r,
        unnest(%(id)s::uuid[], %(payee_type)s::text[], %(payee_id)s::text[], %(currency)s::text[], %(method)s::text[],
            %(total)s::numeric[], %(line_count)s::int[])
        AS each(id, payee_type, payee_id, currency, method, total, line_count)
"""


class RunInProgress(DomainError):
    """Two runs at once would take each other's entries."""

    code = "run_in_progress"


def preview_run(*, period_end: dt.date, currency: str = "") -> list[Due]:
    """What a run would pay, carry over and leave out, payee by payee. Writes nothing but what is to be booked."""
    book()
    run = PayoutRun(period_end=period_end, until=_end_of(period_end), currency=currency)
    found: list[Due] = []
    reached = BEFORE_ALL
    with transaction.atomic():
        while keys := _next_keys(run, reached):
            _pick(run, reached, keys[-1])
            found += _dues()
            reached = keys[-1]
    return found


def start_run(*, period_end: dt.date, period_start: dt.date | None = None, currency: str = "", by: Any) -> PayoutRun:
    """A run over what was booked up to the end of the day, UTC; a worker builds it.

    Raises ValidationError by field, RunInProgress while another is built, LedgerOff while the books do not tie out."""
    check_ledger()
    _check_period(period_start, period_end)
    try:
        with transaction.atomic():
            run = PayoutRun.objects.create(
                period_start=period_start,
                period_end=period_end,
                until=_end_of(period_end),
                currency=currency,
                created_by=by,
            )
    except IntegrityError as error:
        if "one_run_at_a_time" not in str(error):
            raise
        raise RunInProgress("Another payout run is being built. Wait until it is, and start yours then.") from None
    queue_on_commit(tasks.build_run, str(run.pk))
    return run


def build_run(run_id: UUID) -> None:
    """Build what is left of the run. Safe at any time and by several workers: each slice is claimed under the run's
    lock, and says in the same transaction how far it came."""
    book()
    try:
        while _build_slice(run_id):
            pass
    except Exception as error:
        PayoutRun.objects.filter(pk=run_id, status=PayoutRun.Status.BUILDING).update(
            status=PayoutRun.Status.FAILED, error=str(error)[:1000], finished_at=timezone.now()
        )
        raise


def resume_lost_runs() -> None:
    for pk in PayoutRun.objects.filter(status=PayoutRun.Status.BUILDING).values_list("pk", flat=True):
        tasks.build_run.delay(str(pk))


def _build_slice(run_id: UUID) -> bool:
    """Whether there may be more. A void or a reissue may free or take an entry meanwhile: then the slice is tried
    again."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                return _claim_slice(run_id)
        except IntegrityError:
            if attempt == TRIES - 1:
                raise
    return False


def _claim_slice(run_id: UUID) -> bool:
    building = PayoutRun.objects.filter(status=PayoutRun.Status.BUILDING)
    run = building.select_for_update(skip_locked=True).filter(pk=run_id).first()
    if run is None:
        return False
    reached = tuple(run.reached) if run.reached else BEFORE_ALL
    keys = _next_keys(run, reached)
    if keys:
        _pick(run, reached, keys[-1])
        _write(run, _dues())
        run.reached, run.payees_done = list(keys[-1]), run.payees_done + len(keys)
    else:
        run.status, run.finished_at = PayoutRun.Status.BUILT, timezone.now()
    run.save(update_fields=["reached", "payees_done", "status", "finished_at"])
    return bool(keys)


def _write(run: PayoutRun, dues: Sequence[Due]) -> None:
    paid = {uuid7(): each for each in dues if each.is_paid}
    with connection.cursor() as cursor:
        cursor.execute(_PAYOUTS, _columns(paid) | {"run": run.pk})
    carried = Entry.objects.bulk_create(
        entry for pk, each in paid.items() if each.carried for entry in _carry(run, pk, each)
    )
    values = {"payouts": list(paid), "carried": [entry.pk for entry in carried if entry.amount > 0]}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, values)
    LeftOut.objects.bulk_create(
        LeftOut(
            run=run,
            payee_type=each.open.payee_type,
            payee_id=each.open.payee_id,
            currency=each.open.currency,
            **vars(reason),
        )
        for each in dues
        for reason in each.reasons
    )


def _columns(paid: dict[UUID, Due]) -> dict[str, list[Any]]:
    return {
        "id": list(paid),
        "payee_type": [each.open.payee_type for each in paid.values()],
        "payee_id": [each.open.payee_id for each in paid.values()],
        "currency": [each.open.currency for each in paid.values()],
        "method": [str(each.conditions.method) for each in paid.values()],
        "total": [each.total for each in paid.values()],
        "line_count": [each.open.entries + bool(each.carried) for each in paid.values()],
    }


def _carry(run: PayoutRun, payout_id: UUID, each: Due) -> tuple[Entry, Entry]:
    """Two that add up to nothing: one gives back in this payout what the other asks for in the next."""
    share = f"{each.conditions.recovery_cap} % of {each.open.earned} {each.open.currency} is taken back at most."

    def entry(amount: Decimal) -> Entry:
        return Entry(
            kind=Kind.CARRIED,
            payee_type=each.open.payee_type,
            payee_id=each.open.payee_id,
            currency=each.open.currency,
            amount=amount,
            payout_id=payout_id,
            note=share,
            created_by_id=run.created_by_id,
        )

    return entry(each.carried), entry(-each.carried)


def _dues() -> list[Due]:
    with connection.cursor() as cursor:
        cursor.execute(_SUMS)
        stands = [Open(*row) for row in cursor.fetchall()]
    found = conditions.of_payees([each.key for each in stands])
    return [due(each, found[each.key]) for each in stands]


def _next_keys(run: PayoutRun, reached: Sequence[str]) -> list[Key]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, _values(run, reached) | {"most": SLICE})
        return cursor.fetchall()


def _pick(run: PayoutRun, reached: Sequence[str], last: Key) -> None:
    """The slice's open entries as one look saw them: sums and lines come from the same rows."""
    named = dict(zip(("last_type", "last_id", "last_currency"), last, strict=True))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS payouts_picked")
        cursor.execute(
            f"CREATE TEMPORARY TABLE payouts_picked ON COMMIT DROP AS {_PICK}",
            _values(run, reached) | named | {"open": [str(status) for status in OPEN]},
        )
        cursor.execute("ANALYZE payouts_picked")


def _values(run: PayoutRun, reached: Sequence[str]) -> dict[str, Any]:
    after = dict(zip(("after_type", "after_id", "after_currency"), reached, strict=True))
    return after | {"until": run.until, "currency": run.currency}


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)


def _check_period(start: dt.date | None, end: dt.date) -> None:
    if end > timezone.now().astimezone(dt.UTC).date():
        raise ValidationError({"period_end": ValidationError("It is still to come.", code="in_the_future")})
    if start and start > end:
        raise ValidationError({"period_start": ValidationError("It is after the period's end.", code="invalid")})
