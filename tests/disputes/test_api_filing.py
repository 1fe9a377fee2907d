"""Filing a dispute over HTTP: what is answered, and what is refused with which words."""

from decimal import Decimal

import pytest

from attribution.models import AttributionRecord
from disputes.models import Dispute, Evidence
from partners.models import uuid7
from tests.api import send_raw
from tests.attribution.worlds import NOW
from tests.disputes.doors import URL, filed, ok, partner, refusal, service, signed_in
from tests.disputes.worlds import decider, records, sold
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory

pytestmark = pytest.mark.django_db
CLAIM = {"disputeType": "amount", "reason": "We brought this lead twice."}


@pytest.fixture
def conversion():
    return sold()


def test_a_partner_files_about_its_own_record_and_gets_it_whole(conversion):
    record = records(conversion)[0]
    evidence = {"originalSource": "partner_referral", "times": [1.5, 2], "deeper": {"snake_case": None}}
    told = filed(partner(0), record, evidence=evidence, expectedAmount=Decimal("6.00"))
    assert {name: told[name] for name in ("status", "role", "disputeType", "reason", "attributionId", "leadId")} == {
        "status": "open",
        "role": "claimant",
        "disputeType": "amount",
        "reason": CLAIM["reason"],
        "attributionId": str(record.pk),
        "leadId": "lead-1",
    }
    assert (told["atStake"], told["expectedAmount"], told["claimantId"]) == (4.00, 6.00, "partner-0")
    assert [party["payeeId"] for party in told["parties"]] == ["partner-0"]
    assert (told["filedBy"], told["assignedTo"], told["overdue"]) == (None, None, False)
    assert [move["status"] for move in told["history"]] == ["open"]
    assert told["actions"] == ["message", "evidence", "withdraw"]
    assert [(item["source"], item["kind"]) for item in told["evidence"]] == [("claimant", "json")]
    assert Evidence.objects.get(kind="json").content == evidence
    assert AttributionRecord.objects.get(pk=record.pk).status == "disputed"
    assert ok(partner(0).get(f"{URL}/{told['id']}"))["number"] == told["number"]


def test_html_and_formulas_come_back_as_they_were_sent(conversion):
    reason = '<script>alert("1")</script> =cmd|"/c calc"!A1 & < > \u202e'
    told = filed(partner(0), records(conversion)[0], reason=reason, evidence={"=1+1": "<b>"})
    assert told["reason"] == reason
    [item] = told["evidence"]
    assert ok(partner(0).get(f"{URL}/{told['id']}/evidence/{item['id']}"))["content"] == {"=1+1": "<b>"}


@pytest.mark.parametrize("made_up", [True, False])
def test_anothers_record_is_one_that_does_not_exist(conversion, made_up):
    pk = uuid7() if made_up else records(conversion)[1].pk
    assert refusal(partner(0).post(URL, CLAIM | {"attributionId": str(pk)})) == (404, {(None, "not_found")})


def test_a_record_without_money_a_pending_one_and_a_second_dispute_are_refused(conversion):
    first, second, _ = records(conversion)
    for_analysis = records(conversion, "linear")[0]
    asked = CLAIM | {"attributionId": str(for_analysis.pk)}
    assert refusal(partner(0).post(URL, asked)) == (409, {(None, "no_money")})
    AttributionRecord.objects.filter(pk=second.pk).delete()
    AttributionRecord.objects.bulk_create([second])
    filed(partner(0), first)
    assert refusal(partner(0).post(URL, CLAIM | {"attributionId": str(first.pk)})) == (
        409,
        {(None, "already_disputed")},
    )
    AttributionRecord.objects.filter(pk=second.pk).delete()
    second.status = "pending"
    AttributionRecord.objects.bulk_create([second])
    assert refusal(partner(1).post(URL, CLAIM | {"attributionId": str(second.pk)})) == (409, {(None, "in_hold")})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"attributionId": None}, ("attributionId", "required")),
        ({"attributionId": "attr-123"}, ("attributionId", "invalid")),
        ({"disputeType": "missing"}, ("conversionId", "required")),
        ({"disputeType": "unfair"}, ("disputeType", "invalid_choice")),
        ({"reason": " \n"}, ("reason", "required")),
        ({"reason": "x" * 4001}, ("reason", "max_length")),
        ({"reason": 5}, ("reason", "invalid")),
        ({"expectedAmount": "6.00"}, ("expectedAmount", "invalid")),
        ({"expectedAmount": 0}, ("expectedAmount", "min_value")),
        ({"expectedAmount": Decimal("0.001")}, ("expectedAmount", "max_decimal_places")),
        ({"evidence": []}, ("evidence", "invalid")),
        ({"evidence": {}}, ("evidence", "empty")),
        ({"evidence": {"a": "\x00"}}, ("evidence", "not_text")),
        ({"evidence": {"a": "x" * 300_000}}, ("evidence", "too_large")),
        ({"claimantType": "partner"}, ("claimantId", "required")),
        ({"claimantType": "partner", "claimantId": "partner-1"}, ("claimantId", "invalid")),
        ({"claimantType": "house", "claimantId": "partner-1"}, ("claimantType", "invalid_choice")),
        ({"resolvedBy": "admin"}, ("resolvedBy", "unknown_field")),
    ],
)
def test_what_cannot_be_taken_is_named(conversion, changed, error):
    body = CLAIM | {"attributionId": str(records(conversion)[0].pk)} | changed
    assert refusal(partner(0).post(URL, body)) == (400, {error})
    assert not Dispute.objects.exists()


