"""What a settlement leaves behind holds when other things happen after it, or did before."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

import attribution.operations
from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, HandShare, NewTouch, Way
from conversions.models import Conversion
from disputes import operations
from disputes.actors import Actor
from tests.attribution.worlds import NOW
from tests.disputes.invariants import breaches
from tests.disputes.worlds import approve, claim, file, house, net_by_payee, records, resolve, resolve_knowingly, sold
from tests.factories import PartnerFactory, TouchpointFactory, UserFactory

pytestmark = pytest.mark.django_db


def reject(dispute):
    operations.reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=house())


def reverse(conversion, amount):
    values = {"reason": "refund", "amount": Decimal(amount)}
    attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=None)


def missing(conversion, partner="partner-late"):
    PartnerFactory(id=partner)
    return operations.file_dispute(
        conversion_id=conversion.pk, claim=claim(dispute_type="missing"), by=Actor(payee=("partner", partner))
    )


def inserted(conversion):
    touch = NewTouch("event", NOW - dt.timedelta(hours=5))
    resolve(missing(conversion), Decision(Way.INSERT, payee=("partner", "partner-late"), touch=touch))


def paid_under_linear():
    attribution.operations.create_model_config(
        model="linear", parameters={}, payable=True, effective_from=NOW - dt.timedelta(days=1)
    )


@pytest.mark.parametrize("ends", [lambda d, r: resolve(d, Decision(Way.REASSIGN, r.touchpoint_id, HOUSE)), None])
def test_another_model_cannot_come_to_pay_for_what_was_settled_or_adjusted(ends):
    """Calculation leaves the set alone: it and the other model's could both be approved, and paid twice."""
    conversion = sold()
    first = records(conversion)[0]
    dispute = file(first)
    if ends:
        ends(dispute, first)
    else:
        reverse(conversion, 50)
        reject(dispute)
    assert not AttributionRecord.objects.frozen().exists()
    with pytest.raises(ValidationError) as refused:
        paid_under_linear()
    assert refused.value.error_dict["effective_from"][0].code == "reprices_approved"


def test_what_nobody_decided_may_come_to_be_paid_by_another_model():
    conversion = sold()
    reject(file(records(conversion)[0]))
    paid_under_linear()
    attribution.operations.calculate_and_save(lead_id="lead-1")
    assert {record.payable for record in records(conversion)} == {False}
    assert breaches([conversion.pk]) == []


