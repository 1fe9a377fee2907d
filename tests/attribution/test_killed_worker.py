"""Real workers, really killed: the run must end in the records of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from attribution import operations
from attribution.models import AttributionRecord, Run, Shard
from tests.attribution.worlds import make_world, stored

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def worker(queue):
    """A Celery worker with two processes on the test database, killed with all of its children at the end."""
    login = settings.DATABASES["default"]
    database = connection.settings_dict["NAME"]
    url = f"postgres://{login['USER']}:{login['PASSWORD']}@{login['HOST']}:{login['PORT']}/{database}"
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "attribution_site", "worker", "-c", "2", "-l", "WARNING", "-n", queue],
        env={
            **os.environ,
            "DATABASE_URL": url,
            "REDIS_URL": settings.REDIS_URL,
            "ENVIRONMENT": "development",
            "CELERY_QUEUE": queue,
        },
        cwd=settings.BASE_DIR,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(true, seconds=120):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.01)


def test_a_run_survives_a_killed_worker_byte_for_byte(settings, queue):
    settings.SHARD_CONVERSIONS = 40
    make_world(600, conversions=(1, 2))
    undisturbed = operations.start_run(queue=False)
    for shard in undisturbed.shards.all():
        operations.calculate_shard(shard.pk)
    expected = stored()
    AttributionRecord.objects.all().delete()

    run = operations.start_run(queue=False)
    shards = Shard.objects.filter(run=run)
    with worker(queue) as first:
        # Killed with some shards committed and others at work.
        wait_until(lambda: shards.filter(status="done").count() >= 2 and shards.filter(status="running").exists())
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    left = shards.exclude(status="done").count()
    assert left, "the worker was killed too late to prove anything"
    partial = stored()
    assert 0 < len(partial) < len(expected)

    with worker(queue):
        wait_until(lambda: Run.objects.get(pk=run.pk).is_over)

    assert Run.objects.get(pk=run.pk).status == Run.Status.FINISHED
    assert stored() == expected
    counts = Run.objects.with_counts().get(pk=run.pk)
    assert (counts.written, counts.conversions_done) == (len(expected), counts.conversions_total)


def test_the_command_follows_a_run_that_the_workers_do(queue, capsys):
    make_world(60)
    with worker(queue):
        call_command("calculate_attribution", "--model", "linear", "--model", "time_decay")
    told = capsys.readouterr().out
    assert "Finished" in told
    assert f"{AttributionRecord.objects.count():,} records written" in told
    assert set(AttributionRecord.objects.values_list("model", flat=True)) == {"linear", "time_decay"}
