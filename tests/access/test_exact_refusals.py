"""The exact answers to what must not come in: bodies too large, keys that are over, methods that pretend."""

import datetime as dt
import gzip
import io
import json
import socket
import time

import pytest
from django.utils import timezone

from partners.models import ApiKey
from partners.operations import create_key, revoke_key, rotate_key
from tests.access.conftest import A, client_with
from tests.api import BASE
from tests.factories import PartnerFactory, TouchpointFactory
from touchpoints.models import Touchpoint

BIG = 50_000_000
LIMIT = 16 * 1024 * 1024
TOO_LARGE = {"code": "too_large", "detail": "The body is larger than 16 MiB.", "attr": None}
SCOPES = ["ingest", "read", "attribution:write", "disputes:write"]


class Stream(io.RawIOBase):
    """50 MB of a JSON text, which nobody holds at once. It counts what is read of it."""

    def __init__(self):
        self.taken = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), BIG - self.taken)
        buffer[:size] = b'["' + b"x" * (size - 2) if self.taken == 0 else b"x" * size
        self.taken += size
        return size


def sent(path, key, **headers):
    """The status, the body's JSON, and how much of the body was read."""
    stream = Stream()
    body = {"content_type": "application/json", "CONTENT_LENGTH": str(BIG), "wsgi.input": io.BufferedReader(stream)}
    answer = client_with(key).generic("POST", f"{BASE}/{path}", **body, **headers)
    return answer.status_code, answer.json(), stream.taken


DOORS = ["touchpoints", "conversions", "attribution/calculate", "attribution/batch", "disputes", "visitors/identify"]


@pytest.mark.parametrize("of", ["the house", "a partner"])
@pytest.mark.parametrize("path", DOORS)
def test_50_mb_are_refused_at_once_and_never_held(db, path, of):
    PartnerFactory(id=A.id)
    payee, scopes = (A, ["partner", "ingest"]) if of == "a partner" else (None, SCOPES)
    key = create_key(name="n", scopes=scopes, payee=payee)[1]
    began = time.monotonic()
    status, body, taken = sent(path, key)
    if of == "a partner" and path not in {"touchpoints", "disputes"}:
        assert (status, body["errors"][0]["code"]) == (403, "permission_denied")
    else:
        assert (status, body) == (413, {"type": "client_error", "errors": [TOO_LARGE]})
    assert time.monotonic() - began < 5
    assert taken <= LIMIT + 1024 * 1024
    assert not Touchpoint.objects.exists()


def test_50_mb_with_an_idempotency_key_are_refused_alike(db):
    key = create_key(name="n", scopes=SCOPES)[1]
    status, body, taken = sent("conversions", key, HTTP_IDEMPOTENCY_KEY="again")
    assert (status, body["errors"], taken <= LIMIT + 1024 * 1024) == (413, [TOO_LARGE], True)


@pytest.mark.django_db(transaction=True)
def test_50_mb_over_a_socket_are_answered_while_they_come(live_server):
    key = create_key(name="n", scopes=["ingest"])[1]
    head = (
        f"POST {BASE}/touchpoints HTTP/1.1\r\nHost: localhost\r\nAuthorization: Api-Key {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {BIG}\r\nConnection: close\r\n\r\n"
    )
    began = time.monotonic()
    with socket.create_connection((live_server.thread.host, live_server.thread.port), timeout=30) as connection:
        connection.sendall(head.encode())
        try:
            for _ in range(BIG // 100_000):
                connection.sendall(b" " * 100_000)
        except OSError:
            pass  # it has heard enough
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errors"] == [TOO_LARGE]
    assert time.monotonic() - began < 10


OVER = {
    "code": "authentication_failed",
    "detail": "There is no such key, or it has expired or was revoked.",
    "attr": None,
}


def expire(stored):
    ApiKey.objects.filter(pk=stored.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))


def replace(stored):
    rotate_key(key_id=stored.pk, overlap=dt.timedelta(0))


@pytest.mark.parametrize(
    "end", [expire, replace, lambda stored: revoke_key(key_id=stored.pk), lambda stored: stored.delete()]
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "touchpoints"), ("POST", "touchpoints"), ("POST", "attribution/calculate")]
)
def test_a_key_that_is_over_is_answered_as_one_that_never_was(db, end, method, path):
    stored, key = create_key(name="n", scopes=SCOPES)
    end(stored)
    answer = client_with(key).generic(method, f"{BASE}/{path}", b"{}", "application/json")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Api-Key")
    assert answer.json() == {"type": "client_error", "errors": [OVER]}


def test_a_squeezed_body_is_refused_as_what_it_is(client_of):
    body = gzip.compress(b'{"leadId": "lead-1", "channel": "email"}')
    for path in ("touchpoints", "conversions"):
        answer = client_of("ingest").generic(
            "POST", f"{BASE}/{path}", body, "application/json", headers={"Content-Encoding": "gzip"}
        )
        assert answer.status_code == 400
        [error] = answer.json()["errors"]
        assert error == {"code": "parse_error", "detail": "The body is not UTF-8.", "attr": None}
    assert not Touchpoint.objects.exists()


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
@pytest.mark.parametrize("pretended", ["DELETE", "PUT", "PATCH", "GET"])
def test_a_post_does_not_become_another_method(client_of, header, pretended):
    touch = TouchpointFactory(channel="email")
    answer = client_of("read", "touchpoints:write").post(
        f"{BASE}/touchpoints/{touch.pk}?_method={pretended}", {"channel": "webinar"}, headers={header: pretended}
    )
    told = {"code": "method_not_allowed", "detail": 'Method "POST" not allowed.', "attr": None}
    assert (answer.status_code, answer.json()) == (405, {"type": "client_error", "errors": [told]})
    assert Touchpoint.objects.get().channel == "email"
