"""Which tables are under audit: `@audited()` on a model gives it an event table, and triggers that fill it.

The triggers are of statements, so that a bulk change costs one INSERT … SELECT. They are our own, not those that
pghistory would write: theirs join old and new rows with a plan that a session keeps, and one made for few rows is
quadratic in many; and they don't keep what a row was before.
"""

from typing import Any

import pghistory
import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.expressions import Func, RawSQL
from django.db.models.fields.json import KeyTextTransform
from pghistory import runtime
from pghistory.models import Event

INSERT, UPDATE, DELETE = "insert", "update", "delete"
# Of a row that was there before its table came under audit.
BASELINE = "baseline"


class AuditEvent(Event):
    """One change of one row: its columns afterwards (of a deleted row: before), and what pghistory's own event has."""

    pgh_id = models.BigAutoField(primary_key=True)
    pgh_created_at = models.DateTimeField(db_default=Func(function="clock_timestamp"))
    pgh_before = models.JSONField(null=True, help_text="Of an update: the columns that changed, as they were.")
    pgh_context = models.JSONField(null=True)
    # Which transaction of which cluster wrote it: by these, rows are sealed.
    pgh_cluster = models.BigIntegerField(db_default=Func(function="audit_cluster"))
    pgh_xact = models.BigIntegerField(db_default=Func(function="audit_xact"))
    # Who it was for the database itself, which a change past the application has too.
    pgh_login = models.CharField(max_length=63, db_default=RawSQL("session_user", ()))
    pgh_application = models.TextField(db_default=RawSQL("current_setting('application_name')", ()))
    pgh_address = models.GenericIPAddressField(null=True, db_default=Func(function="inet_client_addr"))

    # Whether each row has events from its first day on.
    is_complete = True
    # Whether rows may go without one: with the partition they lie in.
    may_vanish = False
    # Columns other than its id by which a row is looked for.
    searched: tuple[str, ...] = ()
    pgh_tracked_model: Any

    class Meta:
        abstract = True


class _Filled(pgtrigger.Trigger):
    """The trigger that writes the events of one statement."""

    level = pgtrigger.Statement
    when = pgtrigger.After
    declare = [("_at", "timestamptz"), ("_context", "jsonb"), ("_cluster", "bigint"), ("_xact", "bigint")]
    tables = {
        pgtrigger.Insert: {"new": "added"},
        pgtrigger.Update: {"old": "removed", "new": "added"},
        pgtrigger.Delete: {"old": "removed"},
    }

    def __init__(self, event_model, operation):
        self.event_model = event_model
        name = f"audit_{str(operation).lower()}"
        super().__init__(name=name, operation=operation, referencing=pgtrigger.Referencing(**self.tables[operation]))

    def get_func(self, model):
        columns = tracked_columns(self.event_model)
        key = model._meta.pk.column
        rows = _changed_rows(columns, key) if self.operation == pgtrigger.Update else _whole_rows(self.operation)
        some = "removed" if self.operation == pgtrigger.Delete else "added"
        names = ", ".join(f'"{column}"' for column in columns)
        return f"""
            IF NOT EXISTS (SELECT FROM {some}) THEN RETURN NULL; END IF;
            _at := clock_timestamp(); _context := audit_context(); _cluster := audit_cluster();
            _xact := audit_xact();
            INSERT INTO "{self.event_model._meta.db_table}" ({names}, "pgh_obj_id", "pgh_label", "pgh_before",
                "pgh_created_at", "pgh_context", "pgh_cluster", "pgh_xact")
            SELECT {names}, "{key}", _label, _before, _at, _context, _cluster, _xact FROM ({rows}) changed;
            RETURN NULL;
        """


def _whole_rows(operation):
    table, label = ("added", INSERT) if operation == pgtrigger.Insert else ("removed", DELETE)
    return f"SELECT *, '{label}' AS _label, NULL::jsonb AS _before FROM {table}"


def _changed_rows(columns, key):
    """A FULL JOIN, as no plan can make nested loops of one. A row whose key changed is one that went and one that came.
    Neither side may be filtered by a condition that would turn it into a lesser join."""
    after = ", ".join(f'CASE WHEN n."{key}" IS NULL THEN o."{c}" ELSE n."{c}" END AS "{c}"' for c in columns)
    before = " || ".join(
        f"""CASE WHEN o."{c}" IS DISTINCT FROM n."{c}" THEN jsonb_build_object('{c}', o."{c}") ELSE '{{}}' END"""
        for c in columns
    )
    old, new = (", ".join(f'{side}."{c}"' for c in columns) for side in "on")
    return f"""
        SELECT {after},
            CASE WHEN n."{key}" IS NULL THEN '{DELETE}' WHEN o."{key}" IS NULL THEN '{INSERT}' ELSE '{UPDATE}' END
                AS _label,
            CASE WHEN n."{key}" IS NOT NULL AND o."{key}" IS NOT NULL THEN {before} END AS _before
        FROM removed o FULL JOIN added n ON o."{key}" = n."{key}"
        WHERE ({old}) IS DISTINCT FROM ({new})
    """


