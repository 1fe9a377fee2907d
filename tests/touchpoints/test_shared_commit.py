"""Requests that write at the same time share a commit: nobody waits for nothing, nobody fails for another."""

import threading
import time

import pytest
from django.db import DataError, OperationalError, connection
from django.utils import timezone

from touchpoints import operations
from touchpoints.ingestion.sharing import Busy, SharedCommit
from touchpoints.ingestion.touch import Touch
from touchpoints.models import Touchpoint, uuid7


def touch(lead_id, **values):
    return Touch(lead_id=lead_id, channel="email", timestamp=timezone.now(), **values)


def store(rows):
    return operations.create_touchpoints(rows=rows)


def at_once(work, count):
    """What the work gave or raised in each of so many threads."""
    gate, told = threading.Barrier(count), [None] * count

    def one(number):
        gate.wait()
        try:
            told[number] = work(number)
        except Exception as error:
            told[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return told


class Slowly:
    """Stores as the door does, but holds each commit until it may go on, and remembers what went together."""

    def __init__(self):
        self.may_go_on, self.begun, self.together = threading.Event(), threading.Event(), []

    def __call__(self, rows):
        self.together.append(len(rows))
        self.begun.set()
        assert self.may_go_on.wait(20)
        return operations.create_touchpoints(rows=rows)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_all_stored_each_with_its_own_answer():
    shared = SharedCommit(store)
    told = at_once(lambda number: [shared.store(touch(f"lead-{number}-{n}")) for n in range(25)], 12)
    answered = {outcome.touch.id: outcome.touch.lead_id for outcomes in told for outcome in outcomes}
    assert len(answered) == 300
    assert dict(Touchpoint.objects.values_list("id", "lead_id")) == answered


@pytest.mark.django_db(transaction=True)
def test_what_comes_during_a_commit_goes_into_the_next_one_together():
    slowly = Slowly()
    shared = SharedCommit(slowly)
    release = threading.Timer(1.0, slowly.may_go_on.set)
    release.start()
    told = at_once(lambda number: shared.store(touch(f"lead-{number}")), 9)
    assert slowly.together in ([1, 8], [2, 7], [3, 6])
    assert {outcome.touch.lead_id for outcome in told} == {f"lead-{n}" for n in range(9)}
    assert Touchpoint.objects.count() == 9


@pytest.mark.django_db(transaction=True)
def test_one_row_that_the_database_refuses_fails_alone():
    slowly = Slowly()
    shared = SharedCommit(slowly)
    threading.Timer(1.0, slowly.may_go_on.set).start()
    bad = 5
    told = at_once(lambda n: shared.store(touch("x" * 65 if n == bad else f"lead-{n}")), 9)
    assert isinstance(told[bad], DataError)
    assert all(outcome.is_new for n, outcome in enumerate(told) if n != bad)
    assert Touchpoint.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_an_id_sent_by_many_at_once_is_stored_once():
    shared = SharedCommit(store)
    row = touch("lead-1", id=uuid7())
    told = at_once(lambda number: shared.store(row), 8)
    assert sorted(outcome.is_new for outcome in told) == [False] * 7 + [True]
    assert Touchpoint.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_past_the_bound_they_are_refused_at_once_and_not_stored():
    slowly = Slowly()
    shared = SharedCommit(slowly, most_waiting=3)
    threading.Timer(1.5, slowly.may_go_on.set).start()

    def one(number):
        if number:
            slowly.begun.wait(10)
        began = time.monotonic()
        try:
            return shared.store(touch(f"lead-{number}"))
        except Busy:
            assert time.monotonic() - began < 1
            raise

    told = at_once(one, 9)
    refused = [each for each in told if isinstance(each, Busy)]
    assert len(refused) == 5
    assert Touchpoint.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_who_has_waited_too_long_is_refused_and_not_stored():
    slowly = Slowly()
    shared = SharedCommit(slowly, patience=0.2)
    threading.Timer(2.0, slowly.may_go_on.set).start()

    def one(number):
        if number:
            slowly.begun.wait(10)
        return shared.store(touch(f"lead-{number}"))

    told = at_once(one, 5)
    assert sum(isinstance(each, Busy) for each in told) == 4
    assert [row.lead_id for row in Touchpoint.objects.all()] == ["lead-0"]
    # And the next one finds the door free.
    assert shared.store(touch("lead-9")).is_new


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_fails_them_together_and_the_next_is_stored():
    calls = []

    def write(rows):
        calls.append(len(rows))
        if len(calls) == 2:
            connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")
        time.sleep(0.5)
        return operations.create_touchpoints(rows=rows)

    shared = SharedCommit(write)
    told = at_once(lambda number: shared.store(touch(f"lead-{number}")), 6)
    lost = [each for each in told if isinstance(each, OperationalError)]
    assert len(lost) == calls[1] > 1
    assert Touchpoint.objects.count() == 6 - len(lost)
    assert shared.store(touch("lead-9")).is_new
