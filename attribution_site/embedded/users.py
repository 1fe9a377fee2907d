"""The side of the using process: become a user, see to it that the server runs, tell or stop it."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from attribution_site.embedded import process
from attribution_site.embedded.folder import PROJECT, StackError, permissions_explained, try_lock
from attribution_site.embedded.postgres import Postgres
from attribution_site.embedded.redis_server import Redis

WAIT_SECONDS = 120
LAUNCHES = 3

# The locks this process holds, by the folder they are of; forked children inherit and share them.
_users_locks: dict[Path, int] = {}


@permissions_explained()
def use(server):
    """Be counted as a user of the server until this process ends; the server's URL."""
    folder = server.folder
    folder.create()
    server.check()
    with folder.locked("start.lock", WAIT_SECONDS):
        users_fd = folder.open("users.lock")
        fcntl.flock(users_fd, fcntl.LOCK_SH)
        try:
            state = wait_until_ready(server)
        except BaseException:
            os.close(users_fd)
            raise
    if (previous := _users_locks.pop(folder.path, None)) is not None:
        os.close(previous)
    _users_locks[folder.path] = users_fd
    return server.url(state)


def wait_until_ready(server):
    """The state of the running server, started if need be. The caller holds `start.lock`."""
    launches, deadline = 0, time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with keeper_lock(server) as lock_fd:
            if lock_fd is not None:
                # A keeper that was killed is replaced; one that gave up has written why.
                error = launches and server.folder.read_state().get("error")
                if error or launches == LAUNCHES:
                    raise failure(server, f"did not start: {error}")
                launch_keeper(server, lock_fd)
                launches += 1
        state = server.folder.read_state()
        if state.get("ready") and server.answers(state):
            return state
        time.sleep(0.03)
    raise failure(server, f"was not ready within {WAIT_SECONDS} seconds; it may still be recovering")


def failure(server, what):
    return StackError(
        f"The project's own {server.title} {what}.\n{server.folder.log_tail()}\n"
        f"If the log does not help: run `python -m attribution_site.embedded stop` and try again, or set "
        f"{server.variable} to a server of your own."
    )


@contextlib.contextmanager
def keeper_lock(server):
    """`keeper.lock`, taken, if no keeper is alive; otherwise None."""
    lock_fd = server.folder.open("keeper.lock")
    try:
        yield lock_fd if try_lock(lock_fd, fcntl.LOCK_EX) else None
    finally:
        os.close(lock_fd)


def launch_keeper(server, lock_fd):
    """Start a keeper and hand our lock over to it, so that there is no moment for a second one."""
    first = "" if server.data.exists() else " (the first start takes a few seconds)"
    print(f"Starting the project's own {server.title} under {server.folder.path}{first} …", file=sys.stderr)
    folder = server.folder
    if known := folder.read_state():
        folder.write_state(known | {"ready": False, "keeper": None, "error": None})
    command = [sys.executable, "-m", "attribution_site.embedded", "keeper", server.name, str(lock_fd)]
    with folder.open_log("keeper.log") as log:
        subprocess.run(
            command,
            cwd=PROJECT,
            pass_fds=[lock_fd],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )


def known_servers():
    return [server for server in (Postgres(), Redis()) if server.folder.path.exists()]


@permissions_explained()
def status():
    """One line a server."""
    lines = []
    for server in known_servers():
        state = server.folder.read_state()
        with keeper_lock(server) as lock_fd:
            kept = "no keeper" if lock_fd is not None else f"keeper {state.get('keeper')}"
        pid = server.living_pid()
        running = f"running on 127.0.0.1:{state.get('port')} (pid {pid}, {kept})" if pid else "stopped"
        lines.append(f"{server.title}: {running}, {server.folder.path}")
    return lines or ["Nothing embedded has been started here."]


@permissions_explained()
def stop():
    """Stop both servers, also when they are in use or their keeper was killed; one line a server."""
    lines = []
    for server in known_servers():
        was_running = bool(stop_keeper(server, time.monotonic() + WAIT_SECONDS))
        lines.append(f"{server.title}: {'stopped' if was_running else 'was not running'}")
    return lines or ["Nothing embedded has been started here."]


def stop_keeper(server, deadline):
    """End the keeper, which ends its server; then a server that has no keeper. The pid that was running."""
    pid = server.living_pid()
    while time.monotonic() < deadline:
        with keeper_lock(server) as lock_fd:
            if lock_fd is not None:
                if orphan := server.living_pid():
                    process.end(lambda: server.living_pid() == orphan, orphan, server.end_signals)
                return pid
        if keeper := server.folder.read_state().get("keeper"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGTERM)
        time.sleep(0.1)
    raise StackError(f"The keeper of {server.title} does not end.\n{server.folder.log_tail()}")
