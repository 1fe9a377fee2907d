"""`manage.py serve` with real processes, on a database of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection

PATIENCE = 150


@pytest.fixture(scope="module")
def fresh_database(django_db_setup, django_db_blocker):
    """The URL of an empty database beside the tests' own."""
    name = f"serve_{uuid.uuid4().hex[:12]}"
    with django_db_blocker.unblock():
        config = connection.settings_dict
    parts = {"host": config["HOST"], "port": config["PORT"], "user": config["USER"]}
    parts |= {"password": config["PASSWORD"] or "", "dbname": "postgres"}
    with psycopg.connect(**parts, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        password = f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else ""
        # A folder as host is a Unix socket; in a URL it must be escaped.
        host = config["HOST"].replace("/", "%2F")
        yield f"postgres://{config['USER']}{password}@{host}:{config['PORT']}/{name}"
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def serve(fresh_database, tmp_path):
    started = []

    def start(*arguments):
        out = tmp_path / f"out-{len(started)}"
        queue = f"serve-{uuid.uuid4().hex[:8]}"
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--no-demo", "--logs", str(tmp_path), *arguments],
            cwd=settings.BASE_DIR,
            stdout=out.open("wb"),
            stderr=subprocess.STDOUT,
            env=os.environ
            | {
                "DATABASE_URL": fresh_database,
                "REDIS_URL": settings.REDIS_URL,
                "ENVIRONMENT": "development",
                "CELERY_QUEUE": queue,
            },
        )
        started.append(process)
        return process, out

    yield start
    for process in started:
        process.kill()
        process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(found, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def is_up(process, out):
    """Wait for the box that says so."""

    def told():
        assert process.poll() is None, out.read_text()
        return "Ctrl-C ends it" in out.read_text()

    wait_until(told, "up")


def children_of(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as listed:
        return [int(pid) for pid in listed.read().split()]


def group_of(leaders):
    """Every process, at any depth, of the groups that these lead. Zombies are gone already."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as told:
                state, _parent, group = re.sub(r".*\) ", "", told.read()).split()[:3]
        except OSError:
            continue
        if int(group) in leaders and state != "Z":
            found.append(int(pid))
    return found


def page(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/", timeout=10) as answer:
        return answer.status, answer.read().decode()


def test_serve_runs_web_worker_and_beat_restarts_what_dies_and_ends_cleanly(serve):
    port = free_port()
    process, out = serve("--port", str(port))
    is_up(process, out)
    status, text = page(port)
    assert (status, "password" in text) == (200, True)
    style = f"http://127.0.0.1:{port}/static/unfold/css/styles.css"
    assert urllib.request.urlopen(style, timeout=10).status == 200

    leaders = children_of(process)
    assert len(leaders) == 3
    os.kill(leaders[0], signal.SIGKILL)
    wait_until(lambda: "web has died and is started again" in out.read_text(), "the message")
    wait_until(lambda: len(children_of(process)) == 3, "a new web")
    leaders = {*leaders, *children_of(process)}

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert group_of(leaders) == []
    assert "Traceback" not in out.read_text()
    assert out.read_text().rstrip().endswith("Ended.")


def test_killing_serve_leaves_nobody_behind(serve):
    process, out = serve("--port", str(free_port()))
    is_up(process, out)
    leaders = set(children_of(process))
    assert len(group_of(leaders)) > 3  # the worker's pool is in its group
    process.kill()
    process.wait()
    wait_until(lambda: not group_of(leaders), "the end of the children")


def test_a_port_that_is_taken_is_named_with_one_that_is_free(serve):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        process, out = serve("--port", str(taken))
        assert process.wait(PATIENCE) == 1
    told = out.read_text()
    assert re.search(rf"Port {taken} .* is taken.* (\d+) is free: --port \1", told)
    assert "Traceback" not in told


def test_ctrl_c_during_set_up_is_no_traceback_either(serve):
    process, out = serve("--port", str(free_port()))
    wait_until(lambda: "Preparing" in out.read_text(), "the first message")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "Traceback" not in out.read_text()
