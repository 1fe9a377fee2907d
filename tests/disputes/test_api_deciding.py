"""Handling and deciding a dispute over HTTP: each step, who may take it, and what is refused with which words."""

from decimal import Decimal

import pytest

from attribution.models import AttributionRecord
from disputes.models import Dispute
from partners.models import Partner, uuid7
from tests.disputes.doors import URL, filed, ok, partner, refusal, service, signed_in
from tests.disputes.worlds import approve, decider, net_by_payee, records, sold
from tests.factories import PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db
RIGHT = {"status": "resolved", "resolution": "The broker's log shows it."}
REJECTED = {"status": "rejected", "resolution": "It does not show it.", "rejection": "not_proven"}


@pytest.fixture
def conversion():
    return sold()


@pytest.fixture
def dispute(conversion):
    return filed(partner(0), records(conversion)[0])


def at(dispute, *rest):
    return "/".join([URL, dispute["id"], *rest])


def test_from_taking_to_answer_to_decision(conversion, dispute):
    person = decider()
    ops = signed_in(person)
    taken = ok(ops.post(at(dispute, "assign"), {"assignedTo": "me"}))
    assert (taken["status"], taken["assignedTo"]) == ("under_review", person.username)
    asked = ok(ops.post(at(dispute, "ask"), {"question": "Which campaign?"}))
    assert asked["status"] == "needs_information"
    assert "answer" in ok(partner(0).get(at(dispute)))["actions"]
    answered = ok(partner(0).post(at(dispute, "answer"), {"answer": "The spring letter."}))
    assert (answered["status"], answered["assignedTo"]) == ("under_review", None)
    touch = str(records(conversion)[1].touchpoint_id)
    way = {"way": "reassign", "touchpointId": touch, "payeeType": "partner", "payeeId": "partner-0"}
    decided = ok(ops.put(at(dispute, "resolve"), RIGHT | {"adjustments": way}))
    assert (decided["status"], decided["resolvedBy"]) == ("resolved", person.username)
    assert [move["status"] for move in decided["history"]] == [
        *("open", "under_review", "needs_information", "under_review", "resolved"),
    ]
    assert decided["history"][-1]["by"] == person.username
    assert net_by_payee(conversion) == {"partner-0": 6, "partner-2": 4}
    told = ok(partner(0).get(at(dispute)))
    assert told["resolution"] == RIGHT["resolution"]
    assert {move["by"] for move in told["history"]} == {None}
    assert [(each["commissionBefore"], each["commissionAfter"]) for each in told["changes"]] == [
        (4.00, 4.00),
        (0, 2.00),
    ]


def test_a_service_key_decides_for_one_of_the_people_what_another_filed_and_never_its_own(conversion, dispute):
    client, person = service(), decider()
    for_them = RIGHT | {"resolvedBy": person.username}
    decided = ok(client.put(at(dispute, "resolve"), for_them))
    assert (decided["resolvedBy"], bool(decided["resolvedByKey"])) == (person.username, True)
    own = filed(client, records(conversion)[1])
    for body in (for_them, REJECTED | {"resolvedBy": person.username}):
        assert refusal(client.put(at(own, "resolve"), body)) == (409, {(None, "own_dispute")})
    [line] = ok(client.post(f"{URL}/resolve", [for_them | {"number": own["number"]}]))["items"]
    assert line["errors"][0]["code"] == "own_dispute"


def test_nobody_decides_the_appeal_of_what_they_filed_or_a_key_of_what_it_decided(conversion):
    filing, deciding = service(), service()
    dispute = filed(filing, records(conversion)[0])
    ok(deciding.put(at(dispute, "resolve"), REJECTED))
    appeal = ok(partner(0).post(at(dispute, "appeal"), {"reason": "Look again."}), 201)
    for_them = RIGHT | {"resolvedBy": decider().username}
    assert refusal(filing.put(at(appeal, "resolve"), for_them)) == (409, {(None, "own_dispute")})
    assert refusal(deciding.put(at(appeal, "resolve"), for_them)) == (409, {(None, "appeal_to_another")})
    ok(service().put(at(appeal, "resolve"), for_them))


