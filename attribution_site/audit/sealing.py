"""The chain of seals: of every audit row, by the transaction that wrote it, and so complete once that is over."""

import datetime as dt
import hashlib
import hmac
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from attribution_site.audit.models import AuditSeal
from attribution_site.audit.tracking import AuditEvent, event_models

logger = logging.getLogger(__name__)
LOCK = "hashtext('audit.seals')"
# A row that was tampered with is found within its block: a seal of few rows has one a row.
BLOCKS_A_TABLE = 64
FETCHED_AT_ONCE = 5000
# What a row looks like as text must not hang on a session's settings.
PLAIN = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL bytea_output = 'hex'"


@dataclass(frozen=True)
class Range:
    cluster: int
    from_xact: int
    to_xact: int


@contextmanager
def plain_text() -> Iterator[None]:
    """One transaction in which rows are written as the seals have them."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PLAIN)
        yield


def seal() -> list[AuditSeal]:
    """Seal what was written since the last seal by transactions that are over; none where there is nothing new.

    Whatever is below the oldest transaction that runs is committed or gone for good, so no writer is locked out or
    waited for. One that runs for hours holds the seals up for hours.
    """
    with plain_text():
        _one("SELECT pg_advisory_xact_lock(" + LOCK + ")")
        return [made for part in _ranges() if (made := _seal(part))]


def _ranges() -> list[Range]:
    cluster, horizon = _one("SELECT audit_cluster(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    last = AuditSeal.objects.order_by("-number").values_list("cluster", flat=True).first()
    # Rows of another cluster came with a dump: all of them are there, whatever this cluster counts.
    strays = [] if last == cluster else [each for each in _clusters() if each != cluster]
    ranges = [Range(each, sealed_up_to(each), _last_xact(each) + 1) for each in strays]
    ranges.append(Range(cluster, sealed_up_to(cluster), horizon))
    return [part for part in ranges if part.from_xact < part.to_xact]


def sealed_up_to(cluster: int) -> int:
    last = AuditSeal.objects.filter(cluster=cluster).order_by("-from_xact").first()
    return last.to_xact if last else 0


def waiting_since() -> dt.datetime | None:
    """When the oldest of the rows was written that no seal has yet."""
    last = AuditSeal.objects.order_by("-number").values_list("to_xact", flat=True).first() or 0
    each = " UNION ALL ".join(
        f'SELECT min(pgh_created_at) AS at FROM "{model._meta.db_table}" WHERE pgh_xact >= %s'
        for model in event_models()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(at) FROM ({each}) of_tables", [last] * len(event_models()))
        [at] = cursor.fetchone()
    return at


def _clusters() -> list[int]:
    found: set[int] = set()
    for model in event_models():
        found.update(model.objects.order_by().values_list("pgh_cluster", flat=True).distinct())
    return sorted(found)


def _last_xact(cluster: int) -> int:
    of_cluster = (model.objects.filter(pgh_cluster=cluster).order_by("-pgh_xact") for model in event_models())
    return max((rows.values_list("pgh_xact", flat=True).first() or 0) for rows in of_cluster)


def _seal(part: Range) -> AuditSeal | None:
    contents = {model._meta.db_table: found for model in event_models() if (found := _contents(model, part))}
    if not contents:
        return None
    previous = AuditSeal.objects.order_by("-number").first()
    made = AuditSeal(
        number=previous.number + 1 if previous else 1,
        cluster=part.cluster,
        from_xact=part.from_xact,
        to_xact=part.to_xact,
        rows=sum(each["rows"] for each in contents.values()),
        contents=contents,
        previous_digest=previous.digest if previous else "",
    )
    made.digest = digest_of(made)
    made.mac = macs_of(made.digest)[0]
    made.save(force_insert=True)
    # Where logs are kept out of the database's reach, this line shows that seals were taken away.
    logger.info("Audit seal %s over %s rows: %s", made.number, made.rows, made.digest)
    return made


def _contents(model: type[AuditEvent], part: Range) -> dict[str, Any] | None:
    rows = model.objects.filter(
        pgh_cluster=part.cluster, pgh_xact__gte=part.from_xact, pgh_xact__lt=part.to_xact
    ).count()
    if not rows:
        return None
    columns = columns_of(model)
    where = "pgh_cluster = %s AND pgh_xact >= %s AND pgh_xact < %s"
    texts = (
        (pk, text) for pk, _, _, text in stream(model, columns, where, [part.cluster, part.from_xact, part.to_xact])
    )
    return {"columns": columns, "rows": rows, "blocks": list(_blocks(texts, -(-rows // BLOCKS_A_TABLE)))}


def columns_of(model: type[AuditEvent]) -> list[str]:
    """All of them, in an order that does not hang on how the table was made."""
    return sorted(str(field.column) for field in model._meta.concrete_fields)


def stream(
    model: type[AuditEvent], columns: Iterable[str], where: str = "true", values: Iterable[Any] = ()
) -> Iterator[tuple[int, int, int, str]]:
    """Rows in order of id: id, cluster, transaction, and their text by these columns."""
    named = ", ".join(f'"{column}"' for column in columns)
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT pgh_id, pgh_cluster, pgh_xact, json_build_array({named})::text"
            f' FROM "{model._meta.db_table}" WHERE {where} ORDER BY pgh_id',
            list(values),
        )
        while some := cursor.fetchmany(FETCHED_AT_ONCE):
            yield from some


def _blocks(texts: Iterable[tuple[int, str]], size: int) -> Iterator[list[Any]]:
    first, last, rows, digest = 0, 0, 0, hashlib.sha256()
    for pk, text in texts:
        if rows == size:
            yield [first, last, rows, digest.hexdigest()]
            rows, digest = 0, hashlib.sha256()
        first, last, rows = (pk if rows == 0 else first), pk, rows + 1
        digest.update(as_line(text))
    yield [first, last, rows, digest.hexdigest()]


def as_line(text: str) -> bytes:
    return text.encode() + b"\n"


def digest_of(made: AuditSeal) -> str:
    names = ("number", "cluster", "from_xact", "to_xact", "rows", "contents", "previous_digest")
    told = {name: getattr(made, name) for name in names}
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def macs_of(digest: str) -> list[str]:
    """By each of the keys that the database does not have; the first signs, any of them is believed."""
    keys = (hashlib.sha256(b"audit chain:" + key.encode()).digest() for key in settings.FIELD_ENCRYPTION_KEYS)
    return [hmac.new(key, digest.encode(), hashlib.sha256).hexdigest() for key in keys]


def _one(query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
