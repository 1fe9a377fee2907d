"""Writes of touchpoints, one or many."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from attribution_site.errors import DomainError
from attribution_site.isolation import as_owner
from partners.models import uuid7
from touchpoints.ingestion import payees
from touchpoints.ingestion.touch import COLUMNS, Touch, as_json
from touchpoints.models import Touchpoint
from touchpoints.redaction import REDACTED_FIELDS, redactions

# Few enough that a call of 10,000 ids does not fill the server's lock table, enough that calls rarely meet.
ID_LOCKS = 256

RESTED = 5.0  # seconds
# Who sees that a lead has converted could else put itself into the journey afterwards.
_TOO_OLD = "More than {} hours ago. Partners and brokers report a touch when it happens."

_texts = attrgetter(*REDACTED_FIELDS)

# Kind and id of the partner or broker that asks, if one does (`partners.models.payee_of`).
Payee = tuple[str, str] | None

# The rows as one JSON text: nothing is quicker to make, and one plan serves any number of them.
_TYPES = {"id": "uuid", "click_ids": "jsonb", "timestamp": "timestamptz", "redacted": "text[]"}
INSERT = """INSERT INTO touchpoints_touchpoint ({columns})
    SELECT {names} FROM json_to_recordset(%s) AS sent ({typed})""".format(
    columns=", ".join(f'"{column}"' for column in COLUMNS),
    names=", ".join(f'"{name}"' for name in COLUMNS.values()),
    typed=", ".join(f'"{name}" {_TYPES.get(column, "text")}' for column, name in COLUMNS.items()),
)


class TouchpointElsewhere(DomainError):
    """The id is taken by another touch."""


class TouchpointShared(DomainError):
    """The touch names somebody else too, whose money hangs on what it is."""

    code = "shared"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: the touch, new or named like one stored before, or the error that refuses it."""

    touch: Touch | None = None
    is_new: bool = False
    error: ValidationError | DomainError | None = None


def create_touchpoint(*, values: Mapping[str, Any], payee: Payee = None) -> tuple[Touch, bool]:
    """Store one touch; with an id of the client's own, only once. True says that it is new."""
    [outcome] = create_touchpoints(rows=[Touch(**values)], payee=payee)
    if outcome.error:
        raise outcome.error
    assert outcome.touch, "what is not refused is stored"
    return outcome.touch, outcome.is_new


def create_touchpoints(*, rows: Sequence[Touch], payee: Payee = None) -> list[Outcome]:
    """Store every row that can be, in one commit, and tell of each what became of it, in the order given."""
    named = {column: {getattr(row, column) for row in rows} - {None} for column in payees.OF_COLUMN}
    unknown = _unknown_payees(named, payee)
    own_ids = {row.id for row in rows if row.id is not None}
    if not own_ids:
        outcomes = [_judged(row, payee, unknown, {}) for row in rows]
        _insert(outcomes)
        return outcomes
    with transaction.atomic():
        _lock(own_ids)
        seen = _seen(own_ids, payee)
        outcomes = [_judged(row, payee, unknown, seen) for row in rows]
        _insert(outcomes)
    return outcomes


@transaction.atomic
def change_touchpoint(*, touchpoint_id: UUID, changes: Mapping[str, Any], payee: Payee = None) -> Touchpoint:
    """Change the named columns. The database refuses what would pull the ground from under frozen money."""
    touchpoint = Touchpoint.objects.select_for_update().get(pk=touchpoint_id)
    changes = _kept_in_hand(changes, payee)
    if payee:
        _check_own_change(touchpoint, changes)
    named = {column: {changes[column]} for column in payees.OF_COLUMN if changes.get(column) is not None}
    if errors := _payee_errors(changes, _unknown_payees(named, payee)):
        raise ValidationError(errors)
    changes |= _redacted(touchpoint, changes)
    for name, value in changes.items():
        setattr(touchpoint, name, value)
    if changes:
        touchpoint.save(update_fields=list(changes))
    return touchpoint


@transaction.atomic
def delete_touchpoint(*, touchpoint_id: UUID, payee: Payee = None) -> None:
    touchpoint = Touchpoint.objects.select_for_update().get(pk=touchpoint_id)
    if payee:
        _check_own_alone(touchpoint)
    touchpoint.delete()


def _check_own_change(touchpoint: Touchpoint, changes: Mapping[str, Any]) -> None:
    """What a partner or broker may change of its touch: neither whose journey it is in, nor where, nor, where it is
    another's too, the channel that decides who is paid for it."""
    errors = {
        name: ValidationError("This cannot change. Delete the touch and send another.", code="fixed")
        for name in ("lead_id", "timestamp")
        if name in changes and changes[name] != getattr(touchpoint, name)
    }
    if errors:
        raise ValidationError(errors)
    if changes.get("channel", touchpoint.channel) != touchpoint.channel:
        _check_own_alone(touchpoint)


def _check_own_alone(touchpoint: Touchpoint) -> None:
    if touchpoint.partner_id is not None and touchpoint.broker_id is not None:
        raise TouchpointShared("This touch counts for somebody else too: one alone cannot take it away or change why.")