def test_a_service_key_by_itself_decides_what_another_filed_and_not_its_own(conversion, dispute):
    client = service()
    own = filed(client, records(conversion)[1])
    assert refusal(client.put(at(own, "resolve"), RIGHT)) == (409, {(None, "own_dispute")})
    assert ok(client.put(at(dispute, "resolve"), RIGHT))["resolvedBy"] is None


@pytest.mark.parametrize("who", ["nobody", "without the right", "no longer there"])
def test_a_service_key_decides_for_nobody_who_may_not(dispute, who):
    UserFactory(username="without the right", role="Analyst")
    decider(username="no longer there", is_active=False)
    body = RIGHT | {"resolvedBy": who}
    assert refusal(service().put(at(dispute, "resolve"), body)) == (400, {("resolvedBy", "not_allowed")})


def test_whoever_is_signed_in_decides_in_their_own_name(dispute):
    person, other = decider(), decider()
    body = RIGHT | {"resolvedBy": other.username}
    assert refusal(signed_in(person).put(at(dispute, "resolve"), body)) == (400, {("resolvedBy", "not_yours")})
    own = RIGHT | {"resolvedBy": person.username}
    assert ok(signed_in(person).put(at(dispute, "resolve"), own))["resolvedBy"] == person.username


def test_who_filed_it_does_not_decide_it(conversion):
    person = decider()
    dispute = filed(signed_in(person), records(conversion)[0])
    for body in (RIGHT, REJECTED):
        assert refusal(signed_in(person).put(at(dispute, "resolve"), body)) == (409, {(None, "own_dispute")})
    for_them = RIGHT | {"resolvedBy": person.username}
    assert refusal(service().put(at(dispute, "resolve"), for_them)) == (409, {(None, "own_dispute")})


def test_of_two_decisions_the_second_is_told(dispute):
    first = decider()
    ok(signed_in(first).put(at(dispute, "resolve"), REJECTED))
    response = signed_in(decider()).put(at(dispute, "resolve"), RIGHT)
    assert refusal(response) == (409, {(None, "dispute_closed")})
    assert first.username in response.content.decode()


def hand(touch, percentage, **more):
    return {"touchpointId": str(touch), "percentage": percentage, **more}


@pytest.fixture
def refused(conversion, dispute):
    """Decisions as a program sends them, by what is wrong about them: all are found wrong, each by its field."""
    Partner.objects.filter(pk="partner-1").update(status="suspended")

    def check(cases):
        client = service()
        found = {
            what: refusal(client.put(at(dispute, "resolve"), RIGHT | {"adjustments": decision}))
            for what, (decision, _error) in cases.items()
        }
        assert found == {what: (400, {(f"adjustments.{attr}", code)}) for what, (_, (attr, code)) in cases.items()}
        assert Dispute.objects.get().status == "open"

    return check


def test_shares_by_hand_that_cannot_be_are_refused_by_field(conversion, refused):
    first, second, _ = (record.touchpoint_id for record in records(conversion))
    inactive = hand(first, 40, payeeType="partner", payeeId="partner-1")
    wrong = {
        "does not balance": ([hand(first, 50)], ("shares", "unbalanced")),
        "too little": ([hand(first, 10)], ("shares", "unbalanced")),
        "exceeds": ([hand(first, 70), hand(second, 60)], ("shares", "exceeds_conversion")),
        "more than all": ([hand(first, 101)], ("shares.0.percentage", "max_value")),
        "inactive": ([inactive], ("shares.0.payeeId", "inactive_payee")),
    }
    refused({what: ({"way": "by_hand", "shares": shares}, error) for what, (shares, error) in wrong.items()})


def test_payees_that_cannot_be_given_to_are_refused_by_field(conversion, dispute, refused):
    to_first = {"way": "reassign", "touchpointId": str(records(conversion)[0].touchpoint_id)}
    inactive = to_first | {"payeeType": "partner", "payeeId": "partner-1"}
    refused(
        {
            "inactive": (inactive, ("payeeId", "inactive_payee")),
            "nobody": (to_first | {"payeeType": "broker", "payeeId": "nobody"}, ("payeeId", "inactive_payee")),
            "no payee": (to_first, ("payeeId", "required")),
            "half a payee": (to_first | {"payeeType": "partner"}, ("payeeId", "required")),
        }
    )
    tried = service().post(at(dispute, "simulate"), {"decision": inactive})
    assert refusal(tried) == (400, {("decision.payeeId", "inactive_payee")})


