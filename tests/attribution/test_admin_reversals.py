"""Reversing in the back office: a form, what it would do to each payee to the cent, and then it is done."""

import datetime as dt
import re
from decimal import Decimal

import pytest

from attribution import operations
from attribution.models import Adjustment, AttributionRecord
from tests.attribution.test_reversals import approve, records, reverse, sold
from tests.factories import ConversionFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = {"reason": "refund", "amount": "50.00", "note": "Storm damage, half of it."}


@pytest.fixture
def page(client):
    """The pages of one conversion, for somebody from operations."""
    client.force_login(UserFactory(role="Operations"))
    return client


def reversing(conversion):
    return f"/admin/conversions/conversion/{conversion.pk}/reverse/"


def text_of(response):
    """Without markup, and every white space one blank."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def sent_along(shown):
    """What a browser sends from the page on which it is confirmed."""
    return dict(re.findall(r'<input type="hidden" name="(?!csrf)(\w+)" (?:value="([^"]*)")?', shown.content.decode()))


def test_what_would_happen_is_shown_by_payee_to_the_cent_and_nothing_is_done(page):
    conversion = sold()
    approve(1)
    response = page.post(reversing(conversion), CHOSEN | {"step": "check"})
    assert response.status_code == 200
    told = text_of(response)
    assert (
        "Refund of 50.00 USD of the value, and with it 5.00 USD of the commission. Left are 50.01 USD and 5.01 USD"
        in told
    )
    assert "partner-of-0 4.01 USD 2.01 USD 0.00 USD -2.00 USD" in told
    assert "partner-of-1 2.00 USD 1.00 USD -1.00 USD 0.00 USD" in told
    assert not conversion.reversals.exists()


def test_confirmed_it_is_done_as_it_was_shown(page):
    conversion = sold()
    approve(1)
    shown = page.post(reversing(conversion), CHOSEN | {"amount": "", "step": "check"})
    assert 'name="amount" value="100.01"' in shown.content.decode()
    response = page.post(reversing(conversion), sent_along(shown) | {"amount": "50.00", "step": "reverse"}, follow=True)
    assert "50.00 USD is reversed" in text_of(response)
    reversal = conversion.reversals.get()
    assert (reversal.reason, reversal.amount, reversal.note) == ("refund", Decimal("50.00"), CHOSEN["note"])
    assert (reversal.created_by.groups.get().name, Adjustment.objects.count()) == ("Operations", 1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"amount": "100.02"}, "100.01 USD is left to reverse"),
        ({"amount": "-1"}, "Reverse something, or leave it out for all"),
        ({"amount": "1.005"}, "no more than 2 decimal places"),
        ({"reason": "boredom"}, "Select a valid choice"),
        ({"occurred_at_0": "2026-01-01", "occurred_at_1": "00:00"}, "Before the conversion"),
        ({"occurred_at_0": "2126-01-01", "occurred_at_1": "00:00"}, "In the future"),
    ],
)
@pytest.mark.parametrize("step", ["check", "reverse"])
def test_what_cannot_be_is_said_in_the_form(page, step, given, told):
    conversion = sold()
    response = page.post(reversing(conversion), CHOSEN | given | {"step": step})
    assert (response.status_code, told in text_of(response)) == (422, True)
    assert not conversion.reversals.exists()


def test_reversed_in_full_there_is_nothing_more_to_do(page):
    conversion = sold()
    reverse(conversion)
    response = page.post(reversing(conversion), {"reason": "lapse", "step": "check"})
    assert "Nothing is left to reverse" in text_of(response)


def test_the_conversions_page_shows_its_reversals_and_what_each_record_has_net(page):
    conversion = sold()
    approve(1)
    reverse(conversion, "50.00", note="Hail.")
    told = text_of(page.get(f"/admin/conversions/conversion/{conversion.pk}/change/"))
    assert "Left of it 50.01 USD" in told
    assert "Cancellation 50.00 USD 5.00 USD – Hail." in told
    assert "40.01 USD 4.01 USD 20.01 USD 2.01 USD Approved" in told
    assert "Reverse…" in told


def test_a_records_page_shows_its_adjustments_and_the_net_of_them(page):
    conversion = sold()
    approve(1)
    reverse(conversion, "50.00")
    reverse(conversion, "10.00")
    told = text_of(page.get(f"/admin/attribution/attributionrecord/{records()[0].pk}/change/"))
    assert "Reversal: cancellation -20.00 USD -2.00 USD" in told
    assert "Net 16.01 USD 1.60 USD" in told
    other = text_of(page.get(f"/admin/attribution/attributionrecord/{records()[1].pk}/change/"))
    assert "None: what the record says is what its payee has" in other


def test_a_record_with_adjustments_explains_itself_on_what_is_left(page):
    conversion = sold()
    approve(1)
    reverse(conversion, "50.00")
    record = records()[0]
    told = text_of(page.get(f"/admin/attribution/attributionrecord/{record.pk}/explain/"))
    assert "the same to the cent" in told
    assert "Of the value of 50.01 USD its exact part is 20.004" in told
    assert "Adjustments −20.00 and −2.00 USD" in told
    assert operations.explain(record_id=record.pk).stored_totals["revenue"] == Decimal("50.01")


@pytest.mark.parametrize("role", ["Finance", "Analyst", "Auditor"])
def test_who_may_only_read_has_no_button_and_no_page(client, role):
    conversion = sold()
    client.force_login(UserFactory(role=role))
    assert "Reverse…" not in text_of(client.get(f"/admin/conversions/conversion/{conversion.pk}/change/"))
    assert client.post(reversing(conversion), CHOSEN | {"step": "reverse"}).status_code == 403
    assert not conversion.reversals.exists()


def test_a_conversion_without_records_says_that_nobody_loses_anything(page):
    conversion = ConversionFactory(value=Decimal("10.00"))
    told = text_of(page.post(reversing(conversion), {"reason": "lapse", "step": "check"}))
    assert "nobody loses anything" in told
    assert not AttributionRecord.objects.exists()


def test_the_list_finds_what_is_reversed(page):
    conversion = sold()
    ConversionFactory(lead_id="lead-other", occurred_at=conversion.occurred_at - dt.timedelta(days=1))
    reverse(conversion, "50.00")
    told = text_of(page.get("/admin/conversions/conversion/?reversed=yes"))
    assert ("lead-1" in told, "lead-other" in told) == (True, False)
