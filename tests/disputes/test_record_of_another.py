"""The house files for one payee about another's record: the claimant learns nothing of the other by it."""

import pytest

from disputes import operations
from disputes.actors import Actor
from tests.disputes.doors import URL, ok, partner, service
from tests.disputes.worlds import claim, decider, file, house, records, sold
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db
SECRET = ["attributionId", "leadId", "atStake"]


@pytest.fixture
def told(monkeypatch):
    """What webhooks are told: of which event, to whom, and the data."""
    found = []

    def publish(*, event, data, payees=(), to_house=True):
        found.append((event, [pk for _, pk in payees] + ["house"] * to_house, data))

    monkeypatch.setattr("disputes.announcing.outbox.publish", publish)
    return found


@pytest.fixture
def conversion():
    return sold()


def for_another(conversion, claimant="partner-0", **values):
    """About the record of partner-1, which is worth 2.00."""
    second = records(conversion)[1]
    return operations.file_dispute(
        record_id=second.pk, claimant=("partner", claimant), claim=claim(**values), by=house()
    )


def shown(number, dispute):
    return ok(partner(number).get(f"{URL}/{dispute.pk}"))


def test_a_claimant_is_not_told_whose_lead_another_record_is_nor_what_it_earns(conversion, told):
    dispute = for_another(conversion)
    mine = shown(0, dispute)
    assert [mine[name] for name in SECRET] == [None, None, None]
    assert (mine["role"], mine["reason"], mine["claimantId"]) == ("claimant", dispute.reason, "partner-0")
    [listed] = ok(partner(0).get(URL))["results"]
    assert [listed[name] for name in SECRET] == [None, None, None]
    second = records(conversion)[1]
    assert [ok(service().get(f"{URL}/{dispute.pk}"))[name] for name in SECRET] == [str(second.pk), "lead-1", 2.0]
    operations.ask_information(dispute_id=dispute.pk, question="Which call?", by=house())
    operations.reject_dispute(dispute_id=dispute.pk, rejection="other", resolution="No.", by=house())
    to_claimant = [data for _, to, data in told if to == ["partner-0"]]
    assert len(to_claimant) == 3
    assert {data["attribution_id"] for data in to_claimant} == {None}
    to_house = [data["attribution_id"] for event, to, data in told if to == ["house"] and event != "dispute.message"]
    assert set(to_house) == {second.pk}


def test_nor_can_it_be_found_by_that(conversion):
    for_another(conversion)
    second = records(conversion)[1]
    for query in (f"attributionId={second.pk}", "leadId=lead-1", "ordering=atStake", "ordering=-atStake"):
        assert ok(partner(0).get(f"{URL}?{query}"))["count"] == 0, query
    assert ok(partner(0).get(f"{URL}?disputeType=amount&ordering=dueAt"))["count"] == 1


def test_of_its_own_record_a_claimant_is_told_all(conversion, told):
    dispute = operations.file_dispute(record_id=records(conversion)[0].pk, claim=claim(), by=house())
    assert [shown(0, dispute)[name] for name in SECRET] == [str(dispute.record_id), "lead-1", 4.0]
    assert ("dispute.filed", ["partner-0"], dispute.record_id) in [
        (e, to, d.get("attribution_id")) for e, to, d in told
    ]
    assert ok(partner(0).get(f"{URL}?leadId=lead-1&ordering=atStake"))["count"] == 1


def test_who_claims_a_missing_touch_by_its_own_key_knows_the_lead_and_whom_the_house_files_for_may_not(conversion):
    PartnerFactory(id="partner-8")
    PartnerFactory(id="partner-9")
    missing = {"conversion_id": conversion.pk, "claim": claim(dispute_type="missing")}
    own = operations.file_dispute(**missing, by=Actor(payee=("partner", "partner-8")))
    other = operations.file_dispute(**missing, claimant=("partner", "partner-9"), by=house())
    has_a_share = operations.file_dispute(**missing, claimant=("partner", "partner-2"), by=house())
    leads = [shown(number, each)["leadId"] for number, each in ((8, own), (9, other), (2, has_a_share))]
    assert leads == ["lead-1", None, "lead-1"]


def test_an_appeal_tells_what_the_record_earns_its_new_payee_to_nobody_else(conversion):
    first = records(conversion)[0]
    dispute = file(first)
    way = {"way": "reassign", "touchpointId": str(first.touchpoint_id), "payeeType": "partner", "payeeId": "partner-1"}
    body = {"status": "resolved", "resolution": "So.", "adjustments": way, "resolvedBy": decider().username}
    ok(service().put(f"{URL}/{dispute.pk}/resolve", body))
    appeal = ok(partner(0).post(f"{URL}/{dispute.pk}/appeal", {"reason": "It was ours."}), 201)
    assert [appeal[name] for name in SECRET] == [None, None, None]
    assert appeal["appealOf"] == str(dispute.pk)
