"""The pixel that counts openings."""

import uuid

import pytest
from django.core.cache import caches
from django.test import Client

from tests.factories import TrackingLinkFactory
from touchpoints.models import Touchpoint
from touchpoints.tracking import operations
from touchpoints.tracking.links import signature_of
from touchpoints.tracking.models import LinkDay

MAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.fixture(autouse=True)
def nobody_asked_before(db, monkeypatch):
    """In a part of the cache of its own: other processes have tests at work in the same Redis."""
    monkeypatch.setattr(caches["default"], "key_prefix", uuid.uuid4().hex)


@pytest.fixture
def link():
    return TrackingLinkFactory(code="letter", opens_are_touches=True)


def opened(query="", code="letter", **headers):
    response = Client(headers={"User-Agent": MAIL_PROXY} | headers).get(f"/t/{code}.gif{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "image/gif"
    assert response["Cache-Control"] == "no-store"
    assert len(response.content) == 43
    assert response.content.startswith(b"GIF89a")
    assert response.content.endswith(b";")
    return response


def signed(link, lead):
    return f"?lead={lead}&sig={signature_of(lead, link.secret)}"


@pytest.mark.parametrize("code", ["nothing-here", "off", "a%00b", "collect", "x" * 3000])
def test_the_picture_comes_whatever_the_code(code):
    TrackingLinkFactory(code="off", is_active=False)
    opened(code=code)
    assert not LinkDay.objects.exists()


def test_an_opening_by_nobody_in_particular_is_counted_and_no_touch(link):
    opened()
    opened("?visitor=you&lead=lead-1")
    assert LinkDay.objects.get().opens == 2
    assert not Touchpoint.objects.exists()


def test_an_opening_by_a_signed_lead_is_a_touch_once_a_day(link):
    for _ in range(3):
        opened(signed(link, "lead-1"))
    opened(signed(link, "lead-2"))
    assert sorted(Touchpoint.objects.values_list("lead_id", "channel")) == [("lead-1", "email"), ("lead-2", "email")]
    assert LinkDay.objects.get().opens == 2


def test_an_opening_by_a_visitor_is_the_leads_that_it_is_known_to_be(link):
    operations.identify(visitor_id="ab" * 16, lead_id="lead-1")
    opened(f"?visitor={'ab' * 16}")
    opened(f"?visitor={'cd' * 16}")
    assert set(Touchpoint.objects.values_list("lead_id", flat=True)) == {"lead-1", f"visitor:{'cd' * 16}"}


def test_a_link_whose_openings_are_no_touches_only_counts_them():
    link = TrackingLinkFactory(code="letter")
    opened(signed(link, "lead-1"))
    assert LinkDay.objects.get().opens == 1
    assert not Touchpoint.objects.exists()


@pytest.mark.parametrize("headers", [{"Sec-GPC": "1"}, {"User-Agent": "AhrefsBot/7.0"}])
def test_who_must_not_be_counted_gets_the_picture_only(link, headers):
    opened(signed(link, "lead-1"), **headers)
    assert not LinkDay.objects.exists()
    assert not Touchpoint.objects.exists()


def test_without_redis_the_picture_comes_and_openings_are_counted(link, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    opened(signed(link, "lead-1"))
    assert LinkDay.objects.get().opens == 1
    assert Touchpoint.objects.get().lead_id == "lead-1"