def test_ways_and_touches_that_cannot_be_are_refused_by_field(conversion, refused):
    first = str(records(conversion)[0].touchpoint_id)
    too_exact = {"way": "split", "touchpointId": first, "percentage": Decimal("1.123456789")}
    after = {
        "way": "insert",
        "payeeType": "partner",
        "payeeId": "partner-0",
        "touch": {"channel": "event", "timestamp": "2026-03-02T00:00:00Z"},
    }
    refused(
        {
            "strange touch": ({"way": "exclude", "touchpointId": str(uuid7())}, ("touchpointId", "unknown_touchpoint")),
            "no way": ({"touchpointId": first}, ("way", "required")),
            "other way": ({"way": "toss_a_coin"}, ("way", "invalid_choice")),
            "too exact": (too_exact, ("percentage", "max_decimal_places")),
            "after": (after, ("touch.timestamp", "after_conversion")),
            "unknown": ({"way": "exclude", "touch_point": 1}, ("touch_point", "unknown_field")),
        }
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": "rejected", "resolution": "No."}, ("rejection", "required")),
        (RIGHT | {"rejection": "other"}, ("rejection", "invalid")),
        (REJECTED | {"adjustments": {"way": "exclude"}}, ("adjustments", "invalid")),
        (RIGHT | {"resolution": " "}, ("resolution", "required")),
        (RIGHT | {"resolution": "x" * 2001}, ("resolution", "max_length")),
        (RIGHT | {"status": "withdrawn"}, ("status", "invalid_choice")),
        ({"status": "resolved"}, ("resolution", "required")),
    ],
)
def test_a_decision_has_its_words(dispute, body, error):
    assert refusal(service().put(at(dispute, "resolve"), body)) == (400, {error})


def test_simulating_shows_each_option_to_the_cent_and_what_is_offered_can_be_sent_back(conversion):
    first = records(conversion)[0]
    approve(first, status="paid")
    dispute = filed(partner(0), first, expectedAmount=Decimal("6.00"))
    options = ok(service().get(at(dispute, "simulate")))["options"]
    claimed = next(each for each in options if each["label"] == "Set the share to what is claimed, 6.00 USD")
    assert [
        (each["payeeId"], each["commissionAfter"], each["paid"], each["adjusted"]) for each in claimed["payees"]
    ] == [
        ("partner-0", 6.00, 4.00, 2.00),
        ("partner-1", 1.33, 0.00, 0.00),
        ("partner-2", 2.67, 0.00, 0.00),
    ]
    again = ok(service().post(at(dispute, "simulate"), {"decision": claimed["decision"]}))["options"]
    assert again == [claimed | {"label": "As asked"}]
    assert AttributionRecord.objects.get(pk=first.pk).status == "disputed"
    decided = ok(service().put(at(dispute, "resolve"), RIGHT | {"adjustments": claimed["decision"]}))
    after = [(each["payeeId"], each["commissionAfter"]) for each in decided["changes"]]
    assert after == [(each["payeeId"], each["commissionAfter"]) for each in claimed["payees"]]


def test_partners_neither_ask_nor_assign_nor_decide(dispute):
    for method, rest, body in [
        ("post", "ask", {"question": "Why?"}),
        ("post", "assign", {"assignedTo": "me"}),
        ("post", "go-on", {"reason": "So."}),
        ("get", "simulate", None),
        ("post", "simulate", {}),
        ("put", "resolve", RIGHT),
    ]:
        assert refusal(getattr(partner(0), method)(at(dispute, rest), body)) == (403, {(None, "permission_denied")})


