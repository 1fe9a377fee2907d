"""Month partitions of the touchpoint table: made ahead, and for whatever months an import brings."""

import datetime as dt
from collections.abc import Iterable, Iterator

import pgtrigger
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

MONTHS_AHEAD = 3
LOCK = "hashtext('touchpoints.partitions')"


def month_of(moment: dt.datetime) -> dt.date:
    return moment.astimezone(dt.UTC).date().replace(day=1)


def next_month(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1)


def months_between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    while first <= last:
        yield first
        first = next_month(first)


def existing_partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'touchpoints_touchpoint'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def create_partitions(months: Iterable[dt.date]) -> list[str]:
    """Make the partitions that are missing among these months (first days); the names of the new ones.

    Rows that the default partition holds for such a month move into it. Safe to call at once from anywhere.
    """
    wanted = {f"touchpoints_touchpoint_{month:%Y_%m}": month for month in sorted(set(months))}
    if wanted.keys() <= existing_partitions():
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        missing = [name for name in wanted if name not in existing_partitions()]
        for name in missing:
            _create(cursor, name, wanted[name])
    return missing


def create_partitions_ahead() -> list[str]:
    this_month = month_of(timezone.now())
    last = this_month
    for _ in range(MONTHS_AHEAD):
        last = next_month(last)
    return create_partitions(months_between(this_month, last))


def _create(cursor: CursorWrapper, name: str, month: dt.date) -> None:
    bounds = {"start": f"{month} 00:00+00", "end": f"{next_month(month)} 00:00+00"}
    cursor.execute(f"CREATE TABLE {name} (LIKE touchpoints_touchpoint INCLUDING ALL)")
    # Writers wait here, so that no row slips into the default partition between the move and the attach.
    cursor.execute("LOCK TABLE touchpoints_touchpoint_default IN ACCESS EXCLUSIVE MODE")
    with pgtrigger.ignore("touchpoints.Touchpoint:audit_delete"):  # they only move
        _move(cursor, name, bounds)
    cursor.execute(
        f"ALTER TABLE touchpoints_touchpoint ATTACH PARTITION {name}"
        f" FOR VALUES FROM ('{bounds['start']}') TO ('{bounds['end']}')"
    )
    cursor.execute("SELECT audit_watch_partition(%s::regclass)", [name])


def _move(cursor: CursorWrapper, name: str, bounds: dict[str, str]) -> None:
    cursor.execute(
        "WITH moved AS (DELETE FROM touchpoints_touchpoint_default"
        ' WHERE "timestamp" >= %s AND "timestamp" < %s RETURNING *)'
        f" INSERT INTO {name} SELECT * FROM moved",
        [bounds["start"], bounds["end"]],
    )
