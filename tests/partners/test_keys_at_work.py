"""Asking with a key: what opens, when it stops to, and what that costs."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attribution_site.api import keys
from partners.models import ApiKey, Partner
from partners.operations import create_key, revoke_key, rotate_key
from tests.access.conftest import client_with
from tests.api import BASE, refused
from tests.factories import PartnerFactory

URL = f"{BASE}/conversions"

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """The process's clocks, as `attribution_site/api/keys.py` reads them, moved on by hand."""

    class Clock:
        def __init__(self):
            self.moved = 0.0
            self.real = keys.time

        def monotonic(self):
            return self.real.monotonic() + self.moved

        def time(self):
            return self.real.time() + self.moved

    clock = Clock()
    monkeypatch.setattr(keys, "time", clock)
    return clock


def status(key):
    return client_with(key).get(URL).status_code


def reads_of_keys(key):
    with CaptureQueriesContext(connection) as queries:
        assert status(key) == 200
    return [each["sql"] for each in queries if "partners_apikey" in each["sql"]]


def test_the_database_is_asked_once_in_five_seconds(clock):
    _, key = create_key(name="CRM", scopes=["read"])
    assert len(reads_of_keys(key)) == 2  # the key, and when it was used last
    assert reads_of_keys(key) == []
    clock.moved += keys.BELIEVED - 1
    assert reads_of_keys(key) == []
    clock.moved += 2
    assert len(reads_of_keys(key)) == 2


def test_a_revoked_key_is_refused_within_seconds_by_a_process_that_knew_it(clock):
    stored, key = create_key(name="CRM", scopes=["read"])
    assert status(key) == 200
    revoke_key(key_id=stored.pk)
    clock.moved += keys.BELIEVED + 0.1
    assert status(key) == 401


def test_a_key_ends_at_its_second_whatever_was_believed(clock):
    _, key = create_key(name="CRM", scopes=["read"], expires_at=timezone.now() + dt.timedelta(seconds=3))
    assert status(key) == 200
    clock.moved += 3
    assert status(key) == 401


def test_of_a_rotated_key_both_work_and_then_one(clock):
    stored, old = create_key(name="CRM", scopes=["read"])
    _, new = rotate_key(key_id=stored.pk, overlap=dt.timedelta(hours=1))
    assert (status(old), status(new)) == (200, 200)
    ApiKey.objects.filter(pk=stored.pk).update(expires_at=timezone.now())
    clock.moved += keys.BELIEVED + 0.1
    assert (status(old), status(new)) == (401, 200)


def test_without_overlap_the_old_key_ends_at_once(clock):
    stored, old = create_key(name="CRM", scopes=["read"])
    rotate_key(key_id=stored.pk, overlap=dt.timedelta(0))
    assert status(old) == 401


def test_a_rotated_key_bound_to_a_partner_stays_bound():
    PartnerFactory(id="partner-a")
    stored, _ = create_key(name="a", scopes=["partner"], payee=("partner", "partner-a"))
    new, _ = rotate_key(key_id=stored.pk)
    assert (new.partner_id, new.scopes) == ("partner-a", ["partner"])


def test_the_keys_of_a_closed_partner_open_nothing_until_it_is_active_again(clock):
    PartnerFactory(id="partner-a")
    _, key = create_key(name="a", scopes=["partner"], payee=("partner", "partner-a"))
    mine = f"{BASE}/partners/partner-a"
    assert client_with(key).get(mine).status_code == 200
    for state, expected in (("closed", 401), ("suspended", 200)):
        Partner.objects.update(status=state)
        clock.moved += keys.BELIEVED + 0.1
        assert client_with(key).get(mine).status_code == expected


def test_last_used_is_written_once_a_minute_at_most(clock):
    stored, key = create_key(name="CRM", scopes=["read"])
    assert status(key) == 200
    stored.refresh_from_db()
    first = stored.last_used_at
    assert first is not None
    clock.moved += keys.BELIEVED + 0.1
    assert status(key) == 200
    stored.refresh_from_db()
    assert stored.last_used_at == first
    ApiKey.objects.update(last_used_at=first - dt.timedelta(seconds=61))
    clock.moved += keys.BELIEVED + 0.1
    assert status(key) == 200
    stored.refresh_from_db()
    assert stored.last_used_at >= first


@pytest.mark.parametrize(
    "header",
    [
        "Bearer atk_something",
        "Api-Key",
        "Api-Key ",
        "Api-Key   ",
        "Api-Key atk_nobody",
        "Api-Key atk_one two",
        "Api-Key \u00e9\u00df\u4e2d",
        "Api-Key a\x00b",
        "Api-Key " + "x" * 10_240,
        "Basic dXNlcjpwYXNz",
        "atk_without_a_scheme",
        "Api-Key Api-Key atk_twice",
    ],
    ids=lambda header: ascii(header[:20]),
)
def test_what_is_no_key_is_refused_in_the_one_shape(client, header):
    response = client.get(URL, headers={"Authorization": header})
    assert response.status_code == 401
    assert refused(response) == {(None, "authentication_failed")}
    assert response["WWW-Authenticate"] == "Api-Key"


def test_the_scheme_is_known_in_any_case_and_a_key_only_in_its_own(client):
    _, key = create_key(name="CRM", scopes=["read"])
    assert client.get(URL, headers={"Authorization": f"api-key {key}"}).status_code == 200
    assert client.get(URL, headers={"Authorization": f"Api-Key {key.swapcase()}"}).status_code == 401


def test_a_wrong_key_is_not_made_good_by_a_session(admin_client):
    assert admin_client.get(URL, headers={"Authorization": "Api-Key atk_nobody"}).status_code == 401


def test_a_key_lengthens_its_own_time_by_rotation_and_no_others():
    PartnerFactory(id="partner-a")
    soon, payee = timezone.now() + dt.timedelta(hours=1), ("partner", "partner-a")
    for_ever, _ = create_key(name="for ever", scopes=["partner"], payee=payee)
    ending, text = create_key(name="ending", scopes=["partner"], payee=payee, expires_at=soon)
    client = client_with(text)
    answer = client.post(f"{BASE}/keys/{for_ever.pk}/rotate", {}).json()
    assert dt.datetime.fromisoformat(answer["expiresAt"]) <= soon
    assert client.post(f"{BASE}/keys/{ending.pk}/rotate", {}).json()["expiresAt"] is not None
