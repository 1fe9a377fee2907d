"""What headers say never opens what the key and the method do not."""

import datetime as dt
import secrets

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from attribution_site.api import keys
from attribution_site.api.throttles import Rate
from partners.models import ApiKey
from partners.operations import create_key, revoke_key
from tests.access.conftest import client_with
from tests.api import BASE, refused
from tests.factories import PartnerFactory, UserFactory
from touchpoints.models import Touchpoint

TOUCH = {"leadId": "lead-1", "channel": "email"}


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_is_what_it_is(client_of, header):
    client = client_of("ingest")
    answer = client.post(f"{BASE}/touchpoints", TOUCH, headers={header: "GET"})
    assert answer.status_code == 201
    answer = client.get(f"{BASE}/touchpoints", headers={header: "POST"})
    assert (answer.status_code, refused(answer)) == (403, {(None, "permission_denied")})


def test_a_method_in_the_query_or_body_is_none(client_of):
    client = client_of("ingest")
    answer = client.post(f"{BASE}/touchpoints", TOUCH | {"_method": "DELETE"})
    assert (answer.status_code, refused(answer)) == (400, {("_method", "unknown_field")})
    assert client.post(f"{BASE}/touchpoints?_method=DELETE", TOUCH).status_code == 201
    assert Touchpoint.objects.count() == 1


@pytest.mark.parametrize(
    "header",
    ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-For", "Forwarded"],
)
def test_no_header_moves_a_request_elsewhere(client_of, header):
    answer = client_of("ingest").get(f"{BASE}/partners", headers={header: f"{BASE}/touchpoints"})
    assert answer.status_code == 403


@pytest.mark.parametrize("header", ["X-Api-Key", "Api-Key", "Proxy-Authorization", "X-User", "Remote-User"])
def test_a_key_elsewhere_than_in_authorization_is_none(db, header):
    _, key = create_key(name="n", scopes=["read"])
    answer = APIClient().get(f"{BASE}/partners", headers={header: f"Api-Key {key}"})
    assert (answer.status_code, refused(answer)) == (401, {(None, "not_authenticated")})
    assert answer["WWW-Authenticate"] == "Api-Key"


def test_a_key_in_the_query_is_an_unknown_parameter_of_nobody(db):
    _, key = create_key(name="n", scopes=["read"])
    assert APIClient().get(f"{BASE}/partners?key={key}").status_code == 401


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer {}",
        "Basic {}",
        "Token {}",
        "Api-Key",
        "Api-Key ",
        "{}",
        "Api-Key {}x",
        "Api-Key {} {}",
        "Api-Key ä",
        "Api-Key " + "x" * 10_000,
    ],
)
def test_what_is_not_a_key_of_ours_is_nobody(db, sent):
    _, key = create_key(name="n", scopes=["read"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=sent.format(key, key))
    answer = client.get(f"{BASE}/partners")
    assert (answer.status_code, refused(answer)) == (401, {(None, "authentication_failed")})
    assert key not in answer.content.decode()


def test_the_scheme_is_written_as_anybody_likes(db):
    _, key = create_key(name="n", scopes=["read"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"api-key   {key}")
    assert client.get(f"{BASE}/partners").status_code == 200


def test_beside_a_session_the_key_counts(db):
    """Neither lends the other what it may not do."""
    _, key = create_key(name="n", scopes=["ingest"])
    client = APIClient()
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(f"{BASE}/partners").status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert client.get(f"{BASE}/partners").status_code == 403


def test_a_bad_key_beside_a_good_session_is_refused(db):
    client = APIClient()
    client.force_login(UserFactory(is_superuser=True))
    client.credentials(HTTP_AUTHORIZATION="Api-Key atk_wrong")
    assert client.get(f"{BASE}/partners").status_code == 401


def test_an_expired_key_is_nobodys_at_the_very_second(db, monkeypatch):
    _, key = create_key(name="n", scopes=["read"], expires_at=timezone.now() + dt.timedelta(hours=1))
    client = client_with(key)
    assert client.get(f"{BASE}/partners").status_code == 200
    now = dt.datetime.now().timestamp()  # noqa: DTZ005
    monkeypatch.setattr(keys.time, "time", lambda: now + 3601)
    assert client.get(f"{BASE}/partners").status_code == 401


def test_a_revoked_key_ends_within_seconds(db, monkeypatch):
    stored, key = create_key(name="n", scopes=["read"])
    client = client_with(key)
    assert client.get(f"{BASE}/partners").status_code == 200
    revoke_key(key_id=stored.pk)
    believed_until = keys.time.monotonic() + keys.BELIEVED
    monkeypatch.setattr(keys.time, "monotonic", lambda: believed_until + 0.1)
    assert client.get(f"{BASE}/partners").status_code == 401
    assert keys.BELIEVED <= 5


def test_the_hot_path_asks_the_database_about_a_key_once(client_of, django_assert_num_queries):
    PartnerFactory()
    client = client_of("read")
    with django_assert_num_queries(4):  # the key, when it was last used, the count, the page
        client.get(f"{BASE}/partners")
    with django_assert_num_queries(2):
        client.get(f"{BASE}/partners")
    assert ApiKey.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
def test_a_body_of_another_kind_is_refused(client_of, content_type):
    answer = client_of("ingest").generic("POST", f"{BASE}/touchpoints", b'{"leadId": "lead-1"}', content_type)
    assert (answer.status_code, refused(answer)) == (415, {(None, "unsupported_media_type")})


def test_long_answers_are_squeezed_for_who_can_read_it(client_of):
    PartnerFactory.create_batch(20)
    answer = client_of("read").get(f"{BASE}/partners", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) < 2000


def test_what_has_not_changed_is_not_sent_again(client_of):
    client = client_of("read")
    first = client.get(f"{BASE}/attribution/models/linear/config")
    again = client.get(f"{BASE}/attribution/models/linear/config", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_who_tries_many_keys_is_held_up_and_good_keys_are_not(client_of, monkeypatch):
    monkeypatch.setattr("attribution_site.api.access.BAD_KEYS", Rate(3, 3600))
    somewhere = {"REMOTE_ADDR": f"2001:db8::{secrets.token_hex(2)}"}
    answers = [client_with(f"atk_{number}").get(f"{BASE}/partners", **somewhere) for number in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1]["Retry-After"] == "3600"
    assert client_of("read").get(f"{BASE}/partners", **somewhere).status_code == 200


def test_wrong_keys_are_counted_by_who_the_trusted_proxy_was_asked_by(db, monkeypatch, settings):
    monkeypatch.setattr("attribution_site.api.access.BAD_KEYS", Rate(1, 3600))
    clients = [f"2001:db8::{secrets.token_hex(2)}" for _ in range(2)]

    def statuses():
        asked = [{"REMOTE_ADDR": proxy, "HTTP_X_FORWARDED_FOR": client} for client in clients]
        return [client_with("atk_none").get(f"{BASE}/partners", **each).status_code for each in asked]

    proxy = f"2001:db8::{secrets.token_hex(2)}"
    assert statuses() == [401, 429]
    settings.TRUSTED_PROXIES = 1
    assert statuses() == [401, 401]
    assert statuses() == [429, 429]


def test_wrong_keys_push_no_good_one_out(client_of, monkeypatch):
    monkeypatch.setattr(keys, "MOST_KNOWN", 2)
    client = client_of("read")
    client.get(f"{BASE}/partners")
    for number in range(5):
        client_with(f"atk_{number}").get(f"{BASE}/partners")
    assert len(keys.known.holders) == 1