def test_a_touch_that_was_inserted_counts_when_another_is_excluded():
    """The journey that was kept for the set is older than it."""
    conversion = sold()
    inserted(conversion)
    attribution.operations.calculate_and_save(lead_id="lead-1")
    second = records(conversion)[1]
    resolve(file(second), Decision(Way.EXCLUDE, second.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-0": 4, "partner-2": 2, "partner-late": 4}


def test_a_set_stays_with_the_journey_that_it_was_made_from():
    """A touch that came late counts for nobody in it, neither before the settlement nor in the next one."""
    conversion = sold()
    first, second, _ = records(conversion)
    approve(first, status="paid")
    PartnerFactory(id="partner-new")
    TouchpointFactory(lead_id="lead-1", partner_id="partner-new", timestamp=NOW - dt.timedelta(hours=3))
    attribution.operations.calculate_and_save(lead_id="lead-1")
    resolve(file(first), Decision(Way.SPLIT, first.touchpoint_id, ("partner", "partner-1"), percentage=Decimal(50)))
    assert len(records(conversion)) == 4
    resolve(file(second), Decision(Way.EXCLUDE, second.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-0": Decimal("2.5"), "partner-1": Decimal("2.5"), "partner-2": 5}


def test_shares_that_were_set_stay_as_they_are_whatever_is_calculated():
    """Also those that stayed: they are of one set with the others."""
    conversion = sold()
    first = records(conversion)[0]
    shares = [HandShare(first.touchpoint_id, Decimal(70))]
    resolve(file(first), Decision(Way.BY_HAND, shares=shares, spread=True))
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - dt.timedelta(hours=3))
    saved = attribution.operations.calculate_and_save(lead_id="lead-1")
    assert net_by_payee(conversion) == {"partner-0": 7, "partner-1": 1, "partner-2": 2}
    assert not [each for each in saved.disagreements if each["model"] == "position_based"]
    assert breaches([conversion.pk]) == []


def test_shares_of_what_the_conversion_was_are_not_settled():
    """A missing touch freezes nothing, so the conversion may change while it is disputed."""
    conversion = sold()
    dispute = missing(conversion)
    Conversion.objects.filter(pk=conversion.pk).update(value=500)
    decision = Decision(Way.REASSIGN, records(conversion)[0].touchpoint_id, HOUSE)
    with pytest.raises(attribution.operations.SharesOutdated):
        resolve(dispute, decision)
    attribution.operations.calculate_and_save(lead_id="lead-1")
    resolve(dispute, decision)
    assert breaches([conversion.pk]) == []


def test_a_touch_that_was_excluded_stays_out():
    conversion = sold(touches=4)
    _, second, third, _ = records(conversion)
    for record in (second, third):
        resolve(file(record), Decision(Way.EXCLUDE, record.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-0": 5, "partner-3": 5}


def test_a_record_that_is_made_in_the_hold_is_in_it_too():
    conversion = sold()
    made = records(conversion)
    AttributionRecord.objects.filter(conversion_id=conversion.pk).delete()
    for record in made:
        record.status = "pending"
        record.save(force_insert=True)
    inserted(conversion)
    assert {record.status for record in records(conversion)} == {"pending"}
    assert len(records(conversion)) == 4


def test_who_came_to_a_share_after_the_filing_and_loses_it_is_told_and_may_appeal():
    conversion = sold()
    PartnerFactory(id="partner-new")
    first, second, _ = records(conversion)
    one, other = file(first), file(second)
    resolve(one, Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-new")))
    assert not one.parties.filter(payee_id="partner-new").exists()
    resolve_knowingly(other, Decision(Way.EXCLUDE, first.touchpoint_id))
    party = other.parties.get(payee_id="partner-new")
    assert party.role == "respondent"
    appeal = operations.appeal_dispute(
        dispute_id=other.pk, reason="It was ours.", by=Actor(payee=("partner", "partner-new"))
    )
    assert appeal.claimant == ("partner", "partner-new")


def test_what_is_claimed_is_a_part_of_what_is_left():
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    reverse(conversion, 50)
    dispute = file(first, expected_amount=Decimal("3.00"))
    [claimed] = [each for each in operations.simulate(dispute_id=dispute.pk) if "what is claimed" in each.label]
    assert claimed.plan.by_payee()["partner", "partner-0"]["commission"] == Decimal("3.00")


def test_a_settled_share_goes_to_another_by_a_dispute_alone():
    conversion = sold()
    first = records(conversion)[0]
    resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, HOUSE))
    with pytest.raises(attribution.operations.NotAllowedNow, match="settled"):
        attribution.operations.change_record(
            record_id=first.pk, payee_type="partner", payee_id="partner-1", reason="known", by=UserFactory()
        )


def test_an_adjusted_record_goes_to_another_by_a_dispute_alone():
    conversion = sold()
    first = records(conversion)[0]
    dispute = file(first)
    reverse(conversion, 50)
    reject(dispute)
    with pytest.raises(attribution.operations.NotAllowedNow, match="adjusted"):
        attribution.operations.change_record(
            record_id=first.pk, payee_type="house", payee_id="", reason="known", by=UserFactory()
        )
    approve(first)


@pytest.mark.parametrize(
    "doing",
    [
        lambda pk, by: operations.ask_information(dispute_id=pk, question="Who?", by=by),
        lambda pk, by: operations.add_note(dispute_id=pk, body="Hm.", by=by),
        lambda pk, by: operations.assign_dispute(dispute_id=pk, to=house().user, by=by),
        lambda pk, by: operations.reject_dispute(dispute_id=pk, rejection="other", resolution="No.", by=by),
        lambda pk, by: operations.resolve_dispute(dispute_id=pk, resolution="Yes.", by=by),
    ],
)
def test_a_party_does_nothing_that_is_the_houses(doing):
    dispute = file(records(sold())[0])
    with pytest.raises(operations.NotYoursToDo):
        doing(dispute.pk, Actor(payee=dispute.claimant))


def test_an_appeal_is_about_the_share_that_is_worth_most_with_its_adjustments():
    conversion = sold()
    first, second, third = records(conversion)
    approve(first, status="paid")
    # Its paid record is worth nothing any more; a part of the last touch is.
    resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-2")))
    resolve(file(second), Decision(Way.SPLIT, third.touchpoint_id, ("partner", "partner-0"), percentage=Decimal(10)))
    shares = [HandShare(second.touchpoint_id, Decimal(50))]
    dispute = resolve(file(second), Decision(Way.BY_HAND, shares=shares, spread=True))
    appeal = operations.appeal_dispute(dispute_id=dispute.pk, reason="Ours.", by=Actor(payee=("partner", "partner-0")))
    assert AttributionRecord.objects.get(pk=appeal.record_id).touchpoint_id == third.touchpoint_id
    assert appeal.at_stake > 0