@pytest.mark.parametrize(
    ("value", "code"), [('"\\ud800"', "not_text"), ("1e400", "too_large"), ("1.5e400", "too_large")]
)
def test_what_no_text_or_number_is_cannot_be_kept(conversion, value, code):
    pk = records(conversion)[0].pk
    body = f'{{"attributionId": "{pk}", "disputeType": "amount", "reason": "r", "evidence": {{"a": {value}}}}}'
    assert refusal(send_raw(partner(0), "disputes", body)) == (400, {("evidence", code)})


def test_evidence_is_as_deep_as_anybody_reads(conversion):
    deep: dict = {}
    for _ in range(21):
        deep = {"a": deep}
    body = CLAIM | {"attributionId": str(records(conversion)[0].pk), "evidence": deep}
    assert refusal(partner(0).post(URL, body)) == (400, {("evidence", "too_deep")})


def test_both_of_record_and_conversion_are_too_much(conversion):
    body = CLAIM | {"attributionId": str(records(conversion)[0].pk), "conversionId": str(conversion.pk)}
    assert refusal(partner(0).post(URL, body)) == (400, {("conversionId", "invalid")})


MISSING = {"disputeType": "missing", "reason": "Our call is not in it."}


def test_a_missing_touch_is_claimed_of_a_conversion_that_one_has_a_part_in(conversion):
    told = ok(partner(1).post(URL, MISSING | {"conversionId": str(conversion.pk)}), 201)
    assert (told["attributionId"], told["conversionId"], told["role"]) == (None, str(conversion.pk), "claimant")


def test_a_touch_known_before_the_conversion_is_a_part_in_it_too():
    PartnerFactory(id="partner-0")
    TouchpointFactory(lead_id="lead-9", partner_id="partner-0")
    conversion = ConversionFactory(lead_id="lead-9", occurred_at=NOW)
    assert partner(0).post(URL, MISSING | {"conversionId": str(conversion.pk)}).status_code == 201


@pytest.mark.parametrize("made_up", [True, False])
def test_a_conversion_of_others_does_not_exist(conversion, made_up):
    PartnerFactory(id="partner-9")
    TouchpointFactory(lead_id="lead-1", partner_id="partner-9")  # sent when the conversion was known
    pk = uuid7() if made_up else conversion.pk
    assert refusal(partner(9).post(URL, MISSING | {"conversionId": str(pk)})) == (404, {(None, "not_found")})


def test_the_house_files_for_a_partner(conversion):
    person, record = decider(), records(conversion)[0]
    told = filed(signed_in(person), record, claimantType="partner", claimantId="partner-1")
    assert (told["claimantId"], told["filedBy"], told["role"]) == ("partner-1", person.username, None)
    assert "resolve" not in told["actions"]
    assert "withdraw" in told["actions"]
    told = filed(service(), records(conversion)[1])
    assert (told["claimantId"], told["filedBy"], bool(told["filedByKey"])) == ("partner-1", None, True)


def test_the_house_files_for_nobody_it_does_not_know(conversion):
    body = CLAIM | {"attributionId": str(records(conversion)[0].pk), "claimantType": "broker", "claimantId": "nobody"}
    assert refusal(service().post(URL, body)) == (400, {("claimantId", "does_not_exist")})


def test_who_may_not_file_is_refused(conversion):
    assert signed_in(decider()).get(URL).status_code == 200
    assert refusal(service().get(f"{URL}?color=red")) == (400, {("color", "unknown_field")})
