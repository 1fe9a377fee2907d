"""Is the audit log what it was when it was sealed, and are the rows what the log says?"""

import hashlib
import hmac
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pgtrigger
from django.db import connection

from attribution_site.audit import sealing, witnesses
from attribution_site.audit.models import AuditSeal
from attribution_site.audit.tracking import DELETE, AuditEvent, event_models, tracked_columns

Block = tuple[int, int, int, str]


@dataclass(frozen=True)
class Finding:
    """`what`: changed, removed, inserted, chain, trigger, or live (a row that is not what the log says)."""

    what: str
    text: str
    table: str = ""
    row: str = ""
    seal: int | None = None


def check_chain(seals: Iterable[AuditSeal], *, expected: tuple[int, str] | None = None) -> Iterator[Finding]:
    """Each seal by itself, and that it follows the one before. `expected`: number and digest of one that was noted
    elsewhere; without it, seals taken away at the end are not missed."""
    previous: AuditSeal | None = None
    ends: dict[int, int] = {}
    seen = expected is None
    for each in seals:
        for wrong in _wrong_with(each, previous, ends.get(each.cluster)):
            yield Finding("chain", f"Seal {each.number} {wrong}.", seal=each.number)
        if expected and each.number == expected[0]:
            seen = each.digest == expected[1]
        previous, ends[each.cluster] = each, each.to_xact
    if not seen and expected:
        yield Finding("chain", f"Seal {expected[0]} is not there with digest {expected[1]}.", seal=expected[0])


def _wrong_with(each: AuditSeal, previous: AuditSeal | None, end: int | None) -> Iterator[str]:
    if each.number != (previous.number + 1 if previous else 1):
        yield f"comes after {f'seal {previous.number}' if previous else 'none'}: some are missing"
    if each.previous_digest != (previous.digest if previous else ""):
        yield "does not name the digest of the one before it"
    if end is not None and each.from_xact != end:
        yield "does not begin where the one before it ends"
    if sealing.digest_of(each) != each.digest:
        yield "was changed: its digest is of other contents"
    if not any(hmac.compare_digest(mac, each.mac) for mac in sealing.macs_of(each.digest)):
        yield "is not signed by any of FIELD_ENCRYPTION_KEYS"


class Places:
    """Which seal a row belongs to, by cluster and transaction."""

    def __init__(self, seals: Iterable[AuditSeal]) -> None:
        self.starts: dict[int, list[int]] = defaultdict(list)
        self.numbers: dict[int, list[int]] = defaultdict(list)
        self.ends: dict[int, int] = {}
        self.last = 0
        for each in sorted(seals, key=lambda one: one.from_xact):
            self.starts[each.cluster].append(each.from_xact)
            self.numbers[each.cluster].append(each.number)
            self.ends[each.cluster] = each.to_xact
            self.last = max(self.last, each.number)

    def of(self, cluster: int, xact: int) -> int | None:
        if xact >= self.ends.get(cluster, 0):
            return None
        place = bisect_right(self.starts[cluster], xact) - 1
        return self.numbers[cluster][place] if place >= 0 else None


@dataclass
class _Sealed:
    """What one seal says of one table, held against the rows as they come, in order of id."""

    seal: int
    table: str
    blocks: list[Block]
    at: int = 0
    rows: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, pk: int, text: str) -> Iterator[Finding]:
        while self.at < len(self.blocks) and pk > self.blocks[self.at][1]:
            yield from self.close()
        if self.at == len(self.blocks) or pk < self.blocks[self.at][0]:
            yield self._found("inserted", str(pk), f"audit row {pk} was put in after sealing")
        else:
            self.digest.update(sealing.as_line(text))
            self.rows += 1

    def close(self) -> Iterator[Finding]:
        first, last, rows, digest = self.blocks[self.at]
        which = f"audit row {first}" if first == last else f"audit rows {first} to {last}"
        row = str(first) if first == last else f"{first}–{last}"
        if self.rows < rows:
            yield self._found("removed", row, f"{rows - self.rows} of {rows} of {which} removed")
        elif self.rows > rows:
            yield self._found("inserted", row, f"among {which} {self.rows - rows} put in after sealing")
        elif self.digest.hexdigest() != digest:
            yield self._found("changed", row, f"{which} changed after sealing")
        self.at, self.rows, self.digest = self.at + 1, 0, hashlib.sha256()

    def rest(self) -> Iterator[Finding]:
        while self.at < len(self.blocks):
            yield from self.close()

    def _found(self, what: str, row: str, text: str) -> Finding:
        return Finding(what, f"{self.table}: {text} (seal {self.seal}).", self.table, row, self.seal)


