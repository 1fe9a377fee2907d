"""The project's own PostgreSQL and Redis, for a first look, development and tests.

Whoever asks for a URL becomes a *user* of that server until its process ends. Users are counted by the
kernel: each holds a shared lock on `users.lock`. A *keeper* process, one a server, starts the server,
restarts it if it dies, and stops it a moment after the last user has gone. Everything is under `.local/`:

    .local/postgres/    data/  server.json (port, password, pids)  server.log  keeper.log  *.lock
    .local/redis/       the same

Nothing here runs, and nothing is written, when DATABASE_URL and REDIS_URL are set.
"""

from attribution_site.embedded.folder import StackError
from attribution_site.embedded.postgres import Postgres
from attribution_site.embedded.redis_server import Redis
from attribution_site.embedded.users import status, stop, use

__all__ = ["StackError", "database_url", "redis_url", "status", "stop"]


def database_url():
    """The URL of the project's own PostgreSQL, which is started if it is not running."""
    return use(Postgres())


def redis_url():
    """The URL of the project's own Redis, which is started if it is not running."""
    return use(Redis())
