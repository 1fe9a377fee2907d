"""The page of a dispute: what it shows, whom it serves, what its buttons do, and what it says when it cannot be."""

import html
import re
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from tests.disputes.cases import case
from tests.disputes.pages import FETCH, at, giving, shown, taken, text_of
from tests.disputes.worlds import file, records, sold
from tests.factories import PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}'\"&"


def test_the_whole_case_is_on_the_page(page):
    dispute = case(8, messages=4, files=2, reason="That call was ours.", expected_amount=Decimal("90.00"))
    told = shown(page, dispute)
    for part in [
        f"{dispute} Open Wrong amount",
        "60.00 USD",
        "Claimed 90.00 USD",
        "That call was ours.",
        "policy POL-lead-case",
        "Position Based v1: first 40 %",
        "call-log-0.txt",
        "Duplicates and overlaps",
        "Message 3 about the call of March.",
        "Filed",
    ]:
        assert part in told


def test_every_touch_is_drawn_with_what_it_has_and_what_other_models_would_give(page):
    dispute = case(8)
    body = page.get(at(dispute)).content.decode()
    assert body.count('class="tl-mark ') == 8
    assert "Touch 1: Paid Search, partner northwind-compare, 40 %, 80 days" in body
    assert body.count("tl-marked") == 1
    assert "northwind-compare claimant, partner" in text_of(page.get(at(dispute)))
    row = re.search(r"<tr[^>]*><td>1</td>.*?</tr>", body)[0]
    assert re.findall(r">([\d.]+ %)<", row) == ["40 %", "100 %", "0 %", "12.5 %", "0 %", "40 %"]


def test_nothing_that_people_wrote_is_taken_for_markup(page, ana):
    PartnerFactory(id="<b>x</b>", name=HOSTILE)
    conversion = sold()
    dispute = file(records(conversion)[0], reason=HOSTILE)
    by = Actor(payee=("partner", "partner-0"))
    operations.post_message(dispute_id=dispute.pk, body=HOSTILE, by=by)
    operations.add_json(dispute_id=dispute.pk, data={HOSTILE: {"deep": [HOSTILE]}}, by=by)
    operations.add_file(
        dispute_id=dispute.pk, upload=ContentFile(b"a log of calls\n"), name="<img src=x onerror=alert(1)>.txt", by=by
    )
    operations.add_note(dispute_id=dispute.pk, body=HOSTILE, by=Actor(user=ana))
    operations.assign_dispute(dispute_id=dispute.pk, to=ana, by=Actor(user=ana))
    bodies = [page.get(at(dispute)).content.decode(), page.get(at(dispute, "simulator/")).content.decode()]
    confirming = page.post(
        at(dispute, "decide/"), giving(records(conversion)[0], "partner:<b>x</b>") | {"step": "check"}
    )
    bodies.append(confirming.content.decode())
    operations.resolve_dispute(dispute_id=dispute.pk, resolution=HOSTILE, by=Actor(user=ana))
    bodies.append(page.get(at(dispute)).content.decode())
    for body in bodies:
        assert "<img" not in body
        assert "<b>x</b>" not in body
    assert bodies[0].count("onerror=alert(1)") >= 5
    assert "{{ 7|add:7 }}" in html.unescape(bodies[0])


def test_evidence_that_lies_deep_or_long_does_not_break_the_page(page):
    dispute = case(3)
    by = Actor(payee=dispute.claimant)
    deep: dict = {}
    for _ in range(200):
        deep = {"in": deep}
    operations.add_json(dispute_id=dispute.pk, data={"rows": list(range(5000)), "deep": deep}, by=by)
    operations.add_json(dispute_id=dispute.pk, data={"long": "x" * 100_000}, by=by)
    body = page.get(at(dispute)).content.decode()
    assert len(body) < 300_000


# A constant number of queries


def queries_of(client, path):
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("rest", ["change/", "simulator/"])
def test_a_case_of_any_size_takes_the_same_number_of_queries(page, ana, rest):
    small = taken(case(4, messages=2, files=2, lead="lead-small"), ana)
    large = taken(case(60, messages=30, files=10, lead="lead-large"), ana)
    assert queries_of(page, at(small, rest)) == queries_of(page, at(large, rest)) < 60


# Who may


@pytest.mark.parametrize("role", ["Auditor", "Analyst", "Finance"])
def test_who_may_only_read_sees_everything_and_no_button(client, role):
    dispute = case(4, messages=2)
    client.force_login(UserFactory(role=role))
    response = client.get(at(dispute))
    told = text_of(response)
    assert "Message 1 about" in told
    body = response.content.decode()
    main = body[body.index('class="case"') :]
    assert "<textarea" not in main
    assert 'method="post"' not in main
    for button in ("Take it", "Reject…", "Assign…", "Add it"):
        assert button not in told


