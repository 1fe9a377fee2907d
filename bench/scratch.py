"""A database of a benchmark's own: made, migrated, and dropped at the end."""

import os
from contextlib import contextmanager

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 (Django first)
from django.db import connection  # noqa: E402


@contextmanager
def scratch_database(name):
    home = connection.settings_dict["NAME"]
    _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    try:
        _use(name)
        call_command("migrate", verbosity=0)
        yield
    finally:
        _use(home)
        _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def database_url():
    """The scratch database, for a process of its own."""
    at = connection.settings_dict
    return f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


def _execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _use(name):
    connection.close()
    connection.settings_dict["NAME"] = name
