"""Links that record their clicks and lead on."""

import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError
from django.test import Client

from tests.factories import PartnerFactory, TrackingLinkFactory
from touchpoints.models import Touchpoint
from touchpoints.tracking import requests
from touchpoints.tracking.links import signature_of, with_parameters
from touchpoints.tracking.models import LinkDay

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.fixture(autouse=True)
def nobody_asked_before(db, monkeypatch):
    """In a part of the cache of its own: other processes have tests at work in the same Redis."""
    monkeypatch.setattr(caches["default"], "key_prefix", uuid.uuid4().hex)


@pytest.fixture
def link():
    return TrackingLinkFactory(code="letter", target_url="https://www.example.com/quote?step=1#form", content=None)


def click(path="/t/letter", method="get", **headers):
    return getattr(Client(headers={"User-Agent": BROWSER} | headers), method)(path)


def target(response):
    assert response.status_code == 302
    parts = urlsplit(response["Location"])
    return parts._replace(query="").geturl(), {name: value for name, [value] in parse_qs(parts.query).items()}


def test_a_click_leads_on_with_the_links_tags_and_a_visitor(link):
    response = click()
    address, query = target(response)
    assert address == "https://www.example.com/quote#form"
    assert len(visitor := query.pop("avid")) == 32
    assert query == {"step": "1", "utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "autumn"}
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "strict-origin-when-cross-origin")
    assert not response.cookies
    touch = Touchpoint.objects.get()
    assert (touch.lead_id, touch.channel, touch.campaign) == (f"visitor:{visitor}", "email", "autumn")
    assert touch.click_ids == {"link": "letter"}


def test_each_click_is_a_visitor_of_its_own_and_is_counted(link):
    visitors = {target(click())[1]["avid"] for _ in range(3)}
    assert len(visitors) == 3
    assert LinkDay.objects.get().clicks == 3


def test_a_partners_link_is_the_partners():
    link = TrackingLinkFactory(partner=PartnerFactory(), channel="partner_referral", referral_code="AB1")
    click(f"/t/{link.code}")
    touch = Touchpoint.objects.get()
    assert (touch.partner_id, touch.channel, touch.referral_code) == (link.partner_id, "partner_referral", "AB1")


def test_tags_and_click_ids_of_the_clicked_address_fill_what_the_link_leaves_open(link):
    path = "/t/letter?utm_content=banner&utm_campaign=other&gclid=x1&email=a@b.example&next=https://evil.example"
    _, query = target(click(path))
    assert (query["utm_content"], query["utm_campaign"], query["gclid"]) == ("banner", "autumn", "x1")
    assert not {"email", "next"} & query.keys()
    touch = Touchpoint.objects.get()
    assert (touch.content, touch.campaign) == ("banner", "autumn")
    assert touch.click_ids == {"link": "letter", "gclid": "x1"}


def test_the_target_is_what_is_stored_whatever_the_address_says(link):
    for path in ("/t/letter?target_url=https://evil.example", "/t/letter?url=//evil.example&avid=1"):
        address, query = target(click(path))
        assert address == "https://www.example.com/quote#form"
        assert query["avid"] != "1"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("head", {}),
        ("get", {"Sec-Purpose": "prefetch;prerender"}),
        ("get", {"Purpose": "prefetch"}),
        ("get", {"X-Moz": "prefetch"}),
        ("get", {"User-Agent": "facebookexternalhit/1.1"}),
        ("get", {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}),
        ("get", {"Sec-GPC": "1"}),
        ("get", {"DNT": "1"}),
    ],
)
def test_who_must_not_be_counted_is_led_on_without_a_trace(link, method, headers):
    _, query = target(click(method=method, **headers))
    assert "avid" not in query
    assert query["utm_campaign"] == "autumn"
    assert not Touchpoint.objects.exists()
    assert not LinkDay.objects.exists()


@pytest.mark.parametrize("code", ["nothing-here", "off", "a%00b", "%F0%9F%98%80", "x" * 3000, "%ff"])
def test_unknown_and_switched_off_codes_are_a_page_that_says_so(code):
    TrackingLinkFactory(code="off", is_active=False)
    response = click(f"/t/{code}")
    assert response.status_code == 404
    assert response["Cache-Control"] == "no-store"
    assert b"This link does not lead anywhere" in response.content
    assert not Touchpoint.objects.exists()


