"""A real process that builds, submits, approves, exports, marks paid and voids, killed at random points: the books tie
out each time, and whoever does the step again ends it. KILLS=200 does so 200 times; KILLS_SEED=… at the same delays."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings
from django.db import connection

from payouts.models import Export, Exported, OpenEntry, Payout, PayoutEvent, PayoutRun, ToBook
from payouts.operations import file_of
from tests.attribution.test_killed_worker import wait_until
from tests.factories import UserFactory
from tests.payouts import books, walking

pytestmark = pytest.mark.django_db(transaction=True)
KILLS = int(os.environ.get("KILLS", 12))
SEED = int(os.environ.get("KILLS_SEED", 1))
LONGEST = 1.5  # seconds until it is killed: some rounds


@pytest.fixture
def walkers():
    """Makes a process of its own at the test database for each line that it is told."""
    login, database = settings.DATABASES["default"], connection.settings_dict["NAME"]
    url = f"postgres://{login['USER']}:{login['PASSWORD']}@{login['HOST']}:{login['PORT']}/{database}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.payouts.walking"],
        env={**os.environ, "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL, "ENVIRONMENT": "development"},
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()


def others():
    """Connections to the database beside this one: who was there before is none of the test's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


def kill_one(walkers, *, after):
    """What it was at is ended by the database, once that notices that nobody is there any more."""
    before = others()
    print("walk", file=walkers.stdin, flush=True)
    pid = int(walkers.stdout.readline())
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    assert walkers.stdout.readline() == "killed\n", "it ended by itself"
    wait_until(lambda: others() <= before)


def check():
    """Nothing is half done: the books tie out, a file is whole, and orders and payouts say the same."""
    assert books.off() == {}
    for export in Export.objects.order_by("-number")[:3]:
        assert file_of(export)
    for export in Export.objects.all():
        orders = Exported.objects.filter(export=export)
        assert (orders.count(), sum(order.amount for order in orders)) == (export.payout_count, export.total)
    ordered = set(Exported.objects.values_list("payout_id", flat=True))
    assert ordered == set(Payout.objects.exclude(exported_at=None).values_list("pk", flat=True))


def test_whenever_it_is_killed_the_books_tie_out_and_the_step_can_be_done_again(monkeypatch, walkers):
    monkeypatch.setattr("payouts.tasks.build_run.delay", lambda run_id: None)
    chance = random.Random(SEED)
    person, approver = (UserFactory(username=name, role="Finance") for name in ("walker", "approver"))
    for number in range(walking.PAYEES):
        books.partner(f"partner-{number}")
    walking.earn(person)
    stood = set()
    for _ in range(KILLS):
        kill_one(walkers, after=chance.uniform(0, LONGEST))
        check()
        stood.add((PayoutRun.objects.filter(status="building").exists(), *statuses()))
        walking.walk(person, approver)
        check()
        assert not PayoutRun.objects.exclude(status="built").exists()
        assert set(statuses()) <= {"paid", "void"}
    walking.build(person)
    assert not ToBook.objects.exists()
    assert not OpenEntry.objects.exists()
    # It was killed in the midst of things, and in more than one.
    assert len(stood) > 1
    assert PayoutEvent.objects.filter(status="void").exists()


def statuses():
    return sorted(Payout.objects.order_by().values_list("status", flat=True).distinct())
