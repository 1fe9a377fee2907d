"""The pages on which the staff's work begins keep nobody out, and nothing on them is cut off."""

import datetime as dt

import pytest
from django.utils import timezone

from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, Way
from disputes import operations
from partners.models import Partner
from tests.attribution.worlds import NOW
from tests.disputes.cases import case
from tests.disputes.worlds import house
from tests.site.accessibility import looks
from tests.site.test_browser import chromium, visit  # noqa: F401 (fixtures)
from tests.tools import needs_axe, needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]
WIDTHS = (1440, 1024)
LONG = "The Very Long Established Comparison Company of the Northern and the Western Counties, Incorporated"


@pytest.fixture
def world(transactional_db):
    """An open dispute, one that was decided, and names as long as they come."""
    opened, decided = case(8, messages=3, files=2), case(5, lead="lead-other")
    Partner.objects.filter(pk="northwind-compare").update(name=LONG)
    touch = AttributionRecord.objects.get(pk=decided.record_id).touchpoint_id
    decision = Decision(Way.REASSIGN, touch, HOUSE)
    operations.resolve_dispute(dispute_id=decided.pk, resolution="So.", decision=decision, by=house())
    return opened


def at_home():
    days = {"start": NOW.date() - dt.timedelta(days=20), "end": NOW.date()}
    return "/admin/?" + "&".join(f"{name}={day}" for name, day in days.items())


@needs_axe
def test_no_page_of_the_console_keeps_anybody_out(visit, world):  # noqa: F811
    today = timezone.now().date()
    found = []
    page = visit("/admin/", "Operations", username="ana")
    for name, path in {
        "home": at_home(),
        "queue": "/admin/disputes/dispute/",
        "file-csv": "/admin/disputes/dispute/file-csv/",
        "resolve-csv": "/admin/disputes/dispute/resolve-csv/",
        "lead": f"/admin/touchpoints/lead/{world.lead_id}/",
        "report": f"/admin/dispute-report/?start={today - dt.timedelta(days=30)}&end={today}",
    }.items():
        page.goto(path)
        found += looks(page, name, WIDTHS)
    page.goto("/admin/disputes/dispute/resolve-csv/")
    lines = ["number,status,resolution,way,payeeType", f"{world},resolved,It was ours.,reassign,house"]
    body = "\r\n".join([*lines, "D-1,resolved,No such.,,"]).encode()
    page.locator("input[type=file]").set_input_files({"name": "of June.csv", "mimeType": "text/csv", "buffer": body})
    page.get_by_role("button", name="See what would happen").click()
    page.get_by_text("1 row would be done, 1 refused").wait_for()
    found += looks(page, "csv-preview", WIDTHS)
    page.get_by_role("button", name="Decide these 1").click()
    page.get_by_text("1 row is done, 0 refused").wait_for()
    found += looks(page, "csv-results", WIDTHS)

    auditor = visit("/admin/", "Auditor", username="olga")
    auditor.goto("/admin/attribution_site/auditlog/")
    found += looks(auditor, "audit", WIDTHS)
    assert found == []


def test_a_name_that_is_too_long_ends_in_dots_and_is_told_in_full(visit, world):  # noqa: F811
    page = visit(at_home(), "Operations")
    name = page.locator(".payees td:first-child span", has_text=LONG)
    assert name.get_attribute("title") == LONG
    cut_off = "each => each.scrollWidth > each.clientWidth && getComputedStyle(each).textOverflow"
    assert name.evaluate(cut_off) == "ellipsis"
