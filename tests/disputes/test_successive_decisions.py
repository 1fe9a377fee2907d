"""A decision stands on top of what stands: what it can't leave as it was decided before, it says, and is confirmed."""

import datetime as dt
from decimal import Decimal

import pytest

import attribution.operations
from attribution.models import Settlement
from attribution.settling import HOUSE, Decision, HandShare, NewTouch, Way
from disputes import operations
from tests.attribution.worlds import NOW
from tests.disputes.doors import URL, ok, refusal, service
from tests.disputes.invariants import breaches
from tests.disputes.pages import FETCH, at, digest_in, resolve_on, text_of
from tests.disputes.worlds import file, net_by_payee, records, resolve, resolve_knowingly, sold

pytestmark = pytest.mark.django_db
RIGHT = {"status": "resolved", "resolution": "It is in the log."}


def by_hand(record, percentage):
    return Decision(Way.BY_HAND, shares=[HandShare(record.touchpoint_id, Decimal(percentage))], spread=True)


@pytest.fixture
def conversion():
    """Its first touch was set to 70 % by hand: 70, 10 and 20."""
    made = sold()
    first = records(made)[0]
    resolve(file(first), by_hand(first, 70))
    assert net_by_payee(made) == {"partner-0": 7, "partner-1": 1, "partner-2": 2}
    return made


def undone(dispute, decision):
    [option] = operations.simulate(dispute_id=dispute.pk, decision=decision)
    return [(each.settlement.way, list(each.told), each.is_asked) for each in option.plan.undoes]


def test_what_was_set_by_hand_is_what_an_exclusion_builds_on(conversion):
    last = records(conversion)[2]
    dispute, decision = file(last), Decision(Way.EXCLUDE, last.touchpoint_id)
    told = ["paid search of 2026-02-26: 70.00 % becomes 87.50 %"]
    assert undone(dispute, decision) == [("by_hand", told, False)]
    with pytest.raises(attribution.operations.UndoesDecisions, match=r"70\.00 % becomes 87\.50 %"):
        resolve(dispute, decision)
    assert net_by_payee(conversion) == {"partner-0": 7, "partner-1": 1, "partner-2": 2}
    resolve_knowingly(dispute, decision)
    assert net_by_payee(conversion) == {"partner-0": Decimal("8.75"), "partner-1": Decimal("1.25")}
    assert breaches([conversion.pk]) == []


def test_what_is_given_back_to_shares_that_were_set_by_hand_leaves_them_as_they_were_set(conversion):
    """As if it had never been out: there is nothing to confirm."""
    last = records(conversion)[2]
    resolve_knowingly(file(last), Decision(Way.EXCLUDE, last.touchpoint_id))
    dispute, decision = file(records(conversion)[0]), Decision(Way.RESTORE, last.touchpoint_id)
    assert undone(dispute, decision) == [("exclude", ["paid search of 2026-02-28 counts again"], True)]
    resolve(dispute, decision)
    assert net_by_payee(conversion) == {"partner-0": 7, "partner-1": 1, "partner-2": 2}


def test_an_inserted_touch_gets_what_the_model_gives_it_beside_shares_that_were_set_by_hand(conversion):
    """The model gives the last of four touches 40 %."""
    touch = NewTouch("event", NOW - dt.timedelta(hours=5))
    dispute = file(records(conversion)[1])
    resolve_knowingly(dispute, Decision(Way.INSERT, payee=("partner", "partner-1"), touch=touch))
    assert net_by_payee(conversion) == {
        "partner-0": Decimal("4.20"),
        "partner-1": Decimal("4.60"),
        "partner-2": Decimal("1.20"),
    }
    assert [record.position for record in records(conversion)] == [1, 2, 3, 4]


def test_what_nobody_decided_before_needs_no_confirmation(conversion):
    """The touch is not what was decided about, and the one that was keeps its 70 %."""
    _, second, third = records(conversion)
    resolve(file(second), Decision(Way.REASSIGN, second.touchpoint_id, ("partner", "partner-2")))
    resolve(file(third), Decision(Way.REASSIGN, third.touchpoint_id, HOUSE))
    assert net_by_payee(conversion) == {"partner-0": 7, "partner-2": 1, "": 2}


def test_whole_touches_keep_their_size_whoever_gets_them(conversion):
    first = records(conversion)[0]
    dispute = file(first)
    decision = Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1"))
    assert undone(dispute, decision) == []
    resolve(dispute, decision)
    assert net_by_payee(conversion) == {"partner-1": 8, "partner-2": 2}


