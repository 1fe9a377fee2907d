"""What a decision would cost, on the page of a dispute: tried, said in words, and then done as it was said."""

import json
from decimal import Decimal

import pytest

import attribution.operations
from attribution.models import Adjustment, AttributionRecord, Settlement
from attribution.settling import Decision, Way
from disputes import operations
from disputes.actors import Actor
from partners.models import Partner
from tests.disputes.cases import case
from tests.disputes.pages import FETCH, at, digest_in, giving, resolve_on, shown, text_of
from tests.disputes.worlds import approve, file, house, net_by_payee, records, sold
from tests.factories import PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_the_simulator_shows_every_offered_way_to_the_cent_and_writes_nothing(page):
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    dispute = file(first, expected_amount=Decimal("6.00"))
    told = text_of(page.get(at(dispute, "simulator/"), **FETCH))
    assert "Set the share to what is claimed, 6.00 USD 2.00 USD of commission changes hands" in told
    assert "partner-0 +2.00 4.00 → becomes 6.00 4.00 paid already · 2.00 by adjustment" in told
    assert "Give the touch to the house" in told
    assert "partner-0 −4.00 4.00 → becomes 0.00 4.00 paid already · 4.00 clawed back" in told
    assert not Settlement.objects.exists()


TRIED = [
    (lambda r: giving(r[0]), "4.00 USD of commission changes hands"),
    (lambda r: giving(r[0]) | {"way": "split", "percentage": "25"}, "1.00 USD of commission changes hands"),
    (lambda r: {"way": "exclude", "touchpoint_id": str(r[1].touchpoint_id)}, "2.00 USD of commission changes hands"),
    (
        lambda r: {
            "way": "insert",
            "payee_id": "partner:partner-1",
            "channel": "event",
            "timestamp": "2026-03-01T10:00",
        },
        "4.00 USD of commission changes hands",
    ),
    (
        lambda r: {
            "way": "by_hand",
            "spread": "on",
            "share-0-touch": str(r[0].touchpoint_id),
            "share-0-percentage": "70",
        },
        "3.00 USD of commission changes hands",
    ),
]


@pytest.mark.parametrize(("fields", "told"), TRIED)
def test_a_decision_of_ones_own_is_tried_without_a_trace(page, fields, told):
    conversion = sold()
    found = records(conversion)
    dispute = file(found[0])
    response = page.post(at(dispute, "decide/"), fields(found) | {"step": "try"}, **FETCH)
    assert response.status_code == 200
    assert told in text_of(response)
    assert net_by_payee(conversion) == {"partner-0": 4, "partner-1": 2, "partner-2": 4}


REFUSED = [
    (lambda r: giving(r[0], "partner:ghost"), "To whom : There is no active partner ghost."),
    (lambda r: giving(r[0], "ghost"), "To whom : Give partner:its-id, broker:its-id, or house."),
    (lambda r: giving(r[0], ""), "To whom : Who shall get it?"),
    (lambda r: giving(r[0]) | {"touchpoint_id": ""}, "Touch : Which touch?"),
    (lambda r: giving(r[0]) | {"touchpoint_id": "nonsense"}, "Touch : Select a valid choice"),
    (lambda r: giving(r[0]) | {"way": "split", "percentage": "0"}, "Percent of the touch : How much of the touch"),
    (lambda r: giving(r[0]) | {"way": "split", "percentage": "NaN"}, "Percent of the touch : Enter a number."),
    (lambda r: {"way": "theft"}, "Way : Select a valid choice"),
    (
        lambda r: {
            "way": "insert",
            "payee_id": "partner:partner-1",
            "channel": "event",
            "timestamp": "2027-01-01T10:00",
        },
        "When it happened : After the conversion",
    ),
    (lambda r: {"way": "insert", "payee_id": "house", "channel": "event"}, "When it happened : When did it happen?"),
    (
        lambda r: {"way": "by_hand", "share-0-touch": str(r[0].touchpoint_id), "share-0-percentage": "50"},
        "All shares together are 10 % more than 100.",
    ),
    (
        lambda r: {"way": "by_hand", "share-4-touch": str(r[0].touchpoint_id), "share-4-percentage": "101"},
        "Row 5: From 0 to 100 percent.",
    ),
    (lambda r: {"way": "by_hand", "share-0-touch": "", "share-0-percentage": "5"}, "Row 1: choose the touch"),
    (
        lambda r: {"way": "by_hand", "share-0-touch": str(r[0].touchpoint_id), "share-0-percentage": "Infinity"},
        "Row 1: choose the touch",
    ),
    (lambda r: {"way": "by_hand"}, "Name at least one touch and its share."),
]


