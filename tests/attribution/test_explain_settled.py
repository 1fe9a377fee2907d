"""A record of a settled conversion is explained by its settlement; the rule is shown as what would be without it."""

import json
from decimal import Decimal

import pytest

from attribution import operations
from attribution.blurring import blurred
from attribution.models import AttributionRecord
from attribution.plain_words import sentences
from attribution.settling import Decision, Way
from partners.models import uuid7
from tests.api import BASE
from tests.disputes.test_after_a_decision import inserted
from tests.disputes.worlds import approve, records, sold
from tests.factories import PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def settle(conversion, decision):
    return operations.settle(
        conversion_id=conversion.pk,
        decision=decision,
        dispute_id=uuid7(),
        reason="Partner-1 called it in.",
        by=UserFactory(),
    )


@pytest.fixture
def split():
    """The first touch, which has 40 %, is shared by two since."""
    conversion = sold()
    PartnerFactory(id="partner-new")
    first = records(conversion)[0]
    settle(conversion, Decision(Way.SPLIT, first.touchpoint_id, ("partner", "partner-new"), percentage=Decimal(25)))
    return conversion


def told(conversion, place=0):
    return operations.explain(record_id=records(conversion)[place].pk)


def test_it_says_that_a_settlement_set_the_share_and_what_the_rule_would_give(split):
    explanation = told(split)
    words = sentences(explanation)
    assert words[0].startswith("A dispute's settlement of 20")
    assert words[0].endswith("set the shares of this conversion, not the rule: split a touch between two payees.")
    assert words[1] == "Partner partner-0 has 30 % by this record, 30.00 USD of the value and 3.00 of the commission."
    assert words[2].startswith("It is one payee's part of the touch")
    assert words[3] == "What the rule alone would give, without the settlement:"
    assert "Its credit is 40 %" in " ".join(words[4:])
    assert (explanation.replays, explanation.differences) == (None, [])


def test_a_record_that_the_settlement_made_is_explained_too(split):
    explanation = told(split, 1)
    assert explanation.payee_reason == "by_settlement"
    assert "Partner partner-new has 10 %" in sentences(explanation)[1]
    [own] = [share for share in explanation.settlement.shares if share.is_this]
    assert (own.payee_id, own.parts, own.commission_before, own.commission_after) == ("partner-new", 2, 0, 1)


def test_a_neighbour_whose_share_stayed_is_of_the_settled_set_as_well(split):
    assert told(split, 2).settlement.way == "split"


def test_an_inserted_touch_has_nothing_by_the_rule_that_was_applied_before():
    conversion = sold()
    inserted(conversion)
    words = sentences(told(conversion, 3))
    assert words[0].endswith("insert a missing touch.")
    assert "This touch is not in the journey." in words


def test_what_is_paid_is_told_with_its_adjustments():
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    settle(conversion, Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")))
    words = sentences(told(conversion))
    assert words[1].endswith("0.00 USD of the value and 0.00 of the commission, with its adjustments.")


def test_who_is_not_asked_about_is_blurred_and_the_reason_is_the_houses(split):
    seen = blurred(told(split), payee=("partner", "partner-0"))
    assert seen.settlement.reason is None
    own, *others = seen.settlement.shares
    assert (own.payee_id, own.commission_after, own.blurred) == ("partner-0", 3, False)
    assert {(share.payee_id, share.touchpoint_id, share.commission_after, share.blurred) for share in others} == {
        ("", None, None, True)
    }


def test_the_api_answers_with_the_settlement_and_without_one_with_null(api, split):
    [first, *_] = records(split)
    answer = api.get(f"{BASE}/attributions/{first.pk}/explain").json()
    assert answer["settlement"]["way"] == "split"
    assert [share["creditAfter"] for share in answer["settlement"]["shares"]][:2] == [0.3, 0.1]
    other = AttributionRecord.objects.filter(model="linear").first()
    assert api.get(f"{BASE}/attributions/{other.pk}/explain").json()["settlement"] is None
    assert "partner-new" in json.dumps(answer)


def test_the_page_does_not_call_it_a_difference(client, split):
    client.force_login(UserFactory(role="Analyst"))
    text = client.get(f"/admin/attribution/attributionrecord/{records(split)[0].pk}/explain/").content.decode()
    assert "What the settlement set" in text
    assert "Partner-1 called it in." in text
    assert "set these shares, no rule" in text
    assert "part of the touch" in text
    assert "Position Based, as settled" in text
    assert "it comes out otherwise" not in text
