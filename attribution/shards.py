"""One shard of a run, from stored touches to committed records, in one transaction.

A thread with its own connection reads, calculates and compares the next conversions while the records of the
ones before are copied. Two calculations of one conversion wait for each other on the lead's bucket.
"""

import datetime as dt
import queue
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from psycopg import sql

from attribution import announcing, differences, holds, kept, records, store
from attribution.models import AttributionRecord
from attribution.reading import Batch, Selection, read
from attribution_site.errors import DomainError

# Conversions a block: enough to make COPY worth while, few enough to be ready soon.
BLOCK = 5000
# How many finished plans may wait to be written; more would only fill memory.
PLANS_AHEAD = 2

Item = TypeVar("Item")


class RecordsMoved(DomainError):
    """A record was approved or disputed between being read and being replaced: calculate again."""

    code = "records_moved"


class ShardTaken(Exception):
    """Another worker has this shard, or has finished it."""


@dataclass(frozen=True)
class Plan:
    """What one batch changes, ready to be written, and its counts (names as in Shard.COUNTS)."""

    changes: differences.Changes
    journeys: kept.Changes
    counts: Counter[str]


def plan(
    batch: Batch,
    rules: records.Rules,
    agreed: holds.Holds,
    *,
    within: store.Store,
    run_id: bytes | None,
    at: dt.datetime,
) -> Plan:
    """Compare what the rules say now with what is stored. Writes nothing."""
    journeys = kept.newest(within, batch.conversions)
    at = kept.not_before(at, journeys)
    new = records.records_of(batch, rules, run_id=run_id, calculated_at=at)
    stored = differences.stored_records(within, batch.conversions, rules.models)
    changes = differences.changes(new, stored)
    changes = replace(changes, insert=holds.with_holds(changes.insert, agreed, at))
    attributed = new.group_by(["conversion_id", "model"]).aggregate([]).num_rows
    counts = Counter(
        conversions_done=batch.conversions.num_rows,
        written=changes.insert.num_rows,
        replaced=len(changes.delete),
        unchanged=changes.unchanged,
        frozen=changes.frozen,
        unattributed=batch.conversions.num_rows * len(rules.models) - attributed,
    )
    return Plan(changes, kept.changes(batch, journeys, rules.models, within=within, at=at), counts)


def batches_to_store(source: Selection, reach: kept.Reach, *, within: store.Store) -> Iterator[Batch]:
    """Journeys as they are kept: long enough for every model, not only for those that are calculated now."""
    return read(source, within=within, lookback_days=reach.lookback_days, with_previous=reach.with_previous)


def write(planned: Plan, *, within: store.Store) -> None:
    """Raises RecordsMoved when a record left calculated or pending meanwhile; the transaction must then end."""
    doomed = planned.changes.delete
    if len(doomed):
        # Locked in order of id, as the guards of conversions and touchpoints do: each would wait for the other else.
        deleted = within.count(
            sql.SQL(
                "WITH doomed AS MATERIALIZED (SELECT id FROM {records} WHERE id = ANY({ids}::uuid[])"
                " AND status IN ('pending', 'calculated') ORDER BY id FOR UPDATE), gone AS (DELETE FROM {records} r"
                " USING doomed WHERE r.id = doomed.id RETURNING 1) SELECT count(*) FROM gone"
            ).format(records=sql.Identifier(store.RECORDS), ids=store.uuid_texts(doomed))
        )
        if deleted != len(doomed):
            raise RecordsMoved("Records were approved or disputed meanwhile. Nothing was changed; calculate again.")
    if planned.changes.insert.num_rows:
        within.insert(AttributionRecord, planned.changes.insert)
    kept.write(planned.journeys, within=within)


def lock_buckets(within: store.Store, first: int, last: int) -> None:
    """Held until the transaction ends; taken in order of number, so that no two ever wait for each other."""
    within.count(
        sql.SQL(
            "SELECT count(pg_advisory_xact_lock(hashtext('attribution.lead_bucket'), bucket))"
            " FROM generate_series({}::int, {}::int) bucket"
        ).format(first, last)
    )