def tracked_columns(event_model):
    """The columns that event and tracked table have in common, in the tracked table's order."""
    kept = {field.column for field in event_model._meta.concrete_fields}
    return [field.column for field in event_model.pgh_tracked_model._meta.concrete_fields if field.column in kept]


class _Watch(pghistory.RowEvent):
    row = "NEW"

    def __init__(self, label, operation):
        super().__init__(label, operation=operation, row="OLD" if label == DELETE else "NEW")

    def setup(self, event_model):
        pgtrigger.register(_Filled(event_model, self.operation))(event_model.pgh_tracked_model)


def _refusal(name, operation, verb):
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=operation,
        func=f"""
            RAISE EXCEPTION 'Audit rows cannot be {verb}: % is append-only', TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        """,
    )


def refusals():
    """The triggers of a table to which rows are only ever added."""
    return [
        _refusal("append_only", pgtrigger.Update | pgtrigger.Delete, "changed or deleted"),
        _refusal("no_truncate", pgtrigger.Truncate, "emptied"),
    ]


def _indexes(name, searched):
    by_time = ("pgh_created_at", "pgh_id")
    # Names have 30 characters at the most.
    short = name.lower().removesuffix("event")[:18]
    yield models.Index(fields=["pgh_obj", "pgh_id"], name=f"{short}_ev_obj")
    yield models.Index(fields=["pgh_label", *by_time], name=f"{short}_ev_label")
    yield BrinIndex(fields=["pgh_xact"], name=f"{short}_ev_xact", autosummarize=True, pages_per_range=32)
    for key in ("user", "key"):
        value = KeyTextTransform(key, "pgh_context")
        yield models.Index(value, *by_time, name=f"{short}_ev_{key}", condition=_has(key))
    # Few rows have one value of these, or they are asked for together: the value alone, which takes a fraction.
    yield models.Index(
        KeyTextTransform("request", "pgh_context"), name=f"{short}_ev_request", condition=_has("request")
    )
    for column in searched:
        yield models.Index(fields=[column], name=f"{short}_ev_{column[:6]}")


def _has(key):
    return models.Q(**{f"pgh_context__{key}__isnull": False})


def audited(
    *, fields=None, exclude=None, inserts=True, may_vanish=False, searched=(), told=(), name=None, app_label=None
):
    """Put a model under audit. `exclude`: columns that are no one's business or change all the time; a change of these
    alone leaves no row. `inserts=False`: only changes and deletions of its rows. `searched`: columns by which the
    audit log finds its rows, such as the lead. `told`: labels of events that no change of a column shows, which the
    application writes by `tell`. For another's model, track a proxy of it and give `app_label`."""

    def track(model):
        operations = {INSERT: pgtrigger.Insert, UPDATE: pgtrigger.Update, DELETE: pgtrigger.Delete}
        watches = [_Watch(label, operation) for label, operation in operations.items() if inserts or label != INSERT]
        by_application = [pghistory.ManualEvent(label) for label in told]
        event_name = name or f"{model._meta.object_name}Event"
        return pghistory.track(
            *watches,
            *by_application,
            fields=fields,
            exclude=exclude,
            model_name=event_name,
            app_label=app_label,
            base_model=AuditEvent,
            obj_field=pghistory.ObjForeignKey(db_index=False, related_name="audit_events"),
            context_field=None,  # type: ignore[arg-type]  # ours is in the base
            context_id_field=None,  # type: ignore[arg-type]
            append_only=False,
            attrs={"is_complete": inserts, "may_vanish": may_vanish, "searched": tuple(searched)},
            meta={"indexes": list(_indexes(event_name, searched)), "triggers": refusals()},
        )(model)

    return track


def tell(row, label):
    """Write an event that no change of a column shows: one of the labels that the model was `told`."""
    event_model = row.pgh_event_model
    kept = {name: getattr(row, name) for name in tracked_columns(event_model)}
    context = getattr(runtime._tracker, "value", None)
    event_model.objects.create(pgh_label=label, pgh_obj=row, pgh_context=context and context.metadata, **kept)


def event_models():
    """The event tables, in the order in which they are sealed."""
    found = [model for model in pghistory.core.event_models() if issubclass(model, AuditEvent)]
    return sorted(found, key=lambda model: model._meta.db_table)