def test_writing_methods_are_refused(link):
    assert click(method="post").status_code == 405


def test_a_flood_of_clicks_from_one_address_is_led_on_and_not_counted(link, monkeypatch):
    monkeypatch.setattr(requests, "MOST_A_MINUTE", 2)
    assert ["avid" in target(click())[1] for _ in range(4)] == [True, True, False, False]
    assert Touchpoint.objects.count() == 2


def test_a_signed_lead_is_the_touchs_and_any_other_is_ignored(link):
    signed = signature_of("lead-1", link.secret)
    click(f"/t/letter?lead=lead-1&sig={signed}")
    assert Touchpoint.objects.get().lead_id == "lead-1"
    for forged in (f"lead=lead-2&sig={signed}", "lead=lead-2", "lead=lead-2&sig=", f"lead=lead-2%00&sig={signed}"):
        click(f"/t/letter?{forged}")
    click(f"/t/letter?lead=lead-1&sig={'é' * 64}")
    assert Touchpoint.objects.filter(lead_id__startswith="visitor:").count() == 5
    assert Touchpoint.objects.count() == 6


def test_a_signature_of_one_link_is_none_of_another(link):
    other = TrackingLinkFactory()
    click(f"/t/letter?lead=lead-1&sig={signature_of('lead-1', other.secret)}")
    assert Touchpoint.objects.get().lead_id.startswith("visitor:")


@pytest.mark.parametrize(
    "target_url",
    ["javascript:alert(1)", "//evil.example", "ftp://a.example", "https:evil", "https://a.example/\nSet-Cookie:", ""],
)
def test_only_web_pages_are_targets(target_url):
    with pytest.raises(ValidationError) as refused:
        TrackingLinkFactory.build(target_url=target_url).full_clean()
    assert "target_url" in refused.value.message_dict
    with pytest.raises(IntegrityError):
        TrackingLinkFactory(target_url=target_url)


def test_a_link_cannot_lead_to_a_link():
    with pytest.raises(ValidationError, match="cannot lead to another link"):
        TrackingLinkFactory.build(target_url="http://localhost/t/other").full_clean()
    TrackingLinkFactory.build(target_url="http://localhost/thanks").full_clean()
    # One that became a loop with the site's name.
    TrackingLinkFactory(code="loop", target_url="http://testserver/t/loop")
    assert click("/t/loop").status_code == 404


def test_a_code_that_the_system_uses_is_refused():
    with pytest.raises(ValidationError, match="taken by the system"):
        TrackingLinkFactory.build(code="collect").full_clean()


@pytest.mark.parametrize(
    ("target_url", "expected"),
    [
        ("https://a.example", "https://a.example?utm_source=x+y%26z"),
        ("https://a.example/?utm_source=", "https://a.example/?utm_source="),
        ("https://a.example/?a=%20b&c", "https://a.example/?a=%20b&c&utm_source=x+y%26z"),
        ("https://a.example/#f?g", "https://a.example/?utm_source=x+y%26z#f?g"),
    ],
)
def test_what_is_passed_on_leaves_the_target_as_it_is(target_url, expected):
    assert with_parameters(target_url, {"utm_source": "x y&z", "utm_medium": None}) == expected


def test_a_long_click_id_is_handed_on_and_kept_whole_and_one_that_is_too_long_not_at_all(link):
    long, too_long = "g" * 400, "f" * 600
    _, query = target(click(f"/t/letter?gclid={long}&fbclid={too_long}"))
    assert (query["gclid"], "fbclid" in query) == (long, False)
    assert Touchpoint.objects.get().click_ids == {"gclid": long, "link": "letter"}


def test_whoever_clicks_gets_there_though_nothing_can_be_recorded(link, monkeypatch):
    def away(**_):
        raise DatabaseError("no table")

    monkeypatch.setattr("touchpoints.tracking.operations.record_click", away)
    assert target(click())[0] == "https://www.example.com/quote#form"