@pytest.mark.parametrize(("fields", "told"), REFUSED)
def test_what_cannot_be_decided_is_told_by_field_when_tried_and_when_taken(page, fields, told):
    conversion = sold()
    found = records(conversion)
    dispute = file(found[0])
    tried = page.post(at(dispute, "decide/"), fields(found) | {"step": "try"}, **FETCH)
    assert (tried.status_code, told in text_of(tried)) == (200, True), text_of(tried)
    sent = fields(found) | {"step": "resolve", "resolution": "So be it.", "digest": "x"}
    assert page.post(at(dispute, "decide/"), sent).status_code in {409, 422}
    dispute.refresh_from_db()
    assert dispute.status == "open"


def test_taking_a_decision_says_first_what_will_happen_and_then_does_just_that(page, ana):
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    dispute = file(first)
    asked = text_of(page.post(at(dispute, "decide/"), giving(first) | {"step": "check"}))
    assert "partner-0 loses 4.00 USD of commission: 4.00 → 0.00." in asked
    assert "4.00 USD of 4.00 that are paid already are taken back with its next payout." in asked
    assert "partner-1 gains 4.00 USD of commission: 2.00 → 6.00." in asked
    assert "1 new record is made, which has to be approved" in asked
    assert "1 adjustment is booked beside a decided record" in asked
    assert "partner-0 is told your words" in asked
    assert not Settlement.objects.exists()

    response = resolve_on(page, dispute, giving(first))
    assert response.status_code == 302
    dispute.refresh_from_db()
    assert (dispute.status, dispute.resolved_by, dispute.resolution) == ("resolved", ana, "The log shows it.")
    assert net_by_payee(conversion) == {"partner-1": 6, "partner-2": 4}
    assert Adjustment.objects.get().commission_amount == Decimal("-4.00")
    told = shown(page, dispute)
    assert "Give a touch to another payee: 4.00 USD of commission moved, 1 adjustment booked" in told
    assert "partner-0 40.00 → 0.00 % 4.00 0.00 −4.00 Adjustment beside the record" in told


def test_of_two_clicks_the_second_is_told_that_it_is_over_and_keeps_the_words(page):
    conversion = sold()
    first = records(conversion)[0]
    dispute = file(first)
    sent = giving(first) | {"step": "resolve", "resolution": "The log shows it."}
    sent["digest"] = digest_in(page.post(at(dispute, "decide/"), giving(first) | {"step": "check"}))
    assert page.post(at(dispute, "decide/"), sent, **FETCH).json()["location"] == at(dispute)
    again = page.post(at(dispute, "decide/"), sent, **FETCH)
    assert again.status_code == 409
    assert f"{dispute} is resolved already by ana." in text_of(again)
    assert "Show the new state" in text_of(again)
    assert "The log shows it." in again.content.decode()
    assert Settlement.objects.count() == 1


def test_numbers_that_changed_since_they_were_shown_are_shown_again(page):
    conversion = sold()
    first = records(conversion)[0]
    dispute = file(first)
    old = digest_in(page.post(at(dispute, "decide/"), giving(first) | {"step": "check"}))
    attribution.operations.reverse_conversion(
        conversion_id=conversion.pk, values={"reason": "refund", "amount": Decimal("50.00")}, by=None
    )
    sent = giving(first) | {"step": "resolve", "resolution": "The log shows it.", "digest": old}
    refused = page.post(at(dispute, "decide/"), sent)
    assert (refused.status_code, "The numbers changed since they were shown" in text_of(refused)) == (409, True)
    assert "2.00 USD of commission" in text_of(refused)
    assert not Settlement.objects.exists()
    assert resolve_on(page, dispute, giving(first)).status_code == 302


def test_following_a_claim_without_moving_money(page):
    conversion = sold()
    dispute = file(records(conversion)[0])
    asked = page.post(at(dispute, "decide/"), {"step": "check"})
    assert "No money moves. The record goes back to calculated" in text_of(asked)
    assert page.post(at(dispute, "decide/"), {"step": "resolve", "resolution": " "}).status_code == 422
    page.post(at(dispute, "decide/"), {"step": "resolve", "resolution": "You are right; it was paid by hand."})
    dispute.refresh_from_db()
    assert (dispute.status, dispute.settlement) == ("resolved", None)
    assert "followed without moving money" in shown(page, dispute)