def check_contents(model: type[AuditEvent], places: Places) -> Iterator[Finding]:
    """The rows of one event table against all seals."""
    table = model._meta.db_table
    groups: dict[tuple[str, ...], dict[int, _Sealed]] = defaultdict(dict)
    # One that is made meanwhile is for the next time.
    told = AuditSeal.objects.filter(contents__has_key=table, number__lte=places.last)
    for number, content in told.values_list("number", f"contents__{table}").iterator():
        blocks = [(first, last, rows, digest) for first, last, rows, digest in content["blocks"]]
        groups[tuple(content["columns"])][number] = _Sealed(number, table, blocks)
    here = set(sealing.columns_of(model))
    known = {number for group in groups.values() for number in group}
    for columns, sealed in groups.items():
        if gone := set(columns) - here:
            yield Finding("changed", f"{table}: the sealed columns {', '.join(sorted(gone))} are gone.", table)
            continue
        for pk, cluster, xact, text in sealing.stream(model, columns):
            if (number := places.of(cluster, xact)) in sealed:
                yield from sealed[number].take(pk, text)
        for each in sealed.values():
            yield from each.rest()
    yield from _without_seal(model, places, known)


def _without_seal(model: type[AuditEvent], places: Places, known: set[int]) -> Iterator[Finding]:
    """Rows of seals that know nothing of this table, and such as no transaction that is still to be sealed can have
    written."""
    table, waiting = model._meta.db_table, []
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_cluster()")
        [here] = cursor.fetchone()
    for pk, cluster, xact, _ in sealing.stream(model, ["pgh_id"]):
        number = places.of(cluster, xact)
        if number is None and cluster == here and xact >= places.ends.get(here, 0):
            waiting.append((pk, xact))
        elif number not in known:
            text = f"{table}: audit row {pk} was put in after sealing (seal {number})."
            yield Finding("inserted", text, table, str(pk), number)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        [following] = cursor.fetchone()
    for pk, xact in waiting:
        if xact >= following:
            yield Finding("inserted", f"{table}: audit row {pk} is of no transaction that there was.", table, str(pk))


def check_live(model: type[AuditEvent]) -> Iterator[Finding]:
    """Rows of the tracked table against the latest that the log has of each."""
    tracked = model.pgh_tracked_model._meta
    columns, key = tracked_columns(model), tracked.pk.column
    live, logged = (", ".join(f'{side}."{c}"' for c in columns) for side in "le")
    odd = [f"e.pgh_label <> '{DELETE}' AND l.\"{key}\" IS NOT NULL AND ({live}) IS DISTINCT FROM ({logged})"]
    if not model.may_vanish:
        odd.append(f"e.pgh_label <> '{DELETE}' AND l.\"{key}\" IS NULL")
    if model.is_complete:
        odd.append(f"l.\"{key}\" IS NOT NULL AND coalesce(e.pgh_label, '{DELETE}') = '{DELETE}'")
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"""
            SELECT coalesce(l."{key}", e.pgh_obj_id)::text, e.pgh_id, l."{key}" IS NULL, to_jsonb(l), to_jsonb(e)
            FROM (SELECT DISTINCT ON (pgh_obj_id) * FROM "{model._meta.db_table}"
                  ORDER BY pgh_obj_id, pgh_id DESC) e
            {"FULL" if model.is_complete else "LEFT"} JOIN "{tracked.db_table}" l ON l."{key}" = e.pgh_obj_id
            WHERE ({") OR (".join(odd)})
        """)
        for row, event, is_gone, live_row, logged_row in cursor:
            text = _odd_row(columns, event, is_gone, live_row, logged_row)
            yield Finding("live", f"{tracked.db_table}: row {row} {text}.", tracked.db_table, row)


def check_unlogged(model: type[AuditEvent]) -> Iterator[Finding]:
    """Rows of the tracked table that the log knows nothing of, as none is noted when it comes, against what else the
    database says of them."""
    table = model.pgh_tracked_model._meta.db_table
    for query in witnesses.queries_of(table):
        with connection.chunked_cursor() as cursor:
            cursor.execute(query)
            for row, text in cursor:
                yield Finding("live", f"{table}: row {row} {text}.", table, row)


def _odd_row(columns: list[str], event: int | None, is_gone: bool, live_row: str, logged_row: str) -> str:
    if is_gone:
        return f"is gone, and the log (audit row {event}) does not say so"
    if event is None:
        return "is there, and the log knows nothing of it"
    live, logged = (json.loads(each, parse_float=str) for each in (live_row, logged_row))
    if logged["pgh_label"] == DELETE:
        return f"is there, and the log (audit row {event}) says that it was deleted"
    other = [name for name in columns if live[name] != logged[name]]
    return f"is not what the log (audit row {event}) says: {', '.join(other)}"


def check_triggers() -> Iterator[Finding]:
    """That what writes and guards the log is there and switched on."""
    ours = {model: model._meta.db_table for model in (*event_models(), AuditSeal)}
    ours |= {model.pgh_tracked_model: model.pgh_tracked_model._meta.db_table for model in event_models()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')")
        on = set(cursor.fetchall())
    for model, trigger in pgtrigger.registered():
        guards = str(trigger.name).startswith("audit_") or trigger.name in {"append_only", "no_truncate"}
        if model in ours and guards and (ours[model], trigger.get_pgid(model)) not in on:
            yield Finding("trigger", f"{ours[model]}: the trigger {trigger.name} is off or missing.", ours[model])
