"""Past what can be worked on, programs are told to come back; what cannot be stored is never acknowledged."""

import threading

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from conversions.api import TouchpointViewSet
from partners.operations import create_key
from tests.api import BASE
from touchpoints.ingestion.sharing import Busy
from touchpoints.ingestion.shortcut import ToTheDoor
from touchpoints.models import Touchpoint

URL = f"{BASE}/touchpoints"
GOOD = {"leadId": "lead-123", "channel": "email"}
TOLD = {
    "type": "server_error",
    "errors": [
        {
            "code": "overloaded",
            "detail": "Too much is coming in just now. Nothing of this was stored: send it again in a second.",
            "attr": None,
        }
    ],
}


def program():
    _, key = create_key(name="tests", scopes=["ingest", "read"])
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


@pytest.fixture
def held_up():
    """Nobody can store a touch until this is let go."""
    begun, let_go = threading.Event(), threading.Event()

    def hold():
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN; LOCK TABLE touchpoints_touchpoint IN EXCLUSIVE MODE")
                begun.set()
                let_go.wait(30)
                cursor.execute("COMMIT")
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(10)
    yield let_go
    let_go.set()
    holder.join()


@pytest.mark.django_db(transaction=True)
def test_more_than_are_let_in_at_once_are_told_to_come_back(held_up, settings):
    settings.INGEST_AT_ONCE = 3
    clients, answers, refused = [program() for _ in range(8)], [], threading.Semaphore(0)
    handlers = [client.handler for client in clients]
    handlers[0].load_middleware()
    for handler in handlers:
        # One process has one stack of middleware; each test client would make its own.
        handler._middleware_chain = handlers[0]._middleware_chain

    def send(client):
        try:
            answers.append(client.post(URL, GOOD))
            if answers[-1].status_code == 503:
                refused.release()
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    # They are told while the others still wait.
    assert all(refused.acquire(timeout=20) for _ in range(5))
    held_up.set()
    for thread in threads:
        thread.join()
    told = [answer for answer in answers if answer.status_code == 503]
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [503] * 5
    assert all(answer.json() == TOLD and answer["Retry-After"] == "1" for answer in told)
    assert Touchpoint.objects.count() == 3
    assert clients[0].post(URL, GOOD).status_code == 201


class Broken:
    def __init__(self, error):
        self.error = error

    def store(self, touch):
        raise self.error


@pytest.mark.django_db(transaction=True)
def test_what_waits_too_long_is_told_that_it_was_not_stored(monkeypatch):
    monkeypatch.setattr(TouchpointViewSet, "shared", Broken(Busy()))
    answer = program().post(URL, GOOD)
    assert (answer.status_code, answer.json(), answer["Retry-After"]) == (503, TOLD, "1")
    assert not Touchpoint.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_finds_no_database_is_told_that_nobody_knows(monkeypatch):
    monkeypatch.setattr(TouchpointViewSet, "shared", Broken(OperationalError("the connection is lost")))
    answer = program().post(URL, GOOD)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    [error] = answer.json()["errors"]
    assert (error["code"], "with an id of your own" in error["detail"]) == ("database_away", True)


@pytest.mark.django_db(transaction=True)
def test_the_short_way_answers_as_the_long_one_does():
    client = program()
    short = client.post(URL, GOOD)
    long = client.post(URL, GOOD, HTTP_IDEMPOTENCY_KEY="k1")
    own = {"id", "timestamp"}
    assert (short.status_code, long.status_code) == (201, 201)
    assert {n: v for n, v in short.json().items() if n not in own} == {
        n: v for n, v in long.json().items() if n not in own
    }
    assert short["Content-Type"] == long["Content-Type"]
    assert short["Content-Length"] == str(len(short.content))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_HOST": "evil.example"}, 400),
        ({"HTTP_ACCEPT": "text/html"}, 406),
        ({"CONTENT_TYPE": "text/plain"}, 415),
        ({"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}, 201),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_headers_mean_the_same_on_the_short_way(headers, status):
    client = program()
    content_type = headers.pop("CONTENT_TYPE", "application/json")
    body = b'{"leadId":"lead-1","channel":"email"}'
    for more in ({}, {"HTTP_IDEMPOTENCY_KEY": "k1"}):
        assert client.generic("POST", URL, body, content_type=content_type, **headers, **more).status_code == status


def test_it_stands_right_behind_what_makes_connections_secure_and_bodies_whole(settings):
    place = settings.MIDDLEWARE.index(f"{ToTheDoor.__module__}.{ToTheDoor.__name__}")
    assert settings.MIDDLEWARE[:place] == [
        "django.middleware.security.SecurityMiddleware",
        "attribution_site.api.lengths.LengthRequired",
    ]
