"""Approving all that the list of records shows, in the back office."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from attribution.models import AttributionRecord
from conversions.models import Conversion
from tests.disputes.pages import text_of
from tests.factories import UserFactory
from tests.payouts.agreements import record_of, sell

pytestmark = pytest.mark.django_db
LIST = "/admin/attribution/attributionrecord/"
PAGE = f"{LIST}approve/"


@pytest.fixture
def sam(client):
    user = UserFactory(role="Finance")
    client.force_login(user)
    return user


def status_of(sale):
    return record_of(sale).status


def seen(answer):
    return re.search(r'name="seen" value="(\w+)"', answer.content.decode())[1]


def approve(client, query="", reason="Checked for the quarter", **values):
    return client.post(PAGE + query, {"reason": reason, "seen": seen(client.get(PAGE + query))} | values)


def test_what_the_filter_shows_is_approved_and_nothing_else(client, sam):
    mine, more, other = sell("100.00"), sell("20.50", lead="lead-2"), sell("7.00", payee="partner-2", lead="lead-3")
    query = "?payee=partner:partner-1&approval=waits"
    link = PAGE + query.replace("&", "&amp;").replace(":", "%3A")
    assert f'href="{link}"' in client.get(LIST + query).content.decode()
    asked = text_of(client.get(PAGE + query))
    assert "2 records with 120.50 USD of commission are approved." in asked
    assert "Approve 2 records" in asked
    done = text_of(approve(client, query))
    assert "2 records are approved 120.50 USD of commission" in done
    assert "Refused" not in done
    assert [status_of(each) for each in (mine, more, other)] == ["approved", "approved", "calculated"]
    context = record_of(mine).audit_events.latest("pgh_id").pgh_context
    assert (context["reason"], context["user"]) == ("Checked for the quarter", sam.pk)


def test_currencies_are_told_apart(client, sam):
    sell("100.00"), sell("9.00", lead="lead-2", currency="EUR")
    asked = text_of(client.get(PAGE))
    assert "1 record with 9.00 EUR of commission is approved." in asked
    assert "1 record with 100.00 USD of commission is approved." in asked


def test_what_is_refused_is_told_with_the_reason(client, sam):
    good, moved = sell("100.00"), sell("20.00", lead="lead-2")
    Conversion.objects.filter(pk=moved.pk).update(occurred_at=timezone.now() - dt.timedelta(days=3))
    done = approve(client)
    assert "1 record is approved" in text_of(done)
    assert "1 was refused, and is as it was." in text_of(done)
    assert "Its conversion has changed since it was calculated." in text_of(done)
    assert f"{LIST}{record_of(moved).pk}/change/" in done.content.decode()
    assert [status_of(each) for each in (good, moved)] == ["approved", "calculated"]


def test_nothing_is_approved_that_was_not_shown(client, sam):
    first = sell("100.00")
    looked_at = seen(client.get(PAGE))
    later = sell("900.00", lead="lead-2")
    answer = approve(client, seen=looked_at)
    assert answer.status_code == 422
    assert "the filter shows other records than you saw" in text_of(answer)
    assert "2 records with 1,000.00 USD" in text_of(answer)
    assert [status_of(each) for each in (first, later)] == ["calculated", "calculated"]


def test_it_takes_a_reason(client, sam):
    sale = sell("100.00")
    assert approve(client, reason=" ").status_code == 422
    assert status_of(sale) == "calculated"


def test_the_oldest_are_approved_first_and_the_rest_is_offered(client, sam, monkeypatch):
    monkeypatch.setattr("attribution.operations.approvals.APPROVED_AT_MOST", 1)
    monkeypatch.setattr("attribution.operations.APPROVED_AT_MOST", 1)
    old, new = sell("100.00", days_ago=9), sell("20.00", lead="lead-2", days_ago=2)
    assert "More wait than that: 1 are approved at a time" in text_of(client.get(PAGE))
    assert "Approve the next ones" in text_of(approve(client))
    assert [status_of(each) for each in (old, new)] == ["approved", "calculated"]
    assert "Approve the next ones" not in text_of(approve(client))
    assert status_of(new) == "approved"


def test_where_nothing_waits_nothing_is_offered(client, sam):
    sell("100.00")
    AttributionRecord.objects.filter(payable=True).update(status="approved")
    text = text_of(client.get(PAGE))
    assert "None of the records that the filter shows waits for approval." in text
    assert "Why" not in text
    assert client.get(f"{PAGE}?status__exact=x&bad=1").status_code == 302


@pytest.mark.parametrize("role", ["Operations", "Analyst", "Auditor", None])
def test_others_neither_see_nor_use_it(client, role):
    sale = sell("100.00")
    client.force_login(UserFactory(role=role))
    assert PAGE not in client.get(LIST).content.decode()
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"reason": "x", "seen": "x"}).status_code == 403
    assert status_of(sale) == "calculated"
