"""The back office of links and sites."""

import datetime as dt
import html

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import PartnerFactory, TrackedSiteFactory, TrackingLinkFactory, UserFactory
from touchpoints.tracking.models import LinkDay, TrackedSite, TrackingLink

LINKS, SITES = "/admin/touchpoints/trackinglink/", "/admin/touchpoints/trackedsite/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def operations_client(operations_user):
    client = Client()
    client.force_login(operations_user)
    return client


@pytest.fixture
def analyst():
    client = Client()
    client.force_login(UserFactory(role="Analyst"))
    return client


def seen(response):
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_a_link_is_made_and_its_page_has_what_is_to_be_copied(operations_client):
    partner = PartnerFactory()
    fields = {
        "name": "Autumn letter",
        "code": "autumn",
        "target_url": "https://www.example.com/quote",
        "is_active": "on",
        "channel": "partner_referral",
        "partner": partner.pk,
    }
    assert operations_client.post(f"{LINKS}add/", fields).status_code == 302
    link = TrackingLink.objects.get(code="autumn")
    assert (link.partner, link.source, link.campaign) == (partner, None, None)
    page = seen(operations_client.get(f"{LINKS}autumn/change/"))
    assert "http://testserver/t/autumn" in page
    assert '<img src="http://testserver/t/autumn.gif" width="1" height="1" alt="">' in page
    assert link.secret in page


@pytest.mark.parametrize(
    "wrong",
    [{"target_url": "javascript:alert(1)"}, {"code": "collect"}, {"code": "a b"}, {"channel": "none"}],
)
def test_what_would_not_work_is_refused(operations_client, wrong):
    fields = {"name": "A", "code": "a-b", "target_url": "https://www.example.com/", "channel": "email"}
    response = operations_client.post(f"{LINKS}add/", fields | wrong)
    assert response.context["adminform"].errors.keys() == wrong.keys()
    assert not TrackingLink.objects.exists()


def test_a_link_is_switched_off_and_keeps_its_code(operations_client):
    TrackingLinkFactory(code="autumn")
    fields = {"name": "Old", "code": "other", "target_url": "https://www.example.com/", "channel": "email"}
    assert operations_client.post(f"{LINKS}autumn/change/", fields).status_code == 302
    link = TrackingLink.objects.get()
    assert (link.code, link.name, link.is_active) == ("autumn", "Old", False)
    assert Client(headers={"User-Agent": "Firefox"}).get("/t/autumn").status_code == 404


def test_the_list_counts_clicks_of_thirty_days_with_one_query_for_all(operations_client, django_assert_max_num_queries):
    today = timezone.now().astimezone(dt.UTC).date()
    for number in range(12):
        link = TrackingLinkFactory(code=f"link-{number}")
        for days, clicks in ((0, 1000), (29, 234), (30, 7777)):
            LinkDay.objects.create(link=link, day=today - dt.timedelta(days=days), clicks=clicks, opens=5)
    with django_assert_max_num_queries(12):
        page = seen(operations_client.get(LINKS))
    assert page.count("1,234") == 12
    assert "7,777" not in page


def test_a_site_is_made_and_its_page_has_the_script_tag(operations_client):
    fields = {"name": "Shop", "code": "shop", "origins": "https://www.example.com, https://m.example.com"}
    assert operations_client.post(f"{SITES}add/", fields | {"is_active": "on"}).status_code == 302
    assert TrackedSite.objects.get().origins == ["https://www.example.com", "https://m.example.com"]
    tag = '<script async src="http://testserver/static/touchpoints/tracker.js" data-site="shop"></script>'
    assert tag in seen(operations_client.get(f"{SITES}shop/change/"))
    assert "https://www.example.com, https://m.example.com" in seen(operations_client.get(SITES))


@pytest.mark.parametrize("origins", ["", "www.example.com", "https://www.example.com/", "https://*", "null"])
def test_what_is_no_origin_is_refused(operations_client, origins):
    response = operations_client.post(f"{SITES}add/", {"name": "Shop", "code": "shop", "origins": origins})
    assert response.context["adminform"].errors.keys() == {"origins"}
    assert not TrackedSite.objects.exists()


def test_an_analyst_reads_and_does_not_write_nor_see_the_secret(analyst):
    link, site = TrackingLinkFactory(code="autumn"), TrackedSiteFactory(code="shop")
    page = seen(analyst.get(f"{LINKS}autumn/change/"))
    assert "http://testserver/t/autumn" in page
    assert link.secret not in page
    seen(analyst.get(f"{SITES}{site.code}/change/"))
    for path in (f"{LINKS}add/", f"{SITES}add/", f"{LINKS}autumn/delete/"):
        assert analyst.get(path).status_code == 403
    assert analyst.post(f"{LINKS}autumn/change/", {"name": "x"}).status_code == 403


def test_nobody_deletes_a_link(admin_client):
    TrackingLinkFactory(code="autumn")
    assert admin_client.post(f"{LINKS}autumn/delete/", {"post": "yes"}).status_code == 403
    assert TrackingLink.objects.exists()