def _seen(ids: Iterable[UUID], payee: Payee) -> dict[UUID, tuple[Any, ...]]:
    """Time, partner and broker of the touches that are there. An id is taken even for whom its touch is not there."""
    stored = Touchpoint.objects.filter(id__in=ids).values_list("id", "timestamp", "partner_id", "broker_id")
    with as_owner() if payee else nullcontext():
        return {row[0]: row[1:] for row in stored}


def _judged(row: Touch, payee: Payee, unknown: Mapping[str, set[str]], seen: dict[UUID, tuple[Any, ...]]) -> Outcome:
    """What becomes of the row. `seen`: time, partner and broker by id, of those with ids of the client's own."""
    named = {"partner_id": row.partner_id, "broker_id": row.broker_id}
    if errors := _payee_errors(named, unknown):
        return Outcome(error=ValidationError(errors))
    touch = _clean(row, payee)
    stored = seen.get(row.id) if row.id else None
    if stored is None:
        if payee and _is_too_old(row):
            message = _TOO_OLD.format(settings.PARTNER_TOUCH_HOURS)
            return Outcome(error=ValidationError({"timestamp": ValidationError(message, code="too_old")}))
        if row.id:
            seen[row.id] = touch.timestamp, touch.partner_id, touch.broker_id
        return Outcome(touch=touch, is_new=True)
    if payee and payee[1] != stored[1 if payee[0] == "partner" else 2]:
        return Outcome(error=TouchpointElsewhere("This id is taken."))
    if stored[0] != row.timestamp:
        return Outcome(error=TouchpointElsewhere(f"Touchpoint {row.id} exists at {stored[0]:%c} UTC."))
    return Outcome(touch=touch)


def _is_too_old(row: Touch) -> bool:
    return row.timestamp < timezone.now() - timedelta(hours=settings.PARTNER_TOUCH_HOURS)


def _clean(row: Touch, payee: Payee) -> Touch:
    """The row as it is stored: with an id, its asker's own id if it named none, and without what looks personal."""
    touch = copy(row)
    touch.id = row.id or uuid7()
    if clean := redactions(_texts(row)):
        touch.redacted = sorted(clean)
        for name, text in clean.items():
            setattr(touch, name, text)
    if payee:
        setattr(touch, f"{payee[0]}_id", payee[1])
    return touch


def make_ready() -> None:
    """See that the connection is there. It is asked whether it still lives only where it has rested for a while: asking
    at every request costs as much as a third of writing a touch."""
    now = time.monotonic()
    if now - getattr(connection, "last_at_work", -RESTED) >= RESTED:
        connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.last_at_work = now  # type: ignore[attr-defined]


def _insert(outcomes: Iterable[Outcome]) -> None:
    touches = [outcome.touch for outcome in outcomes if outcome.is_new]
    if not touches:
        return
    make_ready()
    # Past Django's cursor, which would write each value into the text of the statement: so no plan could be kept.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(INSERT, [as_json(touches).decode()], prepare=True)


def _redacted(touchpoint: Touchpoint, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the change of texts changes further: what looks personal goes, and is noted until the text is another."""
    clean = redactions(changes.get(name) for name in REDACTED_FIELDS)
    noted = touchpoint.redacted or []
    still = {name for name in noted if name not in changes or changes[name] == getattr(touchpoint, name)}
    now_noted = sorted({*clean, *still}) or None
    return clean if now_noted == touchpoint.redacted else clean | {"redacted": now_noted}


def _lock(ids: Iterable[UUID]) -> None:
    """Of two calls with one id the second waits and then finds it. No unique index can say so, as the table's
    has the timestamp in it. Locks are taken in one order by all."""
    locks = sorted({int(each) % ID_LOCKS for each in ids})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('touchpoints.id'), number) FROM unnest(%s) AS number",
            [locks],
        )


def _kept_in_hand(changes: Mapping[str, Any], payee: Payee) -> dict[str, Any]:
    """A partner's touches stay its own whatever it leaves out, and whose else they are it cannot undo."""
    kept = {"partner_id", "broker_id"} if payee else set()
    return {name: value for name, value in changes.items() if value is not None or name not in kept}


def _unknown_payees(named: Mapping[str, set[str]], payee: Payee) -> dict[str, set[str]]:
    """Of the partners and brokers named, by column, those that do not exist. To one of them nobody else does."""
    if payee:
        own = {f"{payee[0]}_id": {payee[1]}}
        return {column: ids - own.get(column, set()) for column, ids in named.items()}
    return {column: payees.unknown(column, ids) for column, ids in named.items()}


def _payee_errors(row: Mapping[str, Any], unknown: Mapping[str, set[str]]) -> dict[str, ValidationError]:
    return {
        column: ValidationError(f"There is no {column.removesuffix('_id')} {row[column]}.", code="unknown")
        for column, missing in unknown.items()
        if row.get(column) in missing
    }
