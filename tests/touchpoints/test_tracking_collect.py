"""What the tracker's messages become."""

import datetime as dt
import json
import uuid

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_site.signing_in.addresses import trusted
from tests.factories import PartnerFactory, TrackedSiteFactory
from touchpoints.models import Touchpoint
from touchpoints.tracking import operations, requests

ORIGIN = "https://www.example.com"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
VISITOR, SESSION = "ab" * 16, "cd" * 16


@pytest.fixture(autouse=True)
def nobody_asked_before(db, monkeypatch):
    """In a part of the cache of its own: other processes have tests at work in the same Redis."""
    monkeypatch.setattr(caches["default"], "key_prefix", uuid.uuid4().hex)


@pytest.fixture
def site():
    return TrackedSiteFactory(code="shop", origins=[ORIGIN, "https://m.example.com"])


def message(**changes):
    fields = {"site": "shop", "visitor": VISITOR, "session": SESSION, "url": f"{ORIGIN}/", "referrer": ""}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def send(body, origin=ORIGIN, agent=BROWSER, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Origin": origin, "User-Agent": agent} | headers
    # As `navigator.sendBeacon` has it, and with Django's check of forgery on.
    client = Client(enforce_csrf_checks=True, headers={name: value for name, value in headers.items() if value})
    return client.post("/t/collect", body, content_type="text/plain;charset=UTF-8")


def test_an_arrival_is_a_touchpoint_of_the_visitor(site):
    url = f"{ORIGIN}/?utm_source=google&utm_medium=cpc&utm_campaign=autumn&gclid=x1"
    response = send(message(url=url, referrer="https://www.google.com/"))
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    touch = Touchpoint.objects.get()
    assert touch.lead_id == f"visitor:{VISITOR}"
    assert touch.session_id == SESSION
    assert (touch.channel, touch.source, touch.medium) == ("paid_search", "google", "cpc")
    assert (touch.campaign, touch.click_ids) == ("autumn", {"gclid": "x1"})
    assert abs(timezone.now() - touch.timestamp) < dt.timedelta(minutes=1)


def test_touches_of_a_partners_site_are_the_partners():
    partner = PartnerFactory()
    TrackedSiteFactory(code="shop", origins=[ORIGIN], partner=partner)
    send(message())
    assert Touchpoint.objects.get().partner_id == partner.pk


def test_pages_of_the_site_itself_brought_nobody(site):
    send(message(referrer="https://m.example.com/offers"))
    assert Touchpoint.objects.get().channel == "direct"


def test_a_known_visitors_arrival_is_the_leads(site):
    operations.identify(visitor_id=VISITOR, lead_id="lead-1")
    send(message())
    assert Touchpoint.objects.get().lead_id == "lead-1"


def test_what_looks_like_a_person_in_a_tag_is_redacted(site):
    send(message(url=f"{ORIGIN}/?utm_source=letter&utm_content=jo.bloggs%40mail.example"))
    touch = Touchpoint.objects.get()
    assert "jo.bloggs" not in touch.content
    assert touch.redacted == ["content"]


@pytest.mark.parametrize("headers", [{"Sec-GPC": "1"}, {"DNT": "1"}, {"agent": "Googlebot/2.1"}, {"agent": ""}])
def test_who_objects_and_what_is_no_person_is_left_out(site, headers):
    assert send(message(), **headers).status_code == 204
    assert not Touchpoint.objects.exists()


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://www.example.com", f"{ORIGIN}.evil"])
def test_other_origins_are_refused(site, origin):
    response = send(message(), origin=origin)
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response
    assert not Touchpoint.objects.exists()


def test_unknown_and_switched_off_sites_are_not_there():
    TrackedSiteFactory(code="old", origins=[ORIGIN], is_active=False)
    assert [send(message(site=code)).status_code for code in ("old", "none")] == [404, 404]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"site": "\xff"}',
        b'{"site": "shop", "url": ' + b"[" * 4000,
        b'{"site": "shop"}',
        b"[" * 4000,
        b'{"site": NaN}',
        json.dumps(message(visitor="AB" * 16)).encode(),
        json.dumps(message(visitor=VISITOR + "\n")).encode(),
        json.dumps(message(visitor=1)).encode(),
        json.dumps(message(site="shop\x00")).encode(),
        json.dumps(message(session=None)).encode(),
        json.dumps(message(session="lead-1")).encode(),
        json.dumps(message(leadId="lead-1")).encode(),
        json.dumps(message(url=f"{ORIGIN}/\ud800")).encode(),
        json.dumps(message(url=f"{ORIGIN}/\udfff?utm_source=a")).encode(),
    ],
)
def test_what_is_no_message_is_refused_in_a_line(site, body):
    response = send(body)
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    assert len(response.content) < 100


def test_a_body_that_is_too_large_is_refused(site):
    assert send(message(url="x" * 9000)).status_code == 413


def test_nothing_is_read_there(site):
    assert Client().get("/t/collect").status_code == 405


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(url=st.text(max_size=200), referrer=st.text(max_size=200))
def test_whatever_addresses_are_told_the_answer_is_no_crash(site, url, referrer):
    assert send(message(url=url, referrer=referrer)).status_code in (204, 429)


def test_one_address_cannot_flood_a_site(site, monkeypatch):
    monkeypatch.setattr(requests, "MOST_A_MINUTE", 3)
    answers = [send(message()) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [204, 204, 204, 429, 429]
    assert answers[-1]["Retry-After"] == "60"
    assert Touchpoint.objects.count() == 3


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(site, monkeypatch, settings):
    settings.TRUSTED_PROXIES = trusted("127.0.0.0/8")
    monkeypatch.setattr(requests, "MOST_A_MINUTE", 1)
    seen = ["192.0.2.1", "192.0.2.2", "192.0.2.3, 192.0.2.1"]
    assert [send(message(), **{"X-Forwarded-For": each}).status_code for each in seen] == [204, 204, 429]


@pytest.mark.parametrize("production", [True, False])
def test_without_a_proxy_that_is_trusted_no_header_makes_another_address(site, monkeypatch, settings, production):
    settings.PRODUCTION = production
    monkeypatch.setattr(requests, "MOST_A_MINUTE", 1)
    answers = [send(message(), **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [204, 429, 429]


def test_without_redis_messages_are_taken(site, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert send(message()).status_code == 204
    assert Touchpoint.objects.count() == 1


def test_a_click_that_came_before_its_visitor_was_known_is_joined_to_the_visitor(site):
    click = "ef" * 16
    of_link = {"lead_id": f"visitor:{click}", "channel": "email", "click_ids": {"link": "letter"}}
    Touchpoint.objects.create(**of_link)
    other = Touchpoint.objects.create(lead_id=f"visitor:{click}", channel="email")
    operations.identify(visitor_id=VISITOR, lead_id="lead-1")
    assert send(message(session=None, url=None, referrer=None, click=click)).status_code == 204
    assert Touchpoint.objects.get(lead_id="lead-1").click_ids == {"link": "letter"}
    other.refresh_from_db()
    assert other.lead_id == f"visitor:{click}"
