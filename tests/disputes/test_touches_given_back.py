"""What a decision took out, a later one can give back: as it was, with the whole staying the whole."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

import attribution.operations
from attribution.models import Adjustment, AttributionRecord
from attribution.settling import HOUSE, Decision, HandShare, Way
from disputes import operations
from disputes.actors import Actor
from partners.models import Partner
from tests.disputes.doors import URL, ok, refusal, service
from tests.disputes.invariants import breaches
from tests.disputes.worlds import approve, claim, file, net_by_payee, records, resolve, resolve_knowingly, sold
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db
BEFORE = {"partner-0": 4, "partner-1": 2, "partner-2": 4}


def taken_out(record):
    return resolve(file(record), Decision(Way.EXCLUDE, record.touchpoint_id))


def set_to(record, percentage):
    share = HandShare(record.touchpoint_id, Decimal(percentage))
    return resolve(file(record), Decision(Way.BY_HAND, shares=[share], spread=True))


def appealed(dispute, payee):
    return operations.appeal_dispute(dispute_id=dispute.pk, reason="It was ours.", by=Actor(payee=("partner", payee)))


def missing(conversion, payee):
    """Who has no record any more says that a touch is missing."""
    by = Actor(payee=("partner", payee))
    return operations.file_dispute(conversion_id=conversion.pk, claim=claim(dispute_type="missing"), by=by)


@pytest.mark.parametrize("status", ["calculated", "approved", "paid"])
@pytest.mark.parametrize("take_out", [taken_out, lambda record: set_to(record, 0)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_appeal_gives_back_what_was_taken_out(take_out, status, place):
    conversion = sold()
    mine = records(conversion)[place]
    if status != "calculated":
        approve(mine, status=status)
    dispute = take_out(mine)
    assert mine.payee_id not in net_by_payee(conversion)
    resolve(appealed(dispute, mine.payee_id), Decision(Way.RESTORE, mine.touchpoint_id))
    assert net_by_payee(conversion) == BEFORE
    assert breaches([conversion.pk]) == []
    booked = Adjustment.objects.filter(record_id=mine.pk).values_list("commission_amount", flat=True)
    own = BEFORE[mine.payee_id]
    assert sorted(booked) == ([] if status == "calculated" else [-own, own])
    attribution.operations.calculate_and_save(lead_id="lead-1")
    assert net_by_payee(conversion) == BEFORE
    assert attribution.operations.verify_records().differences == []
    for record in records(conversion):
        attribution.operations.explain(record_id=record.pk)


def test_in_an_appeal_giving_back_is_offered_first():
    mine = records(sold())[2]
    appeal = appealed(taken_out(mine), "partner-2")
    [first, *others] = operations.simulate(dispute_id=appeal.pk)
    assert first.decision == Decision(Way.RESTORE, mine.touchpoint_id)
    assert first.plan.by_payee()["partner", "partner-2"]["commission"] == 4
    assert [each.decision.way for each in others].count(Way.RESTORE) == 0


def test_who_had_parts_of_the_touch_gets_them_back():
    conversion = sold()
    first, second, _ = records(conversion)
    resolve(file(first), Decision(Way.SPLIT, first.touchpoint_id, ("partner", "partner-1"), percentage=Decimal(25)))
    resolve_knowingly(file(second), Decision(Way.EXCLUDE, first.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-1": 5, "partner-2": 5}
    resolve(missing(conversion, "partner-0"), Decision(Way.RESTORE, first.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-0": 3, "partner-1": 3, "partner-2": 4}
    given = AttributionRecord.objects.get(
        conversion_id=conversion.pk, model="position_based", touchpoint_id=first.touchpoint_id, payee_id="partner-1"
    )
    assert (given.partner_id, given.payee_pinned) == ("partner-1", True)


def test_a_touch_that_was_taken_out_may_be_given_a_share_by_hand_and_to_another():
    conversion = sold()
    first, second, _ = records(conversion)
    taken_out(first)
    again = HandShare(first.touchpoint_id, Decimal(10))
    resolve_knowingly(missing(conversion, "partner-0"), Decision(Way.BY_HAND, shares=[again], spread=True))
    assert net_by_payee(conversion) == {"partner-0": 1, "partner-1": Decimal("4.5"), "partner-2": Decimal("4.5")}
    resolve_knowingly(file(second), Decision(Way.EXCLUDE, first.touchpoint_id))
    other = HandShare(first.touchpoint_id, Decimal(10), HOUSE)
    resolve_knowingly(missing(conversion, "partner-0"), Decision(Way.BY_HAND, shares=[other], spread=True))
    assert net_by_payee(conversion) == {"": 1, "partner-1": Decimal("4.5"), "partner-2": Decimal("4.5")}


def test_what_was_given_back_can_be_taken_out_again_and_the_others_stay_out():
    conversion = sold(touches=4)
    _, second, third, _ = records(conversion)
    taken_out(second)
    taken_out(third)
    for way, expected in [
        (Way.RESTORE, {"partner-0": 4, "partner-1": 2, "partner-3": 4}),
        (Way.EXCLUDE, {"partner-0": 5, "partner-3": 5}),
        (Way.RESTORE, {"partner-0": 4, "partner-1": 2, "partner-3": 4}),
    ]:
        decide = resolve if way == Way.RESTORE else resolve_knowingly
        decide(missing(conversion, "partner-1"), Decision(way, second.touchpoint_id))
        assert net_by_payee(conversion) == expected


def test_a_touch_whose_row_was_dropped_for_its_age_is_given_back_as_its_payees_had_it():
    conversion = sold()
    mine = records(conversion)[0]
    dispute = taken_out(mine)
    Touchpoint.objects.filter(pk=mine.touchpoint_id).delete()
    resolve(appealed(dispute, "partner-0"), Decision(Way.RESTORE, mine.touchpoint_id))
    assert net_by_payee(conversion) == BEFORE


def refused_by_field(dispute, decision):
    with pytest.raises(ValidationError) as refused:
        resolve(dispute, decision)
    return {(name, error.code) for name, errors in refused.value.error_dict.items() for error in errors}


def test_only_what_a_decision_took_out_is_given_back():
    conversion = sold()
    first, second, _ = records(conversion)
    assert refused_by_field(file(first), Decision(Way.RESTORE, first.touchpoint_id)) == {
        ("touchpoint_id", "unknown_touchpoint")
    }
    assert refused_by_field(file(second), Decision(Way.RESTORE, None)) == {("touchpoint_id", "unknown_touchpoint")}


def test_nothing_is_given_back_to_who_is_not_active():
    conversion = sold()
    mine = records(conversion)[0]
    appeal = appealed(taken_out(mine), "partner-0")
    Partner.objects.filter(pk="partner-0").update(status="suspended")
    assert refused_by_field(appeal, Decision(Way.RESTORE, mine.touchpoint_id)) == {("touchpoint_id", "inactive_payee")}
    own = [HandShare(mine.touchpoint_id, Decimal(40))]
    assert refused_by_field(appeal, Decision(Way.BY_HAND, shares=own, spread=True)) == {("shares", "inactive_payee")}
    resolve_knowingly(
        appeal, Decision(Way.BY_HAND, shares=[HandShare(mine.touchpoint_id, Decimal(40), HOUSE)], spread=True)
    )
    assert net_by_payee(conversion)[""] == 4


def test_by_api_it_is_simulated_and_decided_alike():
    conversion = sold()
    mine = records(conversion)[0]
    taken_out(mine)
    client, decision = service(), {"way": "restore", "touchpointId": str(mine.touchpoint_id)}
    url = f"{URL}/{missing(conversion, 'partner-0').pk}"
    offered = ok(client.get(f"{url}/simulate"))["options"]
    assert [each["decision"] for each in offered] == [decision]
    [option] = ok(client.post(f"{url}/simulate", {"decision": decision}))["options"]
    assert {each["payeeId"]: each["commissionAfter"] for each in option["payees"]} == BEFORE
    right = {"status": "resolved", "resolution": "It is in the log."}
    twice = decision | {"touchpointId": str(records(conversion)[0].touchpoint_id)}
    assert refusal(client.put(f"{url}/resolve", right | {"adjustments": twice})) == (
        400,
        {("adjustments.touchpointId", "unknown_touchpoint")},
    )
    ok(client.put(f"{url}/resolve", right | {"adjustments": decision}))
    assert net_by_payee(conversion) == BEFORE
