"""What a simulation tells beside the disputed shares: the lead's other conversions, and what is paid already."""

import datetime as dt
from decimal import Decimal

import pytest

import attribution.operations
from attribution.models import AttributionRecord, Finding
from attribution.settling import HOUSE, Decision, NewTouch, Way
from disputes import operations
from disputes.actors import Actor
from tests.attribution.worlds import NOW
from tests.disputes.doors import URL, ok, service
from tests.disputes.invariants import breaches
from tests.disputes.pages import FETCH, at, text_of
from tests.disputes.worlds import approve, claim, file, net_by_payee, records, resolve, sold
from tests.factories import ConversionFactory, PartnerFactory

pytestmark = pytest.mark.django_db
LATER = NOW + dt.timedelta(days=10)
TOUCH = NewTouch("event", NOW - dt.timedelta(hours=5))


@pytest.fixture
def conversion():
    PartnerFactory(id="partner-late")
    return sold()


def renewed(commission="20.00", **values):
    """Of the same lead: the same three touches, by position 8, 4 and 8."""
    made = ConversionFactory(
        lead_id="lead-1",
        value=Decimal("200.00"),
        commission_rate=None,
        commission_amount=Decimal(commission),
        occurred_at=LATER,
        **values,
    )
    attribution.operations.calculate_and_save(lead_id="lead-1")
    return made


def missing(conversion, by=("partner", "partner-late")):
    return operations.file_dispute(conversion_id=conversion.pk, claim=claim(dispute_type="missing"), by=Actor(payee=by))


def inserting(payee=("partner", "partner-late")):
    return Decision(Way.INSERT, payee=payee, touch=TOUCH)


def others(dispute, decision):
    [option] = operations.simulate(dispute_id=dispute.pk, decision=decision)
    return [
        (
            each.conversion.pk,
            each.outcome,
            {payee: amounts[2:] for (_, payee), amounts in each.by_payee().items()},
        )
        for each in option.plan.others
    ]


ANEW = {"partner-0": (8, 8), "partner-1": (4, 2), "partner-2": (8, 2), "partner-late": (0, 8)}


def calculate_late():
    """What beat and worker do after a touch came late."""
    for run in attribution.operations.calculate_late_touches():
        for shard in run.shards.all():
            assert attribution.operations.calculate_shard(shard.pk)


@pytest.mark.django_db(transaction=True)
def test_another_conversion_that_the_inserted_touch_counts_for_is_shown_and_calculated_so(conversion):
    other = renewed()
    dispute = missing(conversion)
    assert others(dispute, inserting()) == [(other.pk, "calculated", ANEW)]
    assert net_by_payee(other) == {"partner-0": 8, "partner-1": 4, "partner-2": 8}
    resolve(dispute, inserting())
    calculate_late()
    assert net_by_payee(other) == {payee: after for payee, (_, after) in ANEW.items()}
    assert net_by_payee(conversion) == {"partner-0": 4, "partner-1": 1, "partner-2": 1, "partner-late": 4}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", ["approved", "paid"])
def test_of_another_conversion_with_decided_records_the_difference_is_proposed(conversion, status):
    other = renewed()
    approve(records(other)[2], status=status)
    dispute = missing(conversion)
    assert others(dispute, inserting()) == [(other.pk, "proposed", ANEW)]
    resolve(dispute, inserting())
    calculate_late()
    assert net_by_payee(other) == {"partner-0": 8, "partner-1": 4, "partner-2": 8}
    proposed = Finding.objects.get(conversion_id=other.pk, model="position_based")
    assert {payee: Decimal(sums["commission"]) for payee, sums in proposed.detail["new"].items()} == {
        f"partner:{payee}": after for payee, (_, after) in ANEW.items()
    }


def test_another_conversion_that_a_dispute_settled_stays_as_it_is(conversion):
    other = renewed()
    first = records(other)[0]
    resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, HOUSE))
    same = {"": (8, 8), "partner-1": (4, 4), "partner-2": (8, 8)}
    assert others(missing(conversion), inserting()) == [(other.pk, "stays", same)]


def test_who_was_given_another_conversions_touch_by_hand_keeps_it_there(conversion):
    other = renewed()
    attribution.operations.change_record(
        record_id=records(other)[0].pk, payee_type="house", payee_id="", reason="known", by=None
    )
    [(_, _, payees)] = others(missing(conversion), inserting())
    assert payees[""] == (8, 8)


