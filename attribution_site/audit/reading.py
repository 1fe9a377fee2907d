"""The audit log as one list, newest first, however many tables and rows it has.

Each table gives its own newest rows along an index, and of those the newest are taken: a page costs the same over ten
rows and ten million. One goes on behind the last row that was shown.
"""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import connection

from attribution_site.audit.tracking import BASELINE, DELETE, INSERT, UPDATE, AuditEvent, event_models, tracked_columns

LABELS = (INSERT, UPDATE, DELETE, BASELINE)
PAGE = 50


class Place(NamedTuple):
    """Where in the list a row is."""

    at: dt.datetime
    table: str
    pk: int


@dataclass(frozen=True)
class Question:
    """What of the log is asked for. `named`: the id of an object, or a lead."""

    kind: str = ""
    object_id: str = ""
    named: str = ""
    user: str = ""
    key: str = ""
    request: str = ""
    action: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Entry:
    """One row of the log. Values are as JSON has them."""

    model: type[AuditEvent]
    row: dict[str, Any] = field(repr=False)

    @property
    def pk(self) -> int:
        return int(self.row["pgh_id"])

    @property
    def at(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.row["pgh_created_at"])

    @property
    def place(self) -> Place:
        return Place(self.at, self.model._meta.db_table, self.pk)

    @property
    def action(self) -> str:
        return str(self.row["pgh_label"])

    @property
    def object_id(self) -> str:
        return str(self.row["pgh_obj_id"])

    @property
    def context(self) -> dict[str, Any]:
        return self.row["pgh_context"] or {}

    @property
    def whole(self) -> dict[str, Any]:
        return {column: self.row[column] for column in tracked_columns(self.model)}

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """Column, before, after: of what changed, or of all that a new or deleted row has."""
        if self.action == UPDATE:
            before = self.row["pgh_before"] or {}
            return [(column, before[column], value) for column, value in self.whole.items() if column in before]
        some = [(column, value) for column, value in self.whole.items() if value not in (None, "", [], {})]
        if self.action == DELETE:
            return [(column, value, None) for column, value in some]
        return [(column, None, value) for column, value in some]


def kind_of(model: type[AuditEvent]) -> str:
    return str(model.pgh_tracked_model._meta.label_lower)


def kinds() -> dict[str, type[AuditEvent]]:
    return {kind_of(model): model for model in event_models()}


def newest(question: Question, *, behind: Place | None = None, limit: int = PAGE) -> list[Entry]:
    """Two queries, of which each asks every table."""
    sources = [source for model in event_models() for source in _sources(model, question, behind, limit)]
    if not sources:
        return []
    # UNION, as one row may be found by its own id and by its lead.
    together = " UNION ".join(f"({text})" for text, _ in sources)
    values = [value for _, values in sources for value in values]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({together}) found ORDER BY at DESC, kind, pgh_id DESC LIMIT {limit}", values)
        found = cursor.fetchall()
    return entries([(table, pk) for _, table, pk in found])


def entries(places: list[tuple[str, int]]) -> list[Entry]:
    """Those rows, in this order, as far as they are there."""
    models = {model._meta.db_table: model for model in event_models()}
    ids: dict[str, list[int]] = {}
    for table, pk in places:
        ids.setdefault(table, []).append(pk)
    if not ids:
        return []
    wanted = " UNION ALL ".join(
        f"SELECT '{table}', to_jsonb(e) FROM \"{table}\" e WHERE pgh_id = ANY(%s)" for table in ids
    )
    with connection.cursor() as cursor:
        cursor.execute(wanted, list(ids.values()))
        rows = {(table, row["pgh_id"]): Entry(models[table], row) for table, row in _decoded(cursor)}
    return [rows[place] for place in places if place in rows]


def _decoded(cursor: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for table, text in cursor:
        # Amounts as they are written: a float would lose their last zeros.
        yield table, json.loads(text, parse_float=str)


def everything(question: Question, *, at_once: int = 1000) -> Iterator[Entry]:
    """All of it, newest first, page by page."""
    behind = None
    while some := newest(question, behind=behind, limit=at_once):
        yield from some
        behind = some[-1].place


def _sources(
    model: type[AuditEvent], question: Question, behind: Place | None, limit: int
) -> Iterator[tuple[str, list[Any]]]:
    if question.kind and question.kind != kind_of(model):
        return
    table = model._meta.db_table
    for way in _ways(model, question):
        parts = [*way, *_within(question), *_behind(table, behind)]
        where = " AND ".join(text for text, _ in parts) or "true"
        values = [value for _, values in parts for value in values]
        yield (
            f'SELECT pgh_created_at AS at, \'{table}\'::text COLLATE "C" AS kind, pgh_id FROM "{table}" WHERE {where}'
            f" ORDER BY pgh_created_at DESC, pgh_id DESC LIMIT {limit}",
            values,
        )


Condition = tuple[str, list[Any]]


def _ways(model: type[AuditEvent], question: Question) -> Iterator[list[Condition]]:
    """The ways in which an index finds them."""
    labels = [question.action] if question.action else LABELS
    by_label: list[Condition] = [("pgh_label = %s", [question.action])] if question.action else []
    found = [*_by_object(model, question), *_by_context(question)]
    if question.named:
        for column in ("pgh_obj_id", *model.searched):
            if (value := _value(model, column, question.named)) is not None:
                yield [*found, (f'"{column}" = %s', [value]), *by_label]
    elif question.object_id and not _by_object(model, question):
        return
    elif found:
        yield [*found, *by_label]
    else:
        yield from ([("pgh_label = %s", [label])] for label in labels)


def _by_object(model: type[AuditEvent], question: Question) -> list[Condition]:
    value = _value(model, "pgh_obj_id", question.object_id) if question.object_id else None
    return [] if value is None else [("pgh_obj_id = %s", [value])]


def _by_context(question: Question) -> list[Condition]:
    asked = {"user": question.user, "key": question.key, "request": question.request}
    # The first half is the condition of the index.
    return [
        (f"(pgh_context -> '{name}') IS NOT NULL AND pgh_context ->> '{name}' = %s", [value])
        for name, value in asked.items()
        if value
    ]


def _within(question: Question) -> Iterator[Condition]:
    if question.since:
        yield "pgh_created_at >= %s", [question.since]
    if question.until:
        yield "pgh_created_at < %s", [question.until]


def _behind(table: str, place: Place | None) -> Iterator[Condition]:
    if place is None:
        return
    if table == place.table:
        yield "(pgh_created_at, pgh_id) < (%s, %s)", [place.at, place.pk]
    else:
        yield f"pgh_created_at {'<=' if table > place.table else '<'} %s", [place.at]


def _value(model: type[AuditEvent], column: str, text: str) -> Any:
    """What the column can be compared with; None for a text that none of its values can be."""
    target: Any = model.pgh_tracked_model._meta.pk if column == "pgh_obj_id" else model._meta.get_field(column)
    try:
        return target.to_python(text)
    except (ValidationError, ValueError):
        return None