def calculate(
    shard_id: int, selection: Selection, rules: records.Rules, *, run_id: bytes, conversions: int
) -> Counter[str]:
    """Calculate one shard and commit it with its counts. Raises ShardTaken when it is not ours to do."""
    assert selection.buckets, "a shard is a range of buckets"
    with store.arrow_connection() as writing, writing.cursor() as cursor:
        writer = store.ArrowStore(cursor)
        if not writer.count(_CLAIM.format(shard_id)):
            raise ShardTaken
        lock_buckets(writer, *selection.buckets)
        counts: Counter[str] = Counter()
        first, *others = split(selection, max(1, conversions // BLOCK))
        reach, agreed = kept.reach(), holds.stored()
        changed = announcing.ChangedRecords()
        # The first plans are small: until one is ready there is nothing to write.
        blocks = [*split(first, 8), *others]
        with closing(ahead(lambda: _plans(blocks, rules, agreed, reach, run_id))) as plans:
            for planned in plans:
                changed.note(planned.changes, within=writer)
                write(planned, within=writer)
                counts += planned.counts
                for each in planned.changes.disagreements:
                    writer.count(_finding(run_id, each))
        changed.announce(within=writer, run_id=run_id)
        writer.count(_done(shard_id, counts))
        writing.commit()
    return counts


def _plans(
    blocks: list[Selection], rules: records.Rules, agreed: holds.Holds, reach: kept.Reach, run_id: bytes
) -> Iterator[Plan]:
    now = dt.datetime.now(dt.UTC)
    with store.arrow_connection() as reading, reading.cursor() as cursor:
        reader = store.ArrowStore(cursor)
        # Parallel workers would take the core that the COPY needs; shards are the parallelism here.
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        for block in blocks:
            for batch in batches_to_store(block, reach, within=reader):
                yield plan(batch, rules, agreed, within=reader, run_id=run_id, at=now)


def split(selection: Selection, parts: int) -> list[Selection]:
    """The same conversions in at most `parts` selections, by ranges of buckets."""
    first, last = selection.buckets or (0, 0)
    size = -(-(last - first + 1) // parts)
    return [replace(selection, buckets=(begin, min(begin + size - 1, last))) for begin in range(first, last + 1, size)]


def ahead(start: Callable[[], Iterator[Item]]) -> Generator[Item, None, None]:
    """The items of an iterator that runs ahead in a thread of its own. Close it to stop the thread."""
    items: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(PLANS_AHEAD)
    stopped = threading.Event()

    def produce() -> None:
        error: BaseException | None = None
        try:
            for item in start():
                _put(items, (item, None), stopped)
                if stopped.is_set():
                    return
        except BaseException as caught:
            error = caught
        _put(items, (None, error), stopped)

    thread = threading.Thread(target=produce, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = items.get()
            if error:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def _put(
    items: "queue.Queue[tuple[Item | None, BaseException | None]]",
    item: tuple[Item | None, BaseException | None],
    stopped: threading.Event,
) -> None:
    while not stopped.is_set():
        with suppress(queue.Full):
            items.put(item, timeout=0.1)
            break


_CLAIM = sql.SQL(
    "WITH mine AS (SELECT 1 FROM attribution_shard WHERE id = {} AND status = 'running'"
    " FOR UPDATE SKIP LOCKED) SELECT count(*) FROM mine"
)


def _done(shard_id: int, counts: Counter[str]) -> sql.Composable:
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), counts[name])
        for name in ("conversions_done", "written", "replaced", "unchanged", "frozen", "unattributed")
    )
    return sql.SQL(
        "WITH done AS (UPDATE attribution_shard SET status = 'done', error = '', finished_at = now(), {}"
        " WHERE id = {} RETURNING 1) SELECT count(*) FROM done"
    ).format(assignments, shard_id)


def _finding(run_id: bytes, disagreement: dict[str, object]) -> sql.Composable:
    conversion_id, model = disagreement["conversion_id"], disagreement["model"]
    assert isinstance(conversion_id, bytes)
    detail = {name: disagreement[name] for name in ("stored", "new")}
    return sql.SQL(
        "WITH told AS (INSERT INTO attribution_finding (run_id, conversion_id, model, code, detail)"
        " VALUES ({}::uuid, {}::uuid, {}, 'frozen_differs', {}::jsonb)"
        " ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM told"
    ).format(run_id.hex(), conversion_id.hex(), model, store.json_text(detail))