def test_who_writes_while_somebody_else_decides_is_told_and_loses_nothing(page):
    dispute = case(3)
    operations.reject_dispute(
        dispute_id=dispute.pk,
        rejection="not_proven",
        resolution="No.",
        by=Actor(user=UserFactory(username="ben", role="Operations")),
    )
    asked = page.post(at(dispute, "do/reject/"), {"rejection": "other", "resolution": "My own words."}, **FETCH)
    assert asked.status_code == 409
    assert f"{dispute} is rejected already by ben." in text_of(asked)
    assert "My own words." in asked.content.decode()
    simulated = page.get(at(dispute, "simulator/"), **FETCH)
    assert f"{dispute} is rejected already by ben." in text_of(simulated)


def test_payees_are_found_by_id_and_name_and_only_active_ones(page):
    dispute = case(3)
    PartnerFactory(id="acme", name="Acme Leads")
    PartnerFactory(id="acme-old", name="Acme of old")
    Partner.objects.filter(pk="acme-old").update(status="closed")
    found = page.get(at(dispute, "payees/"), {"q": "acme"}).json()["payees"]
    assert found == [{"value": "partner:acme", "label": "Acme Leads"}]
    values = [each["value"] for each in page.get(at(dispute, "payees/"), {"q": "har"}).json()["payees"]]
    assert values == ["broker:harbour-brokers"]


def shares_of(rows):
    return {"way": "by_hand", "shares": json.dumps(rows)}


def test_more_shares_than_a_request_may_have_fields_for_are_set_by_hand(page):
    dispute = case(400)
    found = AttributionRecord.objects.filter(conversion_id=dispute.conversion_id, payable=True)
    form = page.get(at(dispute, "simulator/"), **FETCH).content.decode()
    assert form.count('data-share="percentage"') == 402
    assert form.count("<noscript>") == 1
    assert 'name="share-' not in form  # so many fields no request may have
    given = [[place, str(each.touchpoint_id), "", "0.25"] for place, each in enumerate(found)]
    assert resolve_on(page, dispute, shares_of(given)).status_code == 302
    assert set(found.values_list("credit", flat=True)) == {Decimal("0.0025")}
    assert found.count() == 400


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        (json.dumps([[0, "x", "", "1"]] * 1001), "At most 1,000 shares can be set at once, and these are 1,001."),
        ("nonsense", "These are no shares."),
        ("[" * 100_000, "These are no shares."),
        ("{}", "These are no shares."),
        ("[1]", "These are no shares."),
        ('[["0", "a", "b", "c"]]', "These are no shares."),
        ("[[0, 1, 2, 3]]", "These are no shares."),
        ('[[3, "x", "", "1"]]', "Row 4: choose the touch"),
    ],
)
def test_shares_that_are_none_are_refused_and_never_left_out(page, shares, told):
    dispute = file(records(sold())[0])
    response = page.post(at(dispute, "decide/"), {"way": "by_hand", "shares": shares, "step": "try"}, **FETCH)
    assert told in text_of(response)
    assert page.post(at(dispute, "decide/"), {"way": "by_hand", "shares": shares, "step": "resolve"}).status_code == 409
    assert not Settlement.objects.exists()


def test_a_touch_that_was_taken_out_is_given_back_on_the_page_of_the_appeal(page):
    conversion = sold()
    first = records(conversion)[0]
    decision = Decision(Way.EXCLUDE, first.touchpoint_id)
    before = operations.resolve_dispute(dispute_id=file(first).pk, resolution="Out.", decision=decision, by=house())
    appeal = operations.appeal_dispute(dispute_id=before.pk, reason="Ours.", by=Actor(payee=("partner", "partner-0")))
    told = text_of(page.get(at(appeal, "simulator/"), **FETCH))
    assert "Give back the touch that was taken out" in told
    assert "(partner-0, taken out)" in told
    assert resolve_on(page, appeal, {"way": "restore", "touchpoint_id": str(first.touchpoint_id)}).status_code == 302
    assert net_by_payee(conversion) == {"partner-0": 4, "partner-1": 2, "partner-2": 4}
