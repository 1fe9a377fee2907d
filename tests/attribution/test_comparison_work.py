"""How a comparison is worked off: progress, failures, dead workers, and its end."""

import os
import signal

import pytest
from django.db import connection
from django.utils import timezone

from attribution import lab, operations
from attribution.models import Comparison
from conversions.models import Conversion
from tests.attribution.test_comparisons import DAY, PERIOD, compared
from tests.attribution.test_killed_worker import wait_until, worker
from tests.attribution.worlds import make_world
from tests.factories import ConversionFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_progress_is_committed_on_the_way(monkeypatch):
    make_world(120)
    monkeypatch.setattr("attribution.operations.comparisons.CONVERSIONS_AT_ONCE", 10)
    seen, add = [], lab.Tally.add

    def watched(tally, batch):
        with connection.cursor() as cursor:
            cursor.execute("SELECT conversions_done, status FROM attribution_comparison")
            seen.append(cursor.fetchone())
        add(tally, batch)

    monkeypatch.setattr(lab.Tally, "add", watched)
    comparison = compared({"model": "linear"})
    counts = [done for done, _ in seen]
    assert len(counts) > 5
    assert counts == sorted(counts)
    assert 0 < counts[-1] < comparison.conversions_done == comparison.conversions_total
    assert {status for _, status in seen} == {"running"}


def test_all_parts_are_read_at_one_moment(monkeypatch):
    make_world(120)
    monkeypatch.setattr("attribution.operations.comparisons.CONVERSIONS_AT_ONCE", 1)
    add = lab.Tally.add

    def watched(tally, batch):
        if not Conversion.objects.filter(lead_id__startswith="late").exists():
            for number in range(20):
                ConversionFactory(lead_id=f"late-{number}", occurred_at=PERIOD["start"])
        add(tally, batch)

    monkeypatch.setattr(lab.Tally, "add", watched)
    before = Conversion.objects.count()
    assert compared({"model": "linear"}).result["conversions"] == before == Conversion.objects.count() - 20


def test_a_comparison_is_done_once():
    make_world(20)
    comparison = compared({"model": "linear"})
    assert operations.compare(comparison.pk) is False


def test_one_that_fails_says_why(monkeypatch):
    make_world(20)
    comparison = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)

    def broken(tally, batch):
        raise ZeroDivisionError("so it is")

    monkeypatch.setattr(lab.Tally, "add", broken)
    with pytest.raises(ZeroDivisionError):
        operations.compare(comparison.pk)
    comparison.refresh_from_db()
    assert (comparison.status, comparison.error) == ("failed", "ZeroDivisionError: so it is")
    assert comparison.finished_at


def test_one_whose_worker_died_is_begun_anew_and_given_up_after_the_second():
    make_world(20)
    asked = {**PERIOD, "contenders": [{"model": "linear"}], "queue": False}
    once, twice = (operations.start_comparison(**asked) for _ in range(2))
    # As a killed worker leaves them: at work, and nobody holds the lock.
    Comparison.objects.update(status="running", conversions_done=1)
    Comparison.objects.filter(pk=twice.pk).update(error="Its worker died.")
    assert operations.compare(once.pk) is True
    assert operations.compare(twice.pk) is False
    once.refresh_from_db()
    twice.refresh_from_db()
    assert (once.status, once.error) == ("finished", "")
    assert (twice.status, twice.error[:22]) == ("failed", "Its worker died twice.")


def test_a_killed_worker_loses_nothing_but_time(queue, monkeypatch):
    make_world(400, conversions=(1, 2))
    expected = compared({"model": "linear"}).result
    comparison = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)
    # What a killed worker leaves behind; the next one takes it up when it starts.
    Comparison.objects.filter(pk=comparison.pk).update(status="running", conversions_done=7)
    with worker(queue) as process:
        wait_until(lambda: Comparison.objects.get(pk=comparison.pk).status == "finished")
        os.killpg(process.pid, signal.SIGKILL)
    assert Comparison.objects.get(pk=comparison.pk).result == expected


def test_one_that_was_deleted_meanwhile_stops_in_silence(monkeypatch):
    make_world(20)
    comparison = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)
    monkeypatch.setattr(lab.Tally, "add", lambda tally, batch: Comparison.objects.all().delete())
    assert operations.compare(comparison.pk) is False


def test_only_who_started_it_or_an_administrator_deletes_it():
    ConversionFactory(occurred_at=PERIOD["start"])
    user = UserFactory()
    for _ in range(2):
        operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], by=user, queue=False)
    first, second = Comparison.objects.all()
    with pytest.raises(operations.NotYours):
        operations.delete_comparison(comparison_id=first.pk, by=UserFactory())
    operations.delete_comparison(comparison_id=first.pk, by=user)
    operations.delete_comparison(comparison_id=second.pk, by=UserFactory(is_superuser=True))
    assert not Comparison.objects.exists()


def test_old_ones_are_dropped():
    ConversionFactory(occurred_at=PERIOD["start"])
    for days in (29, 31):
        made = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)
        Comparison.objects.filter(pk=made.pk).update(created_at=timezone.now() - days * DAY)
    assert operations.drop_old_comparisons() == 1
    assert Comparison.objects.get().created_at > timezone.now() - 30 * DAY