@pytest.mark.parametrize("occurred_at", [NOW - dt.timedelta(days=2), NOW + dt.timedelta(days=100)])
def test_conversions_before_the_touch_or_beyond_their_lookback_are_none_of_its(conversion, occurred_at):
    ConversionFactory(lead_id="lead-1", occurred_at=occurred_at)
    attribution.operations.calculate_and_save(lead_id="lead-1")
    assert others(missing(conversion), inserting()) == []


def test_other_conversions_are_told_by_api_and_on_the_page(conversion, page):
    other = renewed()
    dispute = missing(conversion)
    decision = {
        "way": "insert",
        "payeeType": "partner",
        "payeeId": "partner-late",
        "touch": {"channel": "event", "timestamp": TOUCH.timestamp.isoformat()},
    }
    [option] = ok(service().post(f"{URL}/{dispute.pk}/simulate", {"decision": decision}))["options"]
    [told] = option["otherConversions"]
    assert (told["conversionId"], told["outcome"], told["currency"]) == (str(other.pk), "calculated", "USD")
    assert {each["payeeId"]: (each["commissionBefore"], each["commissionAfter"]) for each in told["payees"]} == ANEW
    fields = {"way": "insert", "payee_id": "partner:partner-late", "channel": "event"}
    fields["timestamp"] = f"{TOUCH.timestamp:%Y-%m-%dT%H:%M}"
    asked = text_of(page.post(at(dispute, "decide/"), fields | {"step": "check"}, **FETCH))
    assert "is calculated anew: partner-1 4.00 → 2.00; partner-2 8.00 → 2.00; partner-late 0.00 → 8.00" in asked


def paid(dispute, decision):
    [option] = operations.simulate(dispute_id=dispute.pk, decision=decision)
    sums = {pk: of["paid"] for (_, pk), of in option.plan.by_payee().items() if "paid" in of}
    [told] = ok(service().get(f"{URL}/{dispute.pk}/simulate"))["options"][:1]
    by_api = {each["payeeId"]: Decimal(str(each["paid"])) for each in told["payees"] if each["paid"]}
    assert {pk: amount for pk, amount in sums.items() if amount} == by_api
    return sums


def test_what_is_paid_already_counts_whatever_is_disputed_meanwhile(conversion):
    """By another payee about the same record, and about another record."""
    first, second, third = records(conversion)
    approve(first, third, status="paid")
    dispute = file(first)
    again = operations.file_dispute(
        record_id=first.pk, claimant=("partner", "partner-1"), claim=claim(), by=Actor(user=None)
    )
    file(third)
    decision = Decision(Way.REASSIGN, second.touchpoint_id, HOUSE)
    for each in (dispute, again):
        assert paid(each, decision) == {"partner-0": 4, "partner-2": 4}


def test_what_is_paid_already_is_less_what_was_booked_since(conversion):
    first, second, third = records(conversion)
    approve(first, third, status="paid")
    values = {"reason": "refund", "amount": Decimal(50)}
    attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=None)
    resolve(file(first), Decision(Way.SPLIT, first.touchpoint_id, ("partner", "partner-1"), percentage=Decimal(25)))
    dispute = file(third)
    file(first)
    assert paid(dispute, Decision(Way.REASSIGN, second.touchpoint_id, HOUSE)) == {
        "partner-0": Decimal("1.50"),
        "partner-2": 2,
    }


def test_a_share_of_a_conversion_without_records_is_in_its_hold_at_first():
    PartnerFactory(id="partner-late")
    conversion = sold(touches=0)
    resolve(missing(conversion), inserting())
    [record] = records(conversion)
    assert (record.status, record.commission_amount) == ("pending", 10)
    with pytest.raises(attribution.operations.NotAllowedNow):
        attribution.operations.change_record(record_id=record.pk, status="approved", reason="quick", by=None)
    attribution.operations.calculate_and_save(lead_id="lead-1")
    assert AttributionRecord.objects.get(pk=record.pk).status == "pending"
    assert breaches([conversion.pk]) == []
    for status in ("calculated", "approved"):
        attribution.operations.change_record(record_id=record.pk, status=status, reason="its hold ended", by=None)
