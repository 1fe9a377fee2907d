"""Whatever is killed, the next start recovers and nothing committed is lost."""

import os
import subprocess

import psycopg
import pytest

from tests.site.embedded_stack import end, is_alive, kill, kill_and_reap, redis_at, sql, wait_until


def write(database_url, redis_url, value):
    sql(database_url, "CREATE TABLE IF NOT EXISTS kept (value int)")
    sql(database_url, f"INSERT INTO kept VALUES ({value})")
    redis_at(redis_url).sadd("kept", value)


def read(database_url, redis_url):
    rows = sql(database_url, "SELECT array_agg(value ORDER BY value) FROM kept")
    return rows, sorted(int(value) for value in redis_at(redis_url).smembers("kept"))


def pids(stack, role):
    return [stack.state(name)[role] for name in ("postgres", "redis")]


@pytest.mark.parametrize("victims", [["keeper", "pid"], ["pid", "keeper"]], ids=["keeper first", "server first"])
def test_after_kill_9_of_everything_the_next_start_finds_what_was_committed(stack, victims):
    user, database_url, redis_url = stack.use("database_url", "redis_url")
    write(database_url, redis_url, 1)
    doomed = [pid for role in victims for pid in pids(stack, role)]
    for pid in [user.pid, *doomed]:
        os.kill(pid, 9)
    user.wait()
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    assert read(database_url, redis_url) == ([1], [1])
    assert "automatic recovery in progress" in (stack.local_dir / "postgres/server.log").read_text()


def test_kill_9_of_the_last_user_stops_the_servers_cleanly(stack):
    user, database_url, redis_url = stack.use("database_url", "redis_url")
    write(database_url, redis_url, 1)
    servers = pids(stack, "pid")
    kill_and_reap(user)
    wait_until(lambda: not any(is_alive(pid) for pid in servers))
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    assert read(database_url, redis_url) == ([1], [1])
    assert "automatic recovery" not in (stack.local_dir / "postgres/server.log").read_text()


def test_the_servers_of_a_killed_keeper_serve_on_and_are_adopted(stack):
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    servers = pids(stack, "pid")
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE unfinished (value int)")
        for pid in pids(stack, "keeper"):
            kill(pid)
        _, *urls = stack.use("database_url", "redis_url")
        assert urls == [database_url, redis_url]
        wait_until(lambda: stack.state("postgres")["ready"] and stack.state("redis")["ready"])
        assert pids(stack, "pid") == servers
        connection.execute("INSERT INTO unfinished VALUES (1)")
    assert sql(database_url, "SELECT value FROM unfinished") == 1
    for process in stack.processes:
        if process.poll() is None:
            end(process)
    wait_until(lambda: not any(is_alive(pid) for pid in servers))


def test_a_killed_server_comes_back_at_the_same_address(stack):
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    write(database_url, redis_url, 1)
    killed = pids(stack, "pid")
    # A backend that is busy does not notice the death of its postmaster, and would block the next one.
    busy = psycopg.connect(database_url).pgconn
    busy.send_query(b"SELECT count(*) FROM generate_series(1, 10000000000)")
    for pid in killed:
        kill(pid)
    _, *urls = stack.use("database_url", "redis_url")
    assert urls == [database_url, redis_url]
    assert read(database_url, redis_url) == ([1], [1])
    assert not set(pids(stack, "pid")) & set(killed)


def test_a_pid_file_that_names_a_stranger_after_a_reboot_is_no_obstacle(stack):
    user, database_url, redis_url = stack.use("database_url", "redis_url")
    write(database_url, redis_url, 1)
    doomed = [*pids(stack, "keeper"), *pids(stack, "pid")]
    for pid in [user.pid, *doomed]:
        os.kill(pid, 9)
    user.wait()
    # of the server's own user: PostgreSQL itself sees through anybody else's
    postmaster_pid = stack.local_dir / "postgres/data/postmaster.pid"
    stranger = subprocess.Popen(["sleep", "60"], user=postmaster_pid.stat().st_uid)
    try:
        lines = postmaster_pid.read_text().splitlines()
        postmaster_pid.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        (stack.local_dir / "redis/data/redis.pid").write_text(f"{stranger.pid}\n")
        _, database_url, redis_url = stack.use("database_url", "redis_url")
        assert read(database_url, redis_url) == ([1], [1])
        stack.command("stop")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_data_whose_password_file_was_lost_opens_again(stack):
    user, database_url, redis_url = stack.use("database_url", "redis_url")
    write(database_url, redis_url, 1)
    end(user)
    stack.stop()
    for name in ("postgres", "redis"):
        (stack.local_dir / name / "server.json").unlink()
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    assert read(database_url, redis_url) == ([1], [1])


def test_an_unfinished_first_start_is_begun_again(empty_stack):
    folder = empty_stack.local_dir / "postgres"
    (folder / "data.unfinished.x").mkdir(parents=True)
    (folder / "data.unfinished.x" / "PG_VERSION").write_text("18\n")
    _, database_url = empty_stack.use("database_url")
    assert sql(database_url, "SELECT 1") == 1
    assert not (folder / "data.unfinished.x").exists()


def test_data_of_another_major_version_is_refused_with_a_way_out(empty_stack):
    version_file = empty_stack.local_dir / "postgres/data/PG_VERSION"
    version_file.parent.mkdir(parents=True)
    version_file.write_text("16\n")
    _, errors = empty_stack.launch("database_url").communicate()
    assert "was made by PostgreSQL 16" in errors
    assert "pg_dump" in errors
    assert version_file.read_text() == "16\n"


def test_a_start_that_fails_shows_the_log_and_what_to_do(stack):
    os.truncate(stack.local_dir / "postgres/data/global/pg_control", 0)
    _, errors = stack.launch("database_url").communicate()
    assert "did not start" in errors
    assert "pg_control" in errors
    assert "DATABASE_URL" in errors
