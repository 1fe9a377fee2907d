"""What of a dispute who is shown, over HTTP: the house all, its parties their own part, everybody else nothing."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from disputes.models import Dispute
from tests.disputes.doors import URL, filed, ok, partner, refusal, service, signed_in
from tests.disputes.worlds import decider, records, sold
from tests.factories import DisputeFactory, EvidenceFactory, MessageFactory, PartnerFactory

pytestmark = pytest.mark.django_db
SECRET = "secret-reason-of-partner-0"


@pytest.fixture
def conversion():
    return sold()


@pytest.fixture
def dispute(conversion):
    told = {"reason": SECRET, "expectedAmount": Decimal("7.77"), "evidence": {"seen": "secret-evidence"}}
    return filed(partner(0), records(conversion)[0], **told)


def at(dispute, *rest):
    return "/".join([URL, dispute["id"], *rest])


def settle(conversion, dispute, person):
    """partner-1 loses its touch to partner-0."""
    touch = str(records(conversion)[1].touchpoint_id)
    way = {"way": "reassign", "touchpointId": touch, "payeeType": "partner", "payeeId": "partner-0"}
    body = {"status": "resolved", "resolution": "secret-resolution", "adjustments": way}
    return ok(signed_in(person).put(at(dispute, "resolve"), body))


def test_a_respondent_is_told_that_its_share_may_change_and_no_more(conversion, dispute):
    told = ok(partner(1).get(at(dispute)))
    second = records(conversion)[1]
    assert {name: value for name, value in told.items() if value not in (None, [])} == {
        "id": dispute["id"],
        "number": dispute["number"],
        "status": "open",
        "role": "respondent",
        "conversionId": str(conversion.pk),
        "currency": "USD",
        "filedAt": dispute["filedAt"],
        "parties": told["parties"],
        "records": told["records"],
        "actions": ["message", "evidence"],
    }
    assert [party["payeeId"] for party in told["parties"]] == ["partner-1"]
    assert [record["id"] for record in told["records"]] == [str(second.pk)]


def test_a_respondent_sees_what_it_lost_and_nobodys_words(conversion, dispute):
    person = decider(username="secret-person")
    settle(conversion, dispute, person)
    ok(partner(0).post(at(dispute, "messages"), {"body": "secret-message"}), 201)
    text = ""
    for path in ("", "evidence", "messages"):
        text += partner(1).get(at(dispute, path).rstrip("/")).content.decode()
    text += partner(1).get(URL).content.decode()
    for secret in ("secret", "7.77", "partner-0", "partner-2", str(records(conversion)[0].touchpoint_id)):
        assert secret not in text
    told = ok(partner(1).get(at(dispute)))
    [change] = told["changes"]
    assert (change["payeeId"], change["commissionBefore"], change["commissionAfter"]) == ("partner-1", 2.00, 0.00)
    assert (told["status"], bool(told["closedAt"]), told["resolution"]) == ("resolved", True, None)


def test_a_claimant_is_not_told_of_others_nor_of_the_people_of_the_house(conversion, dispute):
    person = decider(username="secret-person")
    ok(signed_in(person).post(at(dispute, "messages"), {"body": "note-to-us", "internal": True}), 201)
    ok(partner(1).post(at(dispute, "messages"), {"body": "message-of-other"}), 201)
    settle(conversion, dispute, person)
    text = "".join(
        partner(0).get(at(dispute, path).rstrip("/")).content.decode() for path in ("", "evidence", "messages")
    )
    for secret in ("secret-person", "note-to-us", "message-of-other", "partner-1", "partner-2"):
        assert secret not in text
    assert "secret-resolution" in text


def test_the_house_sees_all_of_it(conversion, dispute):
    person = decider()
    told = settle(conversion, dispute, person)
    assert [(party["payeeId"], party["role"]) for party in told["parties"]] == [
        *[("partner-0", "claimant"), ("partner-1", "respondent"), ("partner-2", "respondent")],
    ]
    assert {item["source"] for item in told["evidence"]} == {"claimant", "system"}
    assert len(told["changes"]) == 4
    assert (told["reason"], told["expectedAmount"], told["assignedTo"]) == (SECRET, 7.77, person.username)


def test_who_takes_no_part_finds_nothing(dispute):
    PartnerFactory(id="partner-9")
    for method, rest, body in [
        ("get", (), None),
        ("get", ("evidence",), None),
        ("get", ("messages",), None),
        ("post", ("messages",), {"body": "Hello"}),
        ("post", ("evidence",), {"a": 1}),
        ("post", ("answer",), {"answer": "So."}),
        ("post", ("withdraw",), {}),
        ("post", ("appeal",), {"reason": "So."}),
    ]:
        assert refusal(getattr(partner(9), method)(at(dispute, *rest), body)) == (404, {(None, "not_found")})
    assert ok(partner(9).get(URL))["count"] == 0


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("status=open", 1),
        ("status=resolved&status=open", 1),
        ("status=resolved", 0),
        ("disputeType=amount", 1),
        ("disputeType=broker", 0),
        ("partnerId=partner-0", 1),
        ("partnerId=partner-1", 0),
        ("brokerId=partner-0", 0),
        ("leadId=lead-1", 1),
        ("assignedTo=nobody", 1),
        ("assignedTo=me", 0),
        ("assignedTo=anybody", 0),
        ("overdue=true", 0),
        ("overdue=false", 1),
        ("startDate=2000-01-01", 1),
        ("endDate=2000-01-01", 0),
        ("ordering=-atStake", 1),
    ],
)
def test_the_house_finds_by(dispute, query, number):
    assert ok(signed_in(decider()).get(f"{URL}?{query}"))["count"] == number


def test_the_house_finds_by_record_conversion_person_and_time(conversion, dispute):
    person = decider()
    ok(signed_in(person).post(at(dispute, "assign"), {"assignedTo": "me"}))
    record = records(conversion)[0]
    for query in (
        f"attributionId={record.pk}",
        f"conversionId={conversion.pk}",
        f"assignedTo={person.username}",
        "assignedTo=me",
    ):
        assert ok(signed_in(person).get(f"{URL}?{query}"))["count"] == 1
    Dispute.objects.update(due_at=timezone.now() - dt.timedelta(hours=1))
    assert ok(service().get(f"{URL}?overdue=true"))["results"][0]["overdue"] is True
    assert ok(service().get(f"{URL}?overdue=false"))["count"] == 0


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("color=red", ("color", "unknown_field")),
        ("status=closed", ("status", "invalid_choice")),
        ("overdue=maybe", ("overdue", "invalid_choice")),
        ("ordering=reason", ("ordering", "invalid_choice")),
        ("attributionId=x", ("attributionId", "invalid")),
        ("startDate=yesterday", ("startDate", "invalid")),
        ("role=claimant", ("role", "only_for_payees")),
        ("leadId=a&leadId=b", ("leadId", "repeated")),
    ],
)
def test_what_nobody_can_find_by_is_refused(dispute, query, error):
    assert refusal(service().get(f"{URL}?{query}")) == (400, {error})


def test_a_party_finds_by_its_role_and_a_respondent_by_nothing_that_it_is_not_told(conversion, dispute):
    def found(number, query):
        return ok(partner(number).get(f"{URL}?{query}"))["count"]

    assert [found(0, "role=claimant"), found(0, "role=respondent")] == [1, 0]
    assert [found(1, "role=claimant"), found(1, "role=respondent")] == [0, 1]
    record = records(conversion)[0]
    for query in (
        "disputeType=amount",
        f"attributionId={record.pk}",
        "overdue=false",
        "partnerId=partner-0",
        "partnerId=partner-1",
        "ordering=atStake",
        "ordering=filedAt,dueAt",
        "leadId=lead-1",
        "assignedTo=nobody",
    ):
        assert found(1, query) == 0, query
    for query in ("disputeType=amount", "partnerId=partner-0", "overdue=false", "ordering=dueAt"):
        assert found(0, query) == 1, query
    assert found(1, f"conversionId={conversion.pk}&status=open&ordering=-filedAt") == 1


def queries(client, path):
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as context:
        assert client.get(path).status_code == 200
    return len(context)


@pytest.mark.parametrize("who", ["house", "claimant", "respondent"])
def test_no_list_costs_more_queries_with_more_rows(conversion, dispute, who):
    client = {"house": signed_in(decider()), "claimant": partner(0), "respondent": partner(1)}[who]
    paths = [URL, at(dispute), at(dispute, "evidence"), at(dispute, "messages"), URL.replace("disputes", "adjustments")]
    stored = Dispute.objects.get()

    def add_to_each():
        DisputeFactory(claimant_id="partner-0")
        for party in stored.parties.all()[:2]:
            EvidenceFactory(dispute=stored, party=party, source=party.role)
            MessageFactory(dispute=stored, party=party)

    add_to_each()
    before = [queries(client, path) for path in paths]
    for _ in range(5):
        add_to_each()
    assert [queries(client, path) for path in paths] == before


def test_messages_go_between_the_house_and_each_party(dispute):
    house, path = service(), at(dispute, "messages")
    ok(partner(0).post(path, {"body": "<b>Look</b> at =1+1"}), 201)
    ok(house.post(path, {"body": "To the claimant."}), 201)
    parties = {party["payeeId"]: party["id"] for party in ok(house.get(at(dispute)))["parties"]}
    ok(house.post(path, {"body": "To partner-1.", "to": parties["partner-1"]}), 201)
    note = ok(house.post(path, {"body": "To us.", "internal": True}), 201)
    assert (note["kind"], note["party"], note["fromHouse"]) == ("note", None, True)
    bodies = [
        [each["body"] for each in ok(c.get(path))["results"]] for c in (partner(0), partner(1), partner(2), house)
    ]
    assert bodies == [
        ["<b>Look</b> at =1+1", "To the claimant."],
        ["To partner-1."],
        [],
        ["<b>Look</b> at =1+1", "To the claimant.", "To partner-1.", "To us."],
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"body": " "}, ("body", "required")),
        ({"body": "x" * 5001}, ("body", "max_length")),
        ({"body": "x", "to": 999999}, ("to", "does_not_exist")),
        ({"body": "x", "to": "1"}, ("to", "invalid")),
        ({"body": "x", "to": 1, "internal": True}, ("to", "invalid")),
        ({"body": "x", "internal": "yes"}, ("internal", "invalid")),
    ],
)
def test_what_cannot_be_said_is_refused(dispute, body, error):
    assert refusal(service().post(at(dispute, "messages"), body)) == (400, {error})


def test_a_party_does_not_choose_whom_it_speaks_to(dispute):
    for more in ({"to": 1}, {"internal": True}):
        [name] = more
        answer = partner(0).post(at(dispute, "messages"), {"body": "x"} | more)
        assert refusal(answer) == (400, {(name, "not_for_payees")})


def test_numbers_are_exact(dispute):
    text = partner(0).get(at(dispute)).content.decode()
    assert '"expectedAmount":7.77' in text
    assert '"atStake":4.00' in text
    assert json.loads(text)["number"] == Dispute.objects.get().number
