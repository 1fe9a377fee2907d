"""Real processes that use an embedded stack of their own, far from the one the other tests use."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import redis

from attribution_site.embedded.folder import PROJECT

SCRIPT = """
import json, sys
from attribution_site import embedded
print(json.dumps([getattr(embedded, name)() for name in sys.argv[1:]]), flush=True)
sys.stdin.read()
"""


class Stack:
    def __init__(self, local_dir, grace="0.3", prefix=()):
        self.local_dir, self.prefix = local_dir, prefix
        self.environment = os.environ | {
            "LOCAL_DIR": str(local_dir),
            "EMBEDDED_GRACE_SECONDS": grace,
            # Each test starts many interpreters: they share compiled modules, whatever the machine's default.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / f"embedded-tests-pycache-{os.geteuid()}"),
        }
        self.processes = []

    def spawn(self, *arguments):
        process = subprocess.Popen(
            [*self.prefix, sys.executable, *arguments],
            env=self.environment,
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def launch(self, *functions):
        return self.spawn("-c", SCRIPT, *functions)

    def urls(self, process):
        """What the using process was told; it goes on using until it is told to end."""
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return json.loads(line)

    def use(self, *functions):
        process = self.launch(*functions)
        return process, *self.urls(process)

    def command(self, *arguments):
        process = self.spawn("-m", "attribution_site.embedded", *arguments)
        output, errors = process.communicate()
        return output + errors

    def state(self, name):
        return json.loads((self.local_dir / name / "server.json").read_text())

    def stop(self):
        for process in self.processes:
            kill_and_reap(process)
        keepers = []
        for name in ("postgres", "redis"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError):
                keepers.append(self.state(name)["keeper"])
                os.kill(keepers[-1], signal.SIGTERM)
        wait_until(lambda: not any(is_alive(keeper) for keeper in keepers))


def end(process):
    process.stdin.close()
    process.wait()


def kill_and_reap(process):
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))


def is_alive(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(happened, seconds=15):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def sql(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def redis_at(url):
    return redis.Redis.from_url(url, decode_responses=True)
