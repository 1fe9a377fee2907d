"""Programs go past the middleware that is for browsers, and are answered the same."""

import datetime as dt
import gzip
import json

import pytest
from django.utils import timezone

from tests.api import BASE, refused
from tests.factories import ConversionFactory, TouchpointFactory

CALCULATE = f"{BASE}/attribution/calculate"
ASKED = {"leadId": "lead-1", "model": "linear"}


@pytest.fixture
def sale(db):
    for days in range(1, 9):
        TouchpointFactory(lead_id="lead-1", timestamp=timezone.now() - dt.timedelta(days=days))
    return ConversionFactory(lead_id="lead-1")


def test_a_key_is_answered_as_a_person_is(sale, api, client_of):
    by_person, by_key = (client.post(CALCULATE, ASKED) for client in (api, client_of("read")))
    assert "Cookie" in by_person["Vary"]
    assert "Cookie" not in by_key["Vary"]  # so it went the short way
    person, key = by_person.json(), by_key.json()
    assert person.pop("calculatedAt") < key.pop("calculatedAt")
    assert person == key


def test_it_is_compressed_for_who_asks_so(sale, client_of):
    answer = client_of("read").post(CALCULATE, ASKED, HTTP_ACCEPT_ENCODING="gzip")
    assert answer["Content-Encoding"] == "gzip"
    assert int(answer["Content-Length"]) == len(answer.content)


def test_the_answer_to_an_array_of_touches_is_compressed_and_that_to_one_is_not(db, client_of):
    client, touch = client_of("ingest"), {"leadId": "lead-1", "channel": "email"}
    one, many = (
        client.post(f"{BASE}/touchpoints", body, HTTP_ACCEPT_ENCODING="gzip") for body in (touch, [touch] * 100)
    )
    assert (one.status_code, one.has_header("Content-Encoding"), many["Content-Encoding"]) == (201, False, "gzip")
    assert int(many["Content-Length"]) == len(many.content)
    assert json.loads(gzip.decompress(many.content))["accepted"] == 100
    plain = client.post(f"{BASE}/touchpoints", [touch] * 100)
    assert (plain.json()["accepted"], plain["Vary"]) == (100, many["Vary"])


def test_under_an_idempotency_key_the_first_answer_comes_again(sale, client_of):
    client = client_of("read")
    once, again = (client.post(CALCULATE, ASKED, HTTP_IDEMPOTENCY_KEY="same").content for _ in range(2))
    assert once == again
    assert client.post(CALCULATE, ASKED).content != once


def test_who_may_not_is_refused_there_too(sale, client_of):
    answer = client_of("ingest").post(CALCULATE, ASKED)
    assert (answer.status_code, refused(answer)) == (403, {(None, "permission_denied")})


@pytest.mark.parametrize(
    "body", [None, [], [ASKED], "lead-1", {}, ASKED | {"lead": 1}, ASKED | {"config": {"halfLife": 1}}]
)
def test_a_bad_body_is_refused_in_the_same_words(sale, api, client_of, body):
    by_person, by_key = (client.post(CALCULATE, body) for client in (api, client_of("read")))
    assert (by_key.status_code, by_key.json()) == (400, by_person.json())
