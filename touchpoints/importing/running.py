"""An import from file to table. While PostgreSQL takes one chunk, the next is read and checked."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.utils import timezone

from touchpoints.importing.batch import Batch
from touchpoints.importing.chunks import Unreadable
from touchpoints.importing.csv_file import CHUNK_BYTES
from touchpoints.importing.files import open_file
from touchpoints.importing.identity import Lines, lines_of
from touchpoints.importing.mapping import Mapping
from touchpoints.importing.rejects import WHOLE_LINE, Rejects
from touchpoints.importing.storing import STORED_OTHERWISE, Store


@dataclass(frozen=True)
class Options:
    mapping: Mapping = field(default_factory=Mapping)
    rejected_path: str | None = None
    delimiter: str = ","
    local_zone: str | None = None
    dry_run: bool = False
    chunk_bytes: int = CHUNK_BYTES


@dataclass
class Summary:
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    left_out: int = 0
    reasons: Counter = field(default_factory=Counter)
    unused_columns: list[str] = field(default_factory=list)
    rejected_path: str = ""
    seconds: float = 0.0
    failure: str = ""

    @property
    def rows_per_second(self):
        return self.read / self.seconds if self.seconds else 0.0


@dataclass
class Ready:
    """A chunk that only has to be stored."""

    lines: Lines
    mapping: Mapping
    read: int
    left_out: int
    rejected: list
    position: int


def import_file(*, path, kind, options=None, progress=lambda position, size, unit: None):
    """Store the file's good rows, write its rejected ones beside it, and tell what became of how many."""
    began = time.monotonic()
    options = options or Options()
    source = open_file(path, options.delimiter, options.chunk_bytes)
    mapping = options.mapping.resolve(source.header, kind.fields, kind.required)
    check = kind.make_check(options.local_zone)
    summary = Summary(rejected_path=options.rejected_path or f"{path}.rejected.csv")
    if os.path.realpath(summary.rejected_path) == os.path.realpath(path):
        raise Unreadable("The rejected rows would overwrite the file itself: give another --rejected.")
    summary.unused_columns = [name for name in source.header if name not in mapping.source_columns]
    store = Store(kind)
    with Rejects(summary.rejected_path) as rejects, ThreadPoolExecutor(1) as ahead:
        chunks = ready_chunks(source, mapping, kind, check)
        try:
            following = ahead.submit(next, chunks, None)
            while (ready := following.result()) is not None:
                following = ahead.submit(next, chunks, None)
                store_chunk(ready, store, rejects, summary, options.dry_run)
                progress(ready.position, source.size, source.unit)
        except Unreadable as error:
            if not summary.read:
                raise
            summary.failure = str(error)
        summary.rejected, summary.reasons = rejects.rows, rejects.reasons
    summary.seconds = time.monotonic() - began
    return summary


def ready_chunks(source, mapping, kind, check):
    """Everything that needs no database."""
    stamp = timezone.now().isoformat()
    for chunk in source.chunks(mapping.source_columns):
        batch = Batch(chunk, mapping, kind.time)
        check(batch)
        lines = lines_of(batch, kind, stamp)
        rejected = [(wrong.row, WHOLE_LINE, wrong.text, wrong.reason) for wrong in batch.malformed]
        for (place, name), (value, reason) in batch.problems.items():
            rejected.append((int(batch.rows[place]), mapping.column_of(name), value, reason))
        read = len(batch) + batch.left_out + len(batch.malformed)
        yield Ready(lines, mapping, read, batch.left_out, rejected, source.position)


def store_chunk(ready, store, rejects, summary, dry_run):
    lines, contradictions = ready.lines, []
    stored = len(lines)
    if stored and not dry_run:
        stored, contradictions = store.add(lines)
    rejects.add(ready.rejected)
    rejects.add([(row, ready.mapping.column_of(name), value, STORED_OTHERWISE) for row, name, value in contradictions])
    summary.read += ready.read
    summary.left_out += ready.left_out
    summary.stored += stored
    summary.duplicates += lines.duplicates + len(lines) - stored - len(contradictions)
