"""Writes of touchpoints, one or many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from attribution_site.errors import DomainError
from partners.models import Broker, Partner
from touchpoints.models import Touchpoint

# Few enough that a call of 10,000 ids does not fill the server's lock table, enough that calls rarely meet.
ID_LOCKS = 256
ROWS_A_STATEMENT = 1000


class TouchpointElsewhere(DomainError):
    """The id is taken by a touch at another time."""


@dataclass(frozen=True)
class Outcome:
    """What became of one row: a touchpoint, new or stored before, or the error that refuses it."""

    touchpoint: Touchpoint | None = None
    is_new: bool = False
    error: ValidationError | DomainError | None = None


def create_touchpoint(*, values: Mapping[str, Any]) -> tuple[Touchpoint, bool]:
    """Store one touch; with an id of the client's own, only once. True says that it is new."""
    [outcome] = create_touchpoints(rows=[values])
    if outcome.error:
        raise outcome.error
    assert outcome.touchpoint, "what is not refused is stored"
    return outcome.touchpoint, outcome.is_new


@transaction.atomic
def create_touchpoints(*, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Store every row that can be, and tell of each what became of it, in the order given."""
    own_ids = {row["id"] for row in rows if "id" in row}
    _lock(own_ids)
    seen = {touchpoint.id: touchpoint for touchpoint in Touchpoint.objects.filter(id__in=own_ids)}
    unknown = _unknown_payees(rows)
    outcomes = []
    for row in rows:
        outcomes.append(outcome := _judged(row, seen, unknown))
        if outcome.touchpoint:
            seen[outcome.touchpoint.id] = outcome.touchpoint
    new = [outcome.touchpoint for outcome in outcomes if outcome.touchpoint and outcome.is_new]
    Touchpoint.objects.bulk_create(new, batch_size=ROWS_A_STATEMENT)
    return outcomes


@transaction.atomic
def change_touchpoint(*, touchpoint_id: UUID, changes: Mapping[str, Any]) -> Touchpoint:
    """Change the named columns. The database refuses what would pull the ground from under frozen money."""
    touchpoint = Touchpoint.objects.select_for_update().get(pk=touchpoint_id)
    if errors := _payee_errors(changes, _unknown_payees([changes])):
        raise ValidationError(errors)
    for name, value in changes.items():
        setattr(touchpoint, name, value)
    if changes:
        touchpoint.save(update_fields=list(changes))
    return touchpoint


@transaction.atomic
def delete_touchpoint(*, touchpoint_id: UUID) -> None:
    Touchpoint.objects.select_for_update().get(pk=touchpoint_id).delete()


def _judged(row: Mapping[str, Any], seen: Mapping[UUID, Touchpoint], unknown: Mapping[str, set[str]]) -> Outcome:
    if errors := _payee_errors(row, unknown):
        return Outcome(error=ValidationError(errors))
    stored = seen.get(row["id"]) if "id" in row else None
    if stored is None:
        return Outcome(touchpoint=Touchpoint(**row), is_new=True)
    if stored.timestamp != row["timestamp"]:
        return Outcome(error=TouchpointElsewhere(f"Touchpoint {stored.id} exists at {stored.timestamp:%c} UTC."))
    return Outcome(touchpoint=stored)


def _lock(ids: Iterable[UUID]) -> None:
    """Of two calls with one id the second waits and then finds it. No unique index can say so, as the table's
    has the timestamp in it. Locks are taken in one order by all."""
    locks = sorted({int(each) % ID_LOCKS for each in ids})
    if locks:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('touchpoints.id'), number) FROM unnest(%s) AS number",
                [locks],
            )


def _unknown_payees(rows: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Of the partners and brokers named in the rows, those that do not exist, by column."""
    unknown = {}
    for column, payees in (("partner_id", Partner.objects), ("broker_id", Broker.objects)):
        named = {row[column] for row in rows if row.get(column) is not None}
        unknown[column] = named - set(payees.filter(pk__in=named).values_list("pk", flat=True))
    return unknown


def _payee_errors(row: Mapping[str, Any], unknown: Mapping[str, set[str]]) -> dict[str, ValidationError]:
    return {
        column: ValidationError(f"There is no {column.removesuffix('_id')} {row[column]}.", code="unknown")
        for column, missing in unknown.items()
        if row.get(column) in missing
    }