def test_taking_over_has_to_be_said(dispute):
    first, second = decider(), decider()
    ok(signed_in(first).post(at(dispute, "assign"), {"assignedTo": "me"}))
    path = at(dispute, "assign")
    assert refusal(signed_in(second).post(path, {"assignedTo": "me"})) == (409, {(None, "assigned_to_another")})
    taken = ok(service().post(path, {"assignedTo": second.username, "takeOver": True}))
    assert taken["assignedTo"] == second.username
    assert refusal(service().post(path, {"assignedTo": "me"})) == (400, {("assignedTo", "does_not_exist")})
    analyst = UserFactory(role="Analyst")
    assert refusal(service().post(path, {"assignedTo": analyst.username, "takeOver": True})) == (
        400,
        {("assignedTo", "not_allowed")},
    )


def test_going_on_without_an_answer(dispute):
    ok(service().post(at(dispute, "ask"), {"question": "Which campaign?"}))
    assert ok(service().post(at(dispute, "go-on"), {"reason": "A week is over."}))["status"] == "under_review"
    assert refusal(service().post(at(dispute, "go-on"), {"reason": "Again."})) == (409, {(None, "not_in_this_state")})


def test_the_house_may_enter_an_answer_that_came_by_phone(dispute):
    ok(service().post(at(dispute, "ask"), {"question": "Which campaign?"}))
    assert ok(service().post(at(dispute, "answer"), {"answer": "Spring."}))["status"] == "under_review"


def test_its_claimant_withdraws_it_and_nobody_else(conversion, dispute):
    assert refusal(partner(1).post(at(dispute, "withdraw"), {})) == (409, {(None, "not_yours_to_do")})
    assert refusal(service().post(at(dispute, "withdraw"), {})) == (409, {(None, "not_yours_to_do")})
    assert ok(partner(0).post(at(dispute, "withdraw"), {"reason": "Found it."}))["status"] == "withdrawn"
    assert records(conversion)[0].status == "calculated"


def test_an_appeal_is_decided_by_another_and_tells_a_respondent_nothing_of_the_claim(conversion):
    first, second, _ = records(conversion)
    dispute = filed(partner(0), first, expectedAmount=Decimal("6.00"))
    person = decider()
    way = {"way": "reassign", "touchpointId": str(second.touchpoint_id), "payeeType": "partner", "payeeId": "partner-0"}
    ok(signed_in(person).put(at(dispute, "resolve"), RIGHT | {"adjustments": way}))
    assert "appeal" in ok(partner(1).get(at(dispute)))["actions"]
    appeal = ok(partner(1).post(at(dispute, "appeal"), {"reason": "It was our call."}), 201)
    assert (appeal["role"], appeal["appealOf"], appeal["expectedAmount"]) == ("claimant", dispute["id"], None)
    assert "6.00" not in str(appeal)
    assert refusal(partner(1).post(at(dispute, "appeal"), {"reason": "Again."})) == (409, {(None, "already_disputed")})
    assert refusal(signed_in(person).put(at(appeal, "resolve"), REJECTED)) == (409, {(None, "appeal_to_another")})
    assert "resolve" not in ok(signed_in(person).get(at(appeal)))["actions"]
    ok(signed_in(decider()).put(at(appeal, "resolve"), REJECTED))
    assert "appeal" not in ok(partner(1).get(at(appeal)))["actions"]
    assert refusal(partner(1).post(at(appeal, "appeal"), {"reason": "Once more."})) == (409, {(None, "appeal_final")})


def test_the_house_may_enter_an_appeal_for_a_party_alone(dispute):
    ok(service().put(at(dispute, "resolve"), REJECTED))
    PartnerFactory(id="partner-9")
    body = {"reason": "Look again.", "claimantType": "partner", "claimantId": "partner-9"}
    assert refusal(service().post(at(dispute, "appeal"), body)) == (400, {("claimantId", "does_not_exist")})
    assert (
        ok(service().post(at(dispute, "appeal"), body | {"claimantId": "partner-1"}), 201)["claimantId"] == "partner-1"
    )


def test_a_decision_sent_again_under_its_key_is_taken_once(dispute):
    client = service()
    answers = [client.put(at(dispute, "resolve"), RIGHT, headers={"Idempotency-Key": "decision-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1]["Idempotency-Replayed"] == "true"
