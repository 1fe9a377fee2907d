"""How the calculation talks to PostgreSQL: reads come as Arrow tables, records go by COPY.

There are two stores with one shape. `ArrowStore` is for batches: connections of its own, binary COPY both ways
(5 times faster than fetching rows). `DjangoStore` is for one lead in a request: Django's own connection, so that it
sees and joins the request's transaction.
"""

import datetime as dt
import json
import os
import urllib.parse
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import numpy as np
import pyarrow as pa
from django.db import connection
from django.db.models import Model
from numpy.typing import NDArray
from psycopg import sql

from attribution.models import AttributionRecord
from attribution_site.audit import context

UUID = pa.binary(16)
TIME = pa.timestamp("us", "UTC")
RECORDS = AttributionRecord._meta.db_table
ROWS_A_PIECE = 1000
_TELL = sql.SQL("SELECT set_config('pghistory.context_metadata', {}, true)")


class Store(Protocol):
    def stream(self, query: sql.Composable, schema: pa.Schema) -> Iterator[pa.Table]: ...
    def count(self, statement: sql.Composable) -> int: ...
    def insert(self, model: type[Model], rows: pa.Table) -> None: ...


def fetch(store: Store, query: sql.Composable, schema: pa.Schema) -> pa.Table:
    """The whole answer at once."""
    return pa.concat_tables([schema.empty_table(), *store.stream(query, schema)]).combine_chunks()


class ArrowStore:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._is_told = False

    def stream(self, query: sql.Composable, schema: pa.Schema) -> Iterator[pa.Table]:
        self._cursor.execute(text_of(query))
        for batch in self._cursor.fetch_record_batch():
            # Extension types (uuid) become their plain storage, and widths those that we asked for.
            columns = [_plain(column).cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
            yield pa.Table.from_arrays(columns, schema=schema)

    def count(self, statement: sql.Composable) -> int:
        """Run a statement that changes rows and answers how many, by `SELECT count(*)`."""
        self._tell()
        self._cursor.execute(text_of(statement))
        return int(self._cursor.fetchone()[0])

    def _tell(self) -> None:
        """Once a transaction, for its audit rows: what Django's own connection is told before each statement."""
        if not self._is_told and (told := context.as_text()):
            self._cursor.execute(text_of(_TELL.format(told)))
            self._cursor.fetchone()
        self._is_told = True

    def insert(self, model: type[Model], rows: pa.Table) -> None:
        # In small pieces: the next one is encoded while the server is at work on the one before.
        pieces = rows.to_reader(max_chunksize=ROWS_A_PIECE)
        self._cursor.adbc_ingest(model._meta.db_table, pieces, mode="append")


class DjangoStore:
    def stream(self, query: sql.Composable, schema: pa.Schema) -> Iterator[pa.Table]:
        with connection.cursor() as cursor:
            cursor.execute(text_of(query))
            rows = cursor.fetchall()
        columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
        arrays = [pa.array(map(_storable, column), field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=schema)

    def count(self, statement: sql.Composable) -> int:
        with connection.cursor() as cursor:
            cursor.execute(text_of(statement))
            return int(cursor.fetchone()[0])

    def insert(self, model: type[Model], rows: pa.Table) -> None:
        ids = [field.name for field in rows.schema if field.type == UUID]
        model._default_manager.bulk_create(
            model(**row | {name: uuid.UUID(bytes=row[name]) for name in ids if row[name] is not None})
            for row in rows.to_pylist()
        )


# Opening one takes as long as copying thousands of records (it reads the catalogue of types), so a process
# keeps those it has. By process and address: neither a fork nor another database may get them.
_idle: dict[tuple[int, str], list[Any]] = defaultdict(list)


@contextmanager
def arrow_connection() -> Iterator[Any]:
    """A connection of its own to the default database, in a transaction that the caller commits."""
    idle = _idle[os.getpid(), _dsn()]
    opened = _still_good(idle) or adbc_driver_postgresql.dbapi.connect(_dsn())
    try:
        yield opened
        opened.rollback()
    except BaseException:
        opened.close()
        raise
    idle.append(opened)


def _still_good(idle: list[Any]) -> Any:
    """One that answers, or None. The server may have been restarted since it was put away."""
    while idle:
        opened = idle.pop()
        try:
            with opened.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
        except adbc_driver_manager.Error:
            with suppress(adbc_driver_manager.Error):
                opened.close()
        else:
            return opened
    return None


def close_idle_connections() -> None:
    for idle in _idle.values():
        while idle:
            idle.pop().close()


def _dsn() -> str:
    settings = connection.settings_dict
    quoted = {key: urllib.parse.quote(str(settings[key]), safe="") for key in ("USER", "PASSWORD", "HOST", "NAME")}
    told = {"application_name": "attribution batch", **settings.get("OPTIONS", {})}
    # A plus would stay one: an address is no form.
    options = urllib.parse.urlencode(told, quote_via=urllib.parse.quote)
    login = quoted["USER"] + (f":{quoted['PASSWORD']}" if quoted["PASSWORD"] else "")
    return f"postgresql://{login}@{quoted['HOST']}:{settings['PORT'] or 5432}/{quoted['NAME']}?{options}"


def text_of(query: sql.Composable) -> str:
    """Literals are quoted into the text: a query with bound parameters could not go by COPY."""
    return query.as_string(None)


def json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def uuid_bytes(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """(n, 16) bytes of a column of UUIDs without nulls."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    data = np.frombuffer(array.buffers()[1], dtype=np.uint8) if len(array) else np.zeros(0, dtype=np.uint8)
    return data[array.offset * 16 : (array.offset + len(array)) * 16].reshape(-1, 16)


def uuid_column(ids: NDArray[np.uint8]) -> pa.Array:
    return pa.Array.from_buffers(UUID, len(ids), [None, pa.py_buffer(np.ascontiguousarray(ids))])


def uuid_array(column: pa.ChunkedArray) -> str:
    """As the text of an array of uuid: a list would be quoted one by one."""
    return f"{{{','.join(uuid_texts(uuid_bytes(column)))}}}"


def uuid_texts(ids: NDArray[np.uint8]) -> list[str]:
    """As PostgreSQL reads them in an array of uuid."""
    digits = ids.tobytes().hex()
    return [digits[begin : begin + 32] for begin in range(0, len(digits), 32)]


def decimal_column(units: NDArray[np.int64], digits: int, places: int) -> pa.Array:
    """Whole units as decimals of `places` places, without passing through a float."""
    halves = np.empty((units.size, 2), dtype="<i8")
    halves[:, 0], halves[:, 1] = units, units >> 63
    return pa.Array.from_buffers(pa.decimal128(digits, places), units.size, [None, pa.py_buffer(halves)])


def _plain(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


def _storable(value: object) -> object:
    if isinstance(value, uuid.UUID):
        return value.bytes
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
