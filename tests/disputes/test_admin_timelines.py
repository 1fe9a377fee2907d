"""The timeline of a journey: on the pages of a conversion, a record and a lead, and what decisions leave in it."""

import html
import re

import pytest

from attribution.settling import Decision, Way
from disputes import operations
from disputes.actors import Actor
from tests.disputes.cases import journey
from tests.disputes.pages import at, resolve_on, shown, text_of
from tests.disputes.worlds import claim, file, net_by_payee, records, sold
from tests.factories import PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_conversion_record_and_lead_show_the_same_timeline(client):
    conversion = journey(5)
    record = records(conversion)[0]
    client.force_login(UserFactory(role="Auditor"))
    for path in (
        f"/admin/conversions/conversion/{conversion.pk}/change/",
        f"/admin/attribution/attributionrecord/{record.pk}/change/",
        "/admin/touchpoints/lead/lead-case/",
    ):
        body = client.get(path).content.decode()
        assert body.count('class="tl-mark ') == 5, path


def test_a_leads_page_shows_its_conversions_disputes_and_settlements(client, ana):
    conversion = sold(lead="a lead/with a slash & <b>")
    first = records(conversion)[0]
    dispute = file(first)
    operations.resolve_dispute(
        dispute_id=dispute.pk,
        resolution="So it is.",
        decision=Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")),
        by=Actor(user=ana),
    )
    client.force_login(UserFactory(role="Analyst"))
    link = re.search(r'href="(/admin/touchpoints/lead/[^"]+)"', client.get(at(dispute)).content.decode())[1]
    response = client.get(html.unescape(link))
    told = text_of(response)
    assert response.status_code == 200
    assert f"{dispute} Wrong amount partner-0 Resolved" in told
    assert "Give a touch to another payee" in told
    assert "partner-1 40.00 %, 4.00 USD Paid Search, calculated" in told
    assert "<b>" not in response.content.decode().split('class="case"')[1].split("<h1>")[1].split("</h1>")[0]


def test_a_leads_page_is_for_who_may_read_and_of_leads_that_are_known(client):
    journey(2)
    client.force_login(UserFactory())
    assert client.get("/admin/touchpoints/lead/lead-case/").status_code == 403
    client.force_login(UserFactory(role="Analyst"))
    assert client.get("/admin/touchpoints/lead/nobody/").status_code == 404


def test_a_missing_touch_is_disputed_without_a_record(page):
    conversion = sold(touches=0)
    PartnerFactory(id="partner-late")
    dispute = operations.file_dispute(
        conversion_id=conversion.pk, claim=claim(dispute_type="missing"), by=Actor(payee=("partner", "partner-late"))
    )
    told = shown(page, dispute)
    assert "there is no record that it is about" in told
    assert "No touch of this lead is known" in told
    fields = {"way": "insert", "payee_id": "partner:partner-late", "channel": "event", "timestamp": "2026-02-27T10:00"}
    assert resolve_on(page, dispute, fields).status_code == 302
    body = page.get(at(dispute)).content.decode()
    assert "tl-inserted" in body
    assert "Inserted by a decision." in body
    assert net_by_payee(conversion) == {"partner-late": 10}


def test_what_a_decision_took_out_stays_in_the_picture_and_says_so(page, ana):
    conversion = sold()
    first, second, _ = records(conversion)
    dispute = file(first)
    operations.resolve_dispute(
        dispute_id=dispute.pk,
        resolution="So it is.",
        decision=Decision(Way.EXCLUDE, second.touchpoint_id),
        by=Actor(user=ana),
    )
    body = page.get(at(dispute)).content.decode()
    assert body.count("tl-out") == 1
    assert "Touch 2: Paid Search, partner partner-1, left out, taken out by a decision" in body
