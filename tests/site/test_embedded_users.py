"""Who uses the embedded stack starts it, shares it, and ends it."""

import fcntl
import os
import pwd
import shutil
import signal
import sys
import time

import pytest

from attribution_site.embedded import process
from tests.site.embedded_stack import Stack, end, is_alive, redis_at, sql, wait_until

POSTMASTER_STARTED = "SELECT pg_postmaster_start_time()::text"


def test_from_nothing_both_servers_start_and_answer(empty_stack):
    _, database_url, redis_url = empty_stack.use("database_url", "redis_url")
    assert sql(database_url, "SHOW server_version").startswith("18.")
    assert sql(database_url, "SHOW server_encoding") == "UTF8"
    assert sql(database_url, "SHOW fsync") == "on"
    assert redis_at(redis_url).ping()
    assert redis_at(redis_url).config_get("appendonly") == {"appendonly": "yes"}


def test_a_part_that_nobody_asked_for_is_not_touched(empty_stack):
    empty_stack.use("redis_url")
    assert [path.name for path in empty_stack.local_dir.iterdir()] == ["redis"]


def test_with_both_urls_given_nothing_embedded_is_touched(empty_stack):
    empty_stack.environment |= {
        "ENVIRONMENT": "development",
        "DATABASE_URL": "postgresql://somebody:secret@127.0.0.1:1/elsewhere",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    settings = empty_stack.spawn(
        "-c", "from attribution_site import settings; print(settings.DATABASES, settings.REDIS_URL)"
    )
    output, errors = settings.communicate()
    assert "elsewhere" in output, errors
    assert "redis://127.0.0.1:1/0" in output
    assert not empty_stack.local_dir.exists()


def test_without_the_password_nobody_gets_in(stack):
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    for url in (database_url, redis_url):
        name = "postgres" if url == database_url else "redis"
        stranger = url.replace(stack.state(name)["password"], "guess")
        with pytest.raises(Exception, match=r"password"):
            sql(stranger, "SELECT 1") if name == "postgres" else redis_at(stranger).ping()
    readable = [path for path in stack.local_dir.glob("*/*") if path.is_file() and path.stat().st_mode & 0o077]
    assert readable == []


def test_processes_that_start_together_on_an_empty_folder_share_one_postmaster(empty_stack):
    together = [empty_stack.launch("database_url", "redis_url") for _ in range(3)]
    answers = [empty_stack.urls(user) for user in together]
    assert answers[0] == answers[1] == answers[2]
    errors = [user.communicate()[1] for user in together]
    assert sum("Starting the project's own PostgreSQL" in error for error in errors) == 1
    assert sum("Starting the project's own Redis" in error for error in errors) == 1


def test_the_servers_outlive_every_user_but_the_last(stack):
    first, database_url, _ = stack.use("database_url", "redis_url")
    second, _, _ = stack.use("database_url", "redis_url")
    pids = [stack.state(name)[role] for name in ("postgres", "redis") for role in ("pid", "keeper")]
    end(first)
    time.sleep(1)
    assert all(is_alive(pid) for pid in pids)
    assert sql(database_url, "SELECT 1") == 1
    end(second)
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert "database system is shut down" in (stack.local_dir / "postgres/server.log").read_text()


def test_a_forked_child_goes_on_using_the_stack_after_its_parent(stack):
    script = """
import os, sys
from attribution_site import embedded
print(embedded.redis_url(), flush=True)
if os.fork() == 0:
    sys.stdin.read()
"""
    parent = stack.spawn("-c", script)
    redis_url = parent.stdout.readline().strip()
    parent.wait()
    keeper = stack.state("redis")["keeper"]
    time.sleep(1)
    assert redis_at(redis_url).ping()
    parent.stdin.close()
    wait_until(lambda: not is_alive(keeper))


def test_a_command_soon_after_another_finds_the_server_still_running(stack):
    stack.environment["EMBEDDED_GRACE_SECONDS"] = "4"
    first, _ = stack.use("redis_url")
    pid = stack.state("redis")["pid"]
    end(first)
    time.sleep(0.5)
    stack.use("redis_url")
    assert stack.state("redis")["pid"] == pid


def test_users_that_arrive_while_the_server_stops_always_get_a_running_one(stack):
    stack.environment["EMBEDDED_GRACE_SECONDS"] = "0"
    for step in range(5):
        user, redis_url = stack.use("redis_url")
        assert redis_at(redis_url).incr("visits") == step + 1
        end(user)
        time.sleep(0.08 * step)


def test_the_server_does_not_stop_while_a_user_is_at_the_door(stack):
    user, _ = stack.use("redis_url")
    server = stack.state("redis")["pid"]
    with open(stack.local_dir / "redis/start.lock") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        end(user)
        time.sleep(1.5)
        assert is_alive(server)
    wait_until(lambda: not is_alive(server))


def test_ctrl_c_in_the_terminal_ends_the_user_only(stack):
    user, database_url = stack.use("database_url")
    stack.use("database_url")
    os.killpg(user.pid, signal.SIGINT)
    user.wait()
    time.sleep(0.5)
    assert sql(database_url, "SELECT 1") == 1


def test_stop_ends_servers_that_are_in_use_and_status_tells(stack):
    stack.use("database_url", "redis_url")
    pids = [stack.state(name)["pid"] for name in ("postgres", "redis")]
    status = stack.command("status")
    assert all(f"pid {pid}" in status for pid in pids)
    assert "PostgreSQL 18: stopped" in stack.command("stop")
    assert not any(is_alive(pid) for pid in pids)
    assert "Redis: stopped" in stack.command("status")


def test_when_its_folder_is_removed_the_stack_ends(stack):
    stack.use("database_url")
    pids = [stack.state("postgres")[role] for role in ("pid", "keeper")]
    shutil.rmtree(stack.local_dir)
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_status_and_stop_create_nothing(empty_stack):
    assert "Nothing embedded" in empty_stack.command("status")
    assert "Nothing embedded" in empty_stack.command("stop")
    assert not empty_stack.local_dir.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; all the others ran as one")
def test_an_ordinary_user_runs_it_too(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    # The checkout and pytest's folder may be closed to the user: process.as_user() opens them.
    prefix = process.as_user((home.stat().st_uid, home.stat().st_gid), sys.executable, home)
    stack = Stack(home / "local", prefix=prefix)
    user, database_url, redis_url = stack.use("database_url", "redis_url")
    assert sql(database_url, "SELECT 1") == 1
    assert redis_at(redis_url).ping()
    assert {path.owner() for path in stack.local_dir.rglob("*")} == {"nobody"}
    end(user)
    stack.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="the server's user differs only for root")
def test_for_root_the_servers_run_as_nobody_below_a_folder_that_only_root_can_enter(stack):
    stack.local_dir.parent.chmod(0o700)
    stack.use("database_url", "redis_url")
    for name in ("postgres", "redis"):
        assert os.stat(f"/proc/{stack.state(name)['pid']}").st_uid == pwd.getpwnam("nobody").pw_uid