SECOND = {
    "given on": (lambda r: Decision(Way.REASSIGN, r[0].touchpoint_id, HOUSE), "is shared otherwise"),
    "split": (
        lambda r: Decision(Way.SPLIT, r[0].touchpoint_id, HOUSE, percentage=Decimal(50)),
        "is shared otherwise",
    ),
    "taken out": (lambda r: Decision(Way.EXCLUDE, r[0].touchpoint_id), "counts no more"),
    "left with nothing": (lambda r: by_hand(r[1], 100), "counts no more"),
}


@pytest.mark.parametrize("second", SECOND.values(), ids=SECOND.keys())
@pytest.mark.parametrize("first", ["reassign", "split"])
def test_who_has_a_touch_by_a_decision_loses_it_by_no_other_unsaid(first, second):
    conversion = sold()
    found = records(conversion)
    payee = ("partner", "partner-2")
    percentage = Decimal(25) if first == "split" else None
    resolve(file(found[0]), Decision(first, found[0].touchpoint_id, payee, percentage=percentage))
    decide, told = second
    dispute = file(found[1])
    assert undone(dispute, decide(found)) == [(first, [f"paid search of 2026-02-26 {told}"], False)]
    with pytest.raises(attribution.operations.UndoesDecisions):
        resolve(dispute, decide(found))
    resolve_knowingly(dispute, decide(found))
    asked = Settlement.objects.latest("id").question
    assert asked["undoes"] == [str(Settlement.objects.earliest("id").pk)]


def test_the_division_of_a_touch_stays_when_another_is_taken_out():
    conversion = sold()
    first, _, third = records(conversion)
    resolve(file(first), Decision(Way.SPLIT, first.touchpoint_id, ("partner", "partner-1"), percentage=Decimal(25)))
    resolve(file(third), Decision(Way.EXCLUDE, third.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-0": Decimal("3.75"), "partner-1": Decimal("6.25")}


def test_an_inserted_touch_is_not_taken_out_again_unsaid():
    conversion = sold()
    touch = NewTouch("event", NOW - dt.timedelta(hours=5))
    resolve(file(records(conversion)[0]), Decision(Way.INSERT, payee=("partner", "partner-1"), touch=touch))
    inserted = records(conversion)[3]
    dispute, decision = file(records(conversion)[1]), Decision(Way.EXCLUDE, inserted.touchpoint_id)
    assert undone(dispute, decision) == [("insert", ["event of 2026-03-01 counts no more"], False)]


def test_by_api_a_simulation_tells_what_to_confirm_and_a_resolution_names_it(conversion):
    last = records(conversion)[2]
    dispute = file(last)
    client, url = service(), f"{URL}/{dispute.pk}"
    decision = {"way": "exclude", "touchpointId": str(last.touchpoint_id)}
    [option] = ok(client.post(f"{url}/simulate", {"decision": decision}))["options"]
    [undoes] = option["undoes"]
    earlier = Settlement.objects.get()
    assert (undoes["settlementId"], undoes["disputeId"]) == (str(earlier.pk), str(earlier.dispute_id))
    assert (undoes["way"], undoes["reason"], undoes["toConfirm"]) == ("by_hand", "It is in the log.", True)
    body = RIGHT | {"adjustments": decision}
    for confirmed in ({}, {"confirmUndoing": [str(dispute.pk)]}):
        response = client.put(f"{url}/resolve", body | confirmed)
        assert refusal(response) == (409, {(None, "undoes_decisions")})
    answer = client.post(f"{URL}/resolve", [RIGHT | decision | {"id": str(dispute.pk)}])
    assert "undoes_decisions" in answer.content.decode()
    ok(client.put(f"{url}/resolve", body | {"confirmUndoing": [undoes["settlementId"]]}))
    assert net_by_payee(conversion) == {"partner-0": Decimal("8.75"), "partner-1": Decimal("1.25")}


def test_on_its_page_what_is_undone_is_read_and_ticked(page, conversion):
    last = records(conversion)[2]
    dispute = file(last)
    fields = {"way": "exclude", "touchpoint_id": str(last.touchpoint_id)}
    asked = page.post(at(dispute, "decide/"), fields | {"step": "check"})
    assert "paid search of 2026-02-26: 70.00 % becomes 87.50 %" in text_of(asked)
    assert "Change what was decided before" in text_of(asked)
    sent = fields | {"step": "resolve", "resolution": "Twice.", "digest": digest_in(asked)}
    refused = page.post(at(dispute, "decide/"), sent, **FETCH)
    assert refused.status_code == 422
    assert "Confirm that what was decided before may change." in text_of(refused)
    assert Settlement.objects.count() == 1
    assert resolve_on(page, dispute, fields | {"undoing": "on"}).status_code == 302
    assert Settlement.objects.count() == 2