WRITES = [
    ("say/", {"kind": "note", "body": "x"}),
    ("do/take/", {}),
    ("do/assign/", {}),
    ("do/reject/", {"rejection": "not_proven", "resolution": "x"}),
    ("do/withdraw/", {}),
    ("decide/", {"step": "resolve", "resolution": "x"}),
    ("evidence/", {}),
]


@pytest.mark.parametrize("role", ["Auditor", "Analyst", "Finance", None])
@pytest.mark.parametrize(("rest", "fields"), WRITES)
def test_who_may_only_read_changes_nothing(client, role, rest, fields):
    dispute = case(3)
    client.force_login(UserFactory(role=role))
    assert client.post(at(dispute, rest), fields).status_code == 403
    dispute.refresh_from_db()
    assert (dispute.status, dispute.assigned_to, dispute.messages.count()) == ("open", None, 0)


@pytest.mark.parametrize("rest", ["change/", "simulator/", "payees/", "do/reject/"])
def test_without_a_role_there_is_no_page(client, rest):
    dispute = case(3)
    assert client.get(at(dispute, rest)).status_code == 302
    client.force_login(UserFactory())
    assert client.get(at(dispute, rest)).status_code == 403


def test_what_is_not_there_is_not_found(page):
    dispute = case(3)
    assert page.get("/admin/disputes/dispute/00000000-0000-0000-0000-000000000000/change/").status_code == 404
    assert page.get("/admin/disputes/dispute/nonsense/change/").status_code == 404
    assert page.get(at(dispute, "do/explode/")).status_code == 404
    other = case(3, files=1, lead="lead-other")
    item = other.evidence.get(kind="file")
    assert page.get(at(dispute, f"evidence/{item.pk}/")).status_code == 404
    assert page.get(at(other, f"evidence/{item.pk}/")).status_code == 200


def test_every_action_asks_for_the_token(ana):
    dispute = case(3)
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)
    for rest, fields in WRITES:
        assert client.post(at(dispute, rest), fields).status_code == 403
    upload = {"file": SimpleUploadedFile("log.txt", b"a log of calls\n")}
    assert client.post(at(dispute, "evidence/"), upload).status_code == 403
    assert not dispute.evidence.filter(kind="file").exists()


# The buttons


def test_taking_it_assigns_it_to_who_clicks(page, ana):
    dispute = case(3)
    page.post(at(dispute, "do/take/"))
    dispute.refresh_from_db()
    assert (dispute.status, dispute.assigned_to) == ("under_review", ana)
    told = shown(page, dispute)
    assert "Assigned to ana (you)" in told
    assert "Take it" not in told


def test_taking_what_somebody_else_took_meanwhile_is_told_and_taking_over_has_to_be_said(page, ana):
    ben = UserFactory(username="ben", role="Operations")
    dispute = taken(case(3), ben)
    refused = page.post(at(dispute, "do/take/"))
    assert (refused.status_code, "in the hands of ben" in text_of(refused)) == (409, True)
    asked = text_of(page.get(at(dispute, "do/take-over/")))
    assert "in the hands of ben: from then on it is in yours" in asked
    page.post(at(dispute, "do/take-over/"))
    dispute.refresh_from_db()
    assert dispute.assigned_to == ana


def test_assigning_offers_those_alone_who_may_decide(page):
    dispute = case(3)
    UserFactory(username="reader", role="Analyst")
    ben = UserFactory(username="ben", role="Operations")
    asked = text_of(page.get(at(dispute, "do/assign/")))
    assert ("ben" in asked, "reader" in asked) == (True, False)
    page.post(at(dispute, "do/assign/"), {"to": ben.pk})
    dispute.refresh_from_db()
    assert dispute.assigned_to == ben


def test_asking_stops_the_clock_and_the_answer_starts_it(page):
    dispute = case(3)
    page.post(at(dispute, "say/"), {"kind": "question", "body": "Which call?"})
    told = shown(page, dispute)
    assert "Clock stands still" in told
    assert "Answer came in" in told
    page.post(at(dispute, "say/"), {"kind": "answer", "body": "The one of Monday."})
    dispute.refresh_from_db()
    assert [message.kind for message in dispute.messages.all()] == ["question", "answer"]
    assert dispute.status == "under_review"


