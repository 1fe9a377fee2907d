"""The folder of one server: its locks, its state, its logs."""

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
LOG_LIMIT = 20 * 1024 * 1024


class StackError(RuntimeError):
    """The embedded stack can't do what was asked; the message tells what to do about it."""


def local_dir():
    return Path(os.environ.get("LOCAL_DIR") or PROJECT / ".local").resolve()


@contextlib.contextmanager
def permissions_explained():
    try:
        yield
    except PermissionError as error:
        raise StackError(
            f"No right to use {local_dir()} ({error}). It belongs to whoever first ran the project here. "
            "Run as that user, or set LOCAL_DIR to a folder of your own, or set DATABASE_URL and REDIS_URL."
        ) from error


def try_lock(fd, kind):
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Folder:
    def __init__(self, name):
        self.path = local_dir() / name
        self.data = self.path / "data"

    def create(self):
        # The servers of root run as another user, who must be able to walk through; the files stay closed.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        for path in (self.path.parent, self.path):
            if not path.exists():
                path.mkdir(mode=mode, parents=True, exist_ok=True)
                self.give_to_owner_of(path.parent, path)

    def open(self, name, flags=os.O_RDWR):
        """A file of this folder that only its owner can read. The kernel closes it in programs we start."""
        path = self.path / name
        fd = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.give_to_owner_of(self.path, path)
        return fd

    def give_to_owner_of(self, parent, path):
        # `sudo make run` in an ordinary user's checkout must not lock that user out afterwards.
        if os.geteuid() == 0:
            os.chown(path, parent.stat().st_uid, parent.stat().st_gid)

    @contextlib.contextmanager
    def locked(self, name, seconds):
        """Hold `name` exclusively. It is polled because a blocking lock knows no time limit."""
        fd, deadline = self.open(name), time.monotonic() + seconds
        try:
            while not try_lock(fd, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    held = f"Another process has held {self.path / name} for {seconds} seconds."
                    raise StackError(f"{held}\n{self.log_tail()}")
                time.sleep(0.02)
            yield fd
        finally:
            os.close(fd)

    def read_state(self):
        try:
            return json.loads((self.path / "server.json").read_text())
        except FileNotFoundError:
            return {}

    def write_state(self, state):
        """Replace the state in one step: a reader, or a crash, sees the old one or the new one."""
        fd = self.open("server.json.new", os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(fd, "w") as file:
            json.dump(state, file, indent=1)
            file.flush()
            os.fsync(fd)
        os.replace(self.path / "server.json.new", self.path / "server.json")

    def open_log(self, name):
        path = self.path / name
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            os.replace(path, path.with_suffix(".log.1"))
        return os.fdopen(self.open(name, os.O_WRONLY | os.O_APPEND), "a")

    def log_tail(self, lines=12):
        tails = []
        for path in (self.path / "keeper.log", self.path / "server.log"):
            if path.exists():
                last = path.read_text(errors="replace").splitlines()[-lines:]
                tails += [f"--- the end of {path}", *last]
        return "\n".join(tails)
