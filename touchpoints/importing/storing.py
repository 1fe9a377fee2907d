"""Lines into a table, each chunk in a transaction of its own.

A chunk that holds nothing stored before goes straight in by COPY. One that collides goes through a
temporary table, which sorts out what is new, what is there already and what contradicts it.
"""

import psycopg
from django.db import connection, transaction

from touchpoints.importing.identity import SEPARATOR

STORED_OTHERWISE = "already stored, with other content"


class Store:
    def __init__(self, kind):
        self.kind = kind
        self.columns = ", ".join(map(connection.ops.quote_name, kind.columns))
        self.prepare = kind.make_prepare() if kind.make_prepare else None
        self.collides = False

    def add(self, lines):
        """How many of the lines were new, and the contradictions as (row, field, value)."""
        if self.prepare:
            self.prepare(lines.times)
        # Own ids are looked up beforehand: the table's key cannot see the same id at two times.
        if "id" not in lines.own_keys and not self.collides:
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    self._copy(cursor, f"{self.kind.table} ({self.columns})", lines.data())
                    return len(lines), []
            except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
                pass
        with transaction.atomic(), connection.cursor() as cursor:
            stored, contradictions = self._add_what_is_new(cursor, lines)
        # A file that was partly stored before mostly goes on so: the next chunk need not fail first.
        self.collides = stored < len(lines)
        return stored, contradictions

    def _add_what_is_new(self, cursor, lines):
        table = self.kind.table
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS incoming_{table}"
            f" AS SELECT 0::bigint AS row_number, {self.columns} FROM {table} LIMIT 0"
        )
        cursor.execute(f"TRUNCATE incoming_{table}")
        self._copy(cursor, f"incoming_{table} (row_number, {self.columns})", lines.data(numbered=True))
        unknown = f"WHERE NOT EXISTS (SELECT 1 FROM {table} AS there WHERE there.id = incoming.id)"
        cursor.execute(
            f"INSERT INTO {table} ({self.columns}) SELECT {self.columns} FROM incoming_{table} AS incoming"
            f" {unknown if 'id' in lines.own_keys else ''} ORDER BY id ON CONFLICT DO NOTHING"
        )
        stored = cursor.rowcount
        contradictions: dict[int, tuple[int, str, str]] = {}
        for key in lines.own_keys:
            for row, value in self._contradictions(cursor, key, lines.own_keys):
                contradictions.setdefault(row, (row, key, value))
        return stored, list(contradictions.values())

    def _contradictions(self, cursor, key, own_keys):
        compared = [name for name in self.kind.fields if name not in ("id", key)]
        ours, theirs = (", ".join(f'{side}."{name}"' for name in compared) for side in ("incoming", "there"))
        cursor.execute(
            f'SELECT row_number, incoming."{key}"::text FROM incoming_{self.kind.table} AS incoming'
            f' JOIN {self.kind.table} AS there ON there."{key}" = incoming."{key}"'
            f" WHERE ({ours}) IS DISTINCT FROM ({theirs}) ORDER BY row_number"
        )
        return cursor.fetchall()

    @staticmethod
    def _copy(cursor, target, data):
        marks = f"FORMAT csv, DELIMITER E'\\x{ord(SEPARATOR):02x}', QUOTE E'\\x01'"
        with cursor.copy(f"COPY {target} FROM STDIN ({marks})") as copy:
            copy.write(data)