def test_going_on_without_an_answer_keeps_the_reason(page):
    dispute = case(3)
    page.post(at(dispute, "say/"), {"kind": "question", "body": "Which call?"})
    assert page.post(at(dispute, "do/go-on/"), {"reason": ""}).status_code == 422
    page.post(at(dispute, "do/go-on/"), {"reason": "A week has gone by."})
    dispute.refresh_from_db()
    assert dispute.status == "under_review"
    assert "Went on without an answer: A week has gone by." in shown(page, dispute)


def test_a_message_goes_to_the_party_that_is_chosen_and_a_note_to_none(page):
    dispute = case(8)
    other = dispute.parties.filter(role="respondent").first()
    page.post(at(dispute, "say/"), {"kind": "message", "to": other.pk, "body": "Your view?"})
    page.post(at(dispute, "say/"), {"kind": "note", "to": other.pk, "body": "Looks doubtful."})
    assert [(m.kind, m.party) for m in dispute.messages.all()] == [("message", other), ("note", None)]


def test_a_script_gets_the_parts_that_talking_changes(page):
    dispute = case(3)
    response = page.post(at(dispute, "say/"), {"kind": "question", "body": "Which call?"}, **FETCH)
    body = response.content.decode()
    assert response.status_code == 200
    for part in ("case-head", "conversation", "history"):
        assert f'id="{part}"' in body
    assert "Clock stands still" in text_of(response)
    assert "<html" not in body


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": "note", "body": " "}, "body"),
        ({"kind": "note", "body": "x" * 5001}, "body"),
        ({"kind": "answer", "body": "x"}, "kind"),
        ({"kind": "message", "to": "nonsense", "body": "x"}, "to"),
    ],
)
def test_what_cannot_be_said_is_told_beside_its_field(page, fields, name):
    dispute = case(3)
    response = page.post(at(dispute, "say/"), fields, **FETCH)
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [name]
    assert not dispute.messages.exists()
    alone = page.post(at(dispute, "say/"), fields)
    assert (alone.status_code, fields["body"].strip() in alone.content.decode()) == (422, True)


def test_rejecting_says_what_happens_and_wants_a_reason_and_words(page):
    dispute = case(8)
    asked = text_of(page.get(at(dispute, "do/reject/")))
    assert "No money moves" in asked
    assert "The record goes back to calculated" in asked
    assert "for 30 days each of them may appeal".lower() in asked.lower()
    assert page.post(at(dispute, "do/reject/"), {"rejection": "whim", "resolution": "No."}).status_code == 422
    assert page.post(at(dispute, "do/reject/"), {"rejection": "not_proven", "resolution": " "}).status_code == 422
    page.post(at(dispute, "do/reject/"), {"rejection": "not_proven", "resolution": "The log is empty."})
    dispute.refresh_from_db()
    assert (dispute.status, dispute.rejection, dispute.resolved_by.username) == ("rejected", "not_proven", "ana")
    assert "Rejected: the evidence does not show it" in shown(page, dispute)


def test_who_filed_it_for_a_partner_may_withdraw_and_not_decide(page, ana):
    record = records(sold())[0]
    dispute = file(record, by=Actor(user=ana))
    told = shown(page, dispute)
    assert "You filed this dispute: somebody else decides it." in told
    assert ("Withdraw…" in told, "Reject…" in told, "Take it" in told) == (True, False, False)
    assert "Take this decision" not in text_of(page.get(at(dispute, "simulator/")))
    refused = page.post(at(dispute, "do/reject/"), {"rejection": "not_proven", "resolution": "No."})
    assert refused.status_code == 409
    page.post(at(dispute, "do/withdraw/"), {"reason": "Entered twice."})
    dispute.refresh_from_db()
    assert dispute.status == "withdrawn"


def test_an_appeal_is_entered_for_a_party_and_links_both_ways(page, ana):
    dispute = case(8)
    operations.reject_dispute(
        dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=Actor(user=UserFactory(role="Operations"))
    )
    told = shown(page, dispute)
    assert "Enter an appeal…" in told
    assert page.post(at(dispute, "do/appeal/"), {"claimant": "partner:nobody", "reason": "x"}).status_code == 422
    page.post(at(dispute, "do/appeal/"), {"claimant": "partner:northwind-compare", "reason": "Look again."})
    appeal = Dispute.objects.get(appeal_of=dispute)
    assert f"Appeal of {dispute}" in shown(page, appeal)
    assert f"Appealed by {appeal}" in shown(page, dispute)
    twice = page.post(at(dispute, "do/appeal/"), {"claimant": "partner:northwind-compare", "reason": "Again."})
    assert (twice.status_code, "appealed by this payee already" in text_of(twice)) == (409, True)
