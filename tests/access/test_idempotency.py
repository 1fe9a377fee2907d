"""A write that is sent again under its `Idempotency-Key` gets its first answer, and nothing is done twice."""

import datetime as dt
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from attribution_site import tasks
from attribution_site.models import KeptAnswer
from conversions.models import Conversion
from partners.operations import create_key
from tests.access.conftest import client_with
from tests.api import BASE, refused
from tests.factories import PartnerFactory, UserFactory
from touchpoints.models import Touchpoint

SALE = {"leadId": "lead-1", "type": "sale", "value": 10}
TOUCH = {"leadId": "lead-1", "channel": "email"}


def post(client, body, key="order-1", path="conversions"):
    return client.post(f"{BASE}/{path}", body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("path", "body", "model"), [("conversions", SALE, Conversion), ("touchpoints", TOUCH, Touchpoint)]
)
def test_the_same_again_gets_the_first_answer(api, path, body, model):
    first, second = post(api, body, path=path), post(api, body, path=path)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second["Content-Type"] == first["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert second["Idempotency-Replayed"] == "true"
    assert model.objects.count() == 1


def test_an_array_too(api):
    answers = [post(api, [TOUCH, TOUCH], path="touchpoints").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert Touchpoint.objects.count() == 2


@pytest.mark.parametrize("other", [{"value": 11}, {"leadId": "lead-2"}])
def test_another_body_under_the_key_is_refused(api, other):
    post(api, SALE)
    answer = post(api, SALE | other)
    assert (answer.status_code, refused(answer)) == (422, {("Idempotency-Key", "key_reused")})
    assert Conversion.objects.count() == 1


def test_another_path_under_the_key_is_refused(api):
    post(api, SALE)
    assert post(api, SALE, path="touchpoints").status_code == 422


def test_keys_of_two_askers_are_two_keys(api, db):
    programs = [client_with(create_key(name="n", scopes=["ingest"])[1]) for _ in range(2)]
    assert [post(client, SALE).status_code for client in (api, *programs)] == [201, 201, 201]
    assert Conversion.objects.count() == 3


def test_a_refusal_is_not_kept_since_the_next_time_may_do_better(api):
    refusal = post(api, SALE | {"value": "ten"})
    assert refusal.status_code == 400
    assert not KeptAnswer.objects.exists()
    assert post(api, SALE).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256])
def test_a_key_that_cannot_be_one_is_refused(api, key):
    answer = post(api, SALE, key=key)
    assert (answer.status_code, refused(answer)) == (400, {("Idempotency-Key", "invalid")})
    assert not Conversion.objects.exists()


def test_reading_takes_no_notice_of_a_key(api):
    for _ in range(2):
        answer = api.get(f"{BASE}/conversions", headers={"Idempotency-Key": "order-1"})
        assert "Idempotency-Replayed" not in answer.headers
    assert not KeptAnswer.objects.exists()


def test_who_is_nobody_keeps_nothing(client, db):
    answer = client.post(f"{BASE}/conversions", SALE, "application/json", headers={"Idempotency-Key": "order-1"})
    assert answer.status_code == 401
    assert not KeptAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_writes_and_all_get_its_answer():
    user, gate, answers = UserFactory(role="Operations"), threading.Barrier(6), []

    def send():
        client = APIClient()
        client.force_authenticate(user)
        client.force_login(user)
        gate.wait()
        try:
            answers.append(post(client, SALE))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5
    assert Conversion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_is_told_to_ask_again(monkeypatch):
    monkeypatch.setattr("attribution_site.api.idempotency.LONGEST_WAIT", "100ms")
    user, under_way, done = UserFactory(role="Operations"), threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            KeptAnswer.objects.create(asker=f"user:{user.pk}", key="order-1", request_digest=b"")
            under_way.set()
            done.wait(10)
            transaction.set_rollback(True)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    under_way.wait(10)
    client = APIClient()
    client.force_login(user)
    answer = post(client, SALE)
    done.set()
    holder.join()
    assert (answer.status_code, refused(answer)) == (409, {("Idempotency-Key", "under_way")})
    assert answer["Retry-After"] == "1"
    assert post(client, SALE).status_code == 201


def test_an_answer_is_kept_a_day_at_least_and_then_goes(api):
    post(api, SALE)
    age = KeptAnswer.objects.filter(key="order-1").update
    age(created_at=timezone.now() - dt.timedelta(hours=25))
    tasks.drop_old_answers()
    assert "Idempotency-Replayed" in post(api, SALE).headers
    age(created_at=timezone.now() - dt.timedelta(hours=49))
    tasks.drop_old_answers()
    assert not KeptAnswer.objects.exists()


def test_an_answer_with_a_secret_in_it_is_kept_sealed(db):
    client = client_with(create_key(name="n", scopes=["partner"], payee=("partner", PartnerFactory().pk))[1])
    body = {"name": "Site", "scopes": ["ingest"]}
    first, second = post(client, body, path="keys"), post(client, body, path="keys")
    assert (first.status_code, second.content) == (201, first.content)
    assert second["Idempotency-Replayed"] == "true"
    assert first.json()["key"].encode() not in bytes(KeptAnswer.objects.get().body)


def test_a_body_of_megabytes_may_have_a_key_too(api):
    touches = [TOUCH | {"campaign": "c" * 250, "content": "d" * 250} for _ in range(6000)]
    first, second = post(api, touches, path="touchpoints"), post(api, touches, path="touchpoints")
    assert (first.status_code, first.json()["accepted"]) == (200, 6000)
    assert second["Idempotency-Replayed"] == "true"
    assert second.content == first.content
