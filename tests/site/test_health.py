"""What a supervisor asks: is the process alive, is what it needs there too?"""

import pytest
from django.db import connection

from attribution_site import health


def test_alive_asks_nothing_of_the_database(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_without_a_worker_it_is_not_ready_and_says_so(client, db, monkeypatch):
    monkeypatch.setattr(health.app.control, "ping", lambda **_: [])
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "broker": "ok", "worker": "no worker answers", "migrations": "ok"}


def test_with_all_there_it_is_ready(client, db, monkeypatch):
    monkeypatch.setitem(health.CHECKS, "worker", lambda: None)
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_missing_is_counted(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions' RETURNING app, name, applied")
        [row] = cursor.fetchall()
        try:
            assert client.get("/readyz").json()["migrations"] == "1 to apply"
        finally:
            cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)", row)


def test_a_part_that_is_down_hides_no_other(client, db, monkeypatch):
    def broken():
        raise ConnectionError("no way there")

    monkeypatch.setitem(health.CHECKS, "broker", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["broker"] == "down (ConnectionError)"
    assert answer.json()["database"] == "ok"


def test_neither_is_written_to(client, db):
    assert [client.post(path).status_code for path in ("/healthz", "/readyz")] == [405, 405]
