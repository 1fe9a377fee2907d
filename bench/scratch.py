"""A database of a benchmark's own: made, migrated, and dropped at the end. And what every benchmark says of itself."""

import os
from contextlib import contextmanager
from typing import NamedTuple

from django.core.management import call_command
from django.db import connection

from touchpoints.partitions import create_partitions, months_between


class Figure(NamedTuple):
    """A line of the table that `python -m bench` prints. Without a goal it is there to be known."""

    name: str
    goal: str
    measured: str
    holds: bool | None = None


@contextmanager
def scratch_database(name, *, keep=False, reuse=False):
    """`keep` leaves it for the next time; `reuse` takes the one that was left."""
    home = connection.settings_dict["NAME"]
    if not reuse:
        run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);\nCREATE DATABASE {name}")
    try:
        _use(name)
        call_command("migrate", verbosity=0)
        yield
    finally:
        _use(home)
        if not keep:
            run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run_sql(text):
    """Statement by statement, each in a transaction of its own."""
    with connection.cursor() as cursor:
        for statement in text.split(";\n"):
            cursor.execute(statement)


def one_row(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def make_partitions(first, last):
    """For touches from the month of one day to that of another."""
    create_partitions(months_between(first, last))


def environment():
    """That of a process of its own that is to work in the scratch database."""
    at = connection.settings_dict
    url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "ENVIRONMENT": "development"}


def copy_into(target, path, options):
    """COPY a file into a table by 1 MiB at a time."""
    sql = f"COPY {target} FROM STDIN ({options})"
    with open(path, "rb") as file, connection.cursor() as cursor, cursor.copy(sql) as copy:
        while part := file.read(1 << 20):
            copy.write(part)


def copy_out(query, path, options):
    sql = f"COPY ({query}) TO STDOUT ({options})"
    with open(path, "wb") as file, connection.cursor() as cursor, cursor.copy(sql) as copy:
        for part in copy:
            file.write(part)


def _use(name):
    connection.close()
    connection.settings_dict["NAME"] = name
