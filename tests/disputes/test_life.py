"""A dispute from filing to its end, by its operations."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone

import attribution.operations
from attribution.models import Adjustment, AttributionRecord, Settlement
from attribution.settling import HOUSE, Decision, HandShare, NewTouch, Way
from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from partners.models import Partner, uuid7
from partners.operations import create_key
from tests.attribution.worlds import NOW
from tests.disputes.worlds import approve, claim, decider, file, house, net_by_payee, records, sold
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def money(*amounts):
    return [Decimal(each) for each in amounts]


def resolve(dispute, decision=None, by=None, confirmed=()):
    return operations.resolve_dispute(
        dispute_id=dispute.pk,
        resolution="The broker's log shows it.",
        decision=decision,
        confirmed=confirmed,
        by=by or house(),
    )


def statuses(conversion):
    return [record.status for record in records(conversion)]


def test_filing_freezes_that_record_alone_and_tells_the_others():
    conversion = sold()
    first, *_ = records(conversion)
    dispute = file(first)
    assert statuses(conversion) == ["disputed", "calculated", "calculated"]
    assert (dispute.at_stake, dispute.record_status_before, dispute.status) == (Decimal("4.00"), "calculated", "open")
    roles = [(party.payee_id, party.role) for party in dispute.parties.all()]
    assert roles == [("partner-0", "claimant"), ("partner-1", "respondent"), ("partner-2", "respondent")]
    kinds = {item.kind for item in dispute.evidence.all()}
    assert kinds == {"journey", "rule", "duplicates", "click_ids", "earlier"}
    assert str(dispute) == f"D-{dispute.number}"


def test_a_record_of_each_status_goes_back_to_where_it_was():
    conversion = sold()
    calculated, approved, paid = records(conversion)
    approve(approved)
    approve(paid, status="paid")
    disputes = [file(record) for record in (calculated, approved, paid)]
    assert statuses(conversion) == ["disputed"] * 3
    operations.reject_dispute(
        dispute_id=disputes[0].pk, rejection="record_is_right", resolution="It is right.", by=house()
    )
    operations.withdraw_dispute(dispute_id=disputes[1].pk, by=Actor(payee=("partner", "partner-1")))
    resolve(disputes[2])
    assert statuses(conversion) == ["calculated", "approved", "paid"]


def test_reassigning_what_nobody_approved_makes_a_new_version_of_the_record():
    conversion = sold()
    first = records(conversion)[0]
    PartnerFactory(id="partner-new")
    dispute = resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-new")))
    assert net_by_payee(conversion) == {"partner-new": 4, "partner-1": 2, "partner-2": 4}
    now = AttributionRecord.objects.get(pk=first.pk)
    assert (now.payee_id, now.partner_id, now.status, now.settlement_id) == (
        "partner-new",
        "partner-new",
        "calculated",
        dispute.settlement_id,
    )
    assert not Adjustment.objects.exists()
    hows = [(line.payee_id, line.how, line.commission_change) for line in dispute.settlement.lines.all()]
    assert hows == [
        ("partner-0", "version", Decimal("-4.00")),
        ("partner-new", "version", Decimal("4.00")),
        ("partner-1", "same", 0),
        ("partner-2", "same", 0),
    ]


def test_reassigning_what_is_paid_takes_it_back_by_an_adjustment_and_gives_it_by_a_record_to_approve():
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    PartnerFactory(id="partner-new")
    resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-new")))
    assert net_by_payee(conversion) == {"partner-new": 4, "partner-1": 2, "partner-2": 4}
    [booked] = Adjustment.objects.all()
    assert (booked.payee_id, booked.commission_amount, booked.credit) == (
        "partner-0",
        Decimal("-4.00"),
        Decimal("-0.4"),
    )
    paid, given = records(conversion)[:2]
    assert (paid.pk, paid.status, paid.commission_amount) == (first.pk, "paid", Decimal("4.00"))
    assert (given.part, given.status, given.payee_id, given.commission_amount) == (
        1,
        "calculated",
        "partner-new",
        Decimal("4.00"),
    )
    approve(given)


def test_splitting_gives_a_part_to_each():
    conversion = sold("100.01", "10.01")
    first = records(conversion)[0]
    dispute = file(first)
    resolve(dispute, Decision(Way.SPLIT, first.touchpoint_id, ("partner", "partner-1"), percentage=Decimal("25")))
    found = [(r.payee_id, r.credit, r.revenue_attributed, r.commission_amount) for r in records(conversion)]
    assert [each[0] for each in found] == ["partner-0", "partner-1", "partner-1", "partner-2"]
    assert [each[1] for each in found] == money("0.3", "0.1", "0.2", "0.4")
    assert sum(each[2] for each in found) == Decimal("100.01")
    assert sum(each[3] for each in found) == Decimal("10.01")


def test_excluding_a_touch_credits_the_others_by_the_rule():
    conversion = sold()
    first = records(conversion)[0]
    resolve(file(first), Decision(Way.EXCLUDE, first.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-1": 5, "partner-2": 5}
    assert [(r.position, r.journey_length) for r in records(conversion)] == [(1, 2), (2, 2)]


def test_the_only_touch_cannot_be_excluded():
    conversion = sold(touches=1)
    [only] = records(conversion)
    dispute = file(only)
    with pytest.raises(attribution.operations.OnlyTouch):
        resolve(dispute, Decision(Way.EXCLUDE, only.touchpoint_id))
    assert statuses(conversion) == ["disputed"]
    assert Dispute.objects.get().status == "open"


def test_a_missing_touch_is_inserted_and_everybody_is_credited_anew():
    conversion = sold()
    PartnerFactory(id="partner-late")
    dispute = operations.file_dispute(
        conversion_id=conversion.pk,
        claim=claim(dispute_type="missing"),
        by=Actor(payee=("partner", "partner-late")),
    )
    touch = NewTouch("partner_referral", NOW - dt.timedelta(hours=5))
    resolve(dispute, Decision(Way.INSERT, payee=("partner", "partner-late"), touch=touch))
    assert net_by_payee(conversion) == {"partner-0": 4, "partner-1": 1, "partner-2": 1, "partner-late": 4}
    inserted = records(conversion)[-1]
    assert inserted.touched_at == touch.timestamp
    # The other models know the touch from now on, too, as soon as they are calculated.
    attribution.operations.calculate_and_save(lead_id="lead-1")
    assert len(records(conversion, "linear")) == 4


def test_a_missing_touch_of_a_conversion_that_nobody_was_credited_for():
    conversion = sold(touches=0)
    PartnerFactory(id="partner-late")
    dispute = operations.file_dispute(
        conversion_id=conversion.pk, claim=claim(dispute_type="missing"), by=Actor(payee=("partner", "partner-late"))
    )
    touch = NewTouch("event", NOW - dt.timedelta(days=2))
    resolve(dispute, Decision(Way.INSERT, payee=("partner", "partner-late"), touch=touch))
    assert net_by_payee(conversion) == {"partner-late": 10}


def test_shares_set_by_hand_add_up_or_are_refused():
    conversion = sold()
    first, *_ = records(conversion)
    dispute = file(first)
    with pytest.raises(ValidationError, match="10 % more than 100"):
        resolve(dispute, Decision(Way.BY_HAND, shares=[HandShare(first.touchpoint_id, Decimal(50))]))
    with pytest.raises(ValidationError) as refused:
        resolve(dispute, Decision(Way.BY_HAND, shares=[HandShare(first.touchpoint_id, Decimal(101))]))
    assert "exceeds_conversion" in str(refused.value.error_dict["shares.0.percentage"][0].code)
    resolve(dispute, Decision(Way.BY_HAND, shares=[HandShare(first.touchpoint_id, Decimal(70))], spread=True))
    assert net_by_payee(conversion) == {"partner-0": 7, "partner-1": 1, "partner-2": 2}


def test_an_approved_neighbour_keeps_its_record_and_gets_an_adjustment():
    conversion = sold()
    first, second, third = records(conversion)
    approve(third)
    resolve(file(first), Decision(Way.EXCLUDE, second.touchpoint_id))
    assert net_by_payee(conversion) == {"partner-0": 5, "partner-2": 5}
    assert [(a.payee_id, a.commission_amount) for a in Adjustment.objects.all()] == [("partner-2", Decimal("1.00"))]


def test_calculating_again_leaves_what_was_settled_alone_and_proposes_nothing():
    conversion = sold()
    first = records(conversion)[0]
    resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, HOUSE))
    before = [(r.pk, r.payee_type, r.credit) for r in records(conversion)]
    saved = attribution.operations.calculate_and_save(lead_id="lead-1")
    assert [(r.pk, r.payee_type, r.credit) for r in records(conversion)] == before
    assert not saved.disagreements
    assert attribution.operations.verify_records().records_differing == 0


def test_a_reversal_after_a_settlement_takes_from_each_what_it_has_then():
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")))
    attribution.operations.reverse_conversion(
        conversion_id=conversion.pk, values={"reason": "refund", "amount": Decimal("50.00")}, by=None
    )
    assert net_by_payee(conversion) == {"partner-1": 3, "partner-2": 2}


def test_simulating_tells_to_the_cent_what_each_option_would_do_and_writes_nothing():
    conversion = sold()
    first = records(conversion)[0]
    approve(first, status="paid")
    dispute = file(first, expected_amount=Decimal("6.00"))
    before = [(r.pk, r.status, r.commission_amount) for r in records(conversion)]
    options = operations.simulate(dispute_id=dispute.pk)
    by_label = {option.label: option.plan.by_payee() for option in options}
    claimed = by_label["Set the share to what is claimed, 6.00 USD"]
    assert {payee[1]: each["commission"] for payee, each in claimed.items()} == {
        "partner-0": Decimal("6.00"),
        "partner-1": Decimal("1.33"),
        "partner-2": Decimal("2.67"),
    }
    assert claimed["partner", "partner-0"]["adjusted"] == Decimal("2.00")
    assert [(r.pk, r.status, r.commission_amount) for r in records(conversion)] == before
    assert not Settlement.objects.exists()


def test_who_filed_for_a_partner_does_not_decide():
    conversion = sold()
    first = records(conversion)[0]
    person = decider()
    dispute = operations.file_dispute(record_id=first.pk, claim=claim(), by=Actor(user=person))
    with pytest.raises(operations.OwnDispute):
        resolve(dispute, by=Actor(user=person))


def test_an_appeal_goes_to_another_person_and_freezes_again():
    conversion = sold()
    first = records(conversion)[0]
    person = decider()
    dispute = file(first)
    operations.reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=Actor(user=person))
    appeal = operations.appeal_dispute(
        dispute_id=dispute.pk, reason="Look again.", by=Actor(payee=("partner", "partner-0"))
    )
    assert statuses(conversion)[0] == "disputed"
    with pytest.raises(operations.AppealToAnother):
        resolve(appeal, by=Actor(user=person))
    with pytest.raises(operations.AlreadyDisputed):
        operations.appeal_dispute(dispute_id=dispute.pk, reason="Again.", by=Actor(payee=("partner", "partner-0")))
    resolve(appeal)
    assert statuses(conversion)[0] == "calculated"


def decided_in_sql(dispute, *, person=None, key=None):
    """As a program would that knows no rule."""
    with transaction.atomic():
        Dispute.objects.filter(pk=dispute.pk).update(status="under_review")
        Dispute.objects.filter(pk=dispute.pk).update(
            status="resolved", closed_at=timezone.now(), resolution="So.", resolved_by=person, resolved_by_key_id=key
        )


def test_the_database_lets_no_person_and_no_key_decide_what_they_filed():
    first, second, _ = records(sold())
    person, (key, _), (other_key, _) = decider(), *(create_key(name=n, scopes=["disputes:write"]) for n in "ab")
    by_person = operations.file_dispute(record_id=first.pk, claim=claim(), by=Actor(user=person))
    by_key = operations.file_dispute(record_id=second.pk, claim=claim(), by=Actor(key_id=key.pk))
    for dispute, hand in (
        (by_person, {"person": person}),
        (by_person, {"person": person, "key": other_key.pk}),
        (by_key, {"key": key.pk}),
        (by_key, {"person": decider(), "key": key.pk}),
    ):
        with pytest.raises(DatabaseError, match="dispute_decided_by_another_than_filed"):
            decided_in_sql(dispute, **hand)
    decided_in_sql(by_key, person=decider(), key=other_key.pk)


def test_the_database_lets_no_hand_in_a_decision_decide_its_appeal():
    first = records(sold())[0]
    person, (key, _) = decider(), create_key(name="program", scopes=["disputes:write"])
    dispute = operations.file_dispute(record_id=first.pk, claim=claim(), by=Actor(user=person))
    operations.reject_dispute(dispute_id=dispute.pk, rejection="other", resolution="No.", by=Actor(key_id=key.pk))
    appeal = appealed(dispute)
    for hand in ({"person": person}, {"key": key.pk}, {"person": decider(), "key": key.pk}):
        with pytest.raises(DatabaseError, match="decided by somebody else"):
            decided_in_sql(appeal, **hand)


def rejected(dispute):
    return operations.reject_dispute(
        dispute_id=dispute.pk, rejection="not_proven", resolution="It is not shown.", by=house()
    )


def appealed(dispute, payee="partner-0", reason="Look again."):
    return operations.appeal_dispute(dispute_id=dispute.pk, reason=reason, by=Actor(payee=("partner", payee)))


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_so_many_appeals_follow_one_another_and_the_last_decision_is_final(settings, levels):
    settings.DISPUTE_APPEAL_LEVELS = levels
    conversion = sold()
    last = rejected(file(records(conversion)[0]))
    for _ in range(levels):
        last = rejected(appealed(last))
    with pytest.raises(operations.AppealFinal, match=f"{last} is final. .* say so in its messages"):
        appealed(last)
    assert statuses(conversion)[0] == "calculated"
    operations.post_message(dispute_id=last.pk, body="There is a new log.", by=Actor(payee=last.claimant))


def test_an_appeal_does_not_freeze_what_was_given_to_another():
    conversion = sold()
    first = records(conversion)[0]
    given = resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")))
    appeal = appealed(given)
    assert (appeal.record_id, appeal.record_status_before) == (first.pk, "")
    assert statuses(conversion)[0] == "calculated"
    approve(AttributionRecord.objects.get(pk=first.pk))
    # It is still about that record: won, the money comes back, by what is right for an approved one.
    back = Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-0"))
    resolve(appeal, back, confirmed=[given.settlement_id])
    assert net_by_payee(conversion) == {"partner-0": 4, "partner-1": 2, "partner-2": 4}
    assert statuses(conversion)[0] == "approved"


@pytest.mark.parametrize("ends_first", ["appeal", "other"])
def test_an_appeal_that_froze_nothing_neither_holds_nor_releases_a_record(ends_first):
    conversion = sold()
    first = records(conversion)[0]
    given = resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")))
    appeal = appealed(given)
    other = file(AttributionRecord.objects.get(pk=first.pk))
    [before] = [option for option in operations.simulate(dispute_id=other.pk) if option.label == "Exclude the touch"]
    assert not any(each.get("adjusted") for each in before.plan.by_payee().values())
    rejected(appeal if ends_first == "appeal" else other)
    assert statuses(conversion)[0] == ("disputed" if ends_first == "appeal" else "calculated")


def test_a_loser_may_answer_and_appeal():
    conversion = sold()
    first, second, _ = records(conversion)
    dispute = resolve(file(first), Decision(Way.REASSIGN, second.touchpoint_id, ("partner", "partner-0")))
    loser = Actor(payee=("partner", "partner-1"))
    operations.post_message(dispute_id=dispute.pk, body="That was our call.", by=loser)
    appeal = operations.appeal_dispute(dispute_id=dispute.pk, reason="It was our call.", by=loser)
    assert appeal.claimant == ("partner", "partner-1")


def test_an_inactive_payee_gets_nothing():
    conversion = sold()
    first = records(conversion)[0]
    Partner.objects.filter(pk="partner-1").update(status="suspended")
    dispute = file(first)
    with pytest.raises(ValidationError) as refused:
        resolve(dispute, Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")))
    assert refused.value.error_dict["payee_id"][0].code == "inactive_payee"


def test_the_database_refuses_a_settlement_that_does_not_balance():
    conversion = sold()
    first = records(conversion)[0]
    dispute = resolve(file(first), Decision(Way.REASSIGN, first.touchpoint_id, HOUSE))
    settlement = Settlement.objects.get(pk=dispute.settlement_id)
    AttributionRecord.objects.filter(pk=first.pk).update(commission_amount=5)
    settlement.pk, settlement.dispute_id = uuid7(), uuid7()
    with pytest.raises(DatabaseError, match="must leave the conversion"):
        settlement.save(force_insert=True)


def test_a_closed_dispute_and_its_facts_cannot_be_changed_by_sql():
    conversion = sold()
    dispute = file(records(conversion)[0])
    with pytest.raises(DatabaseError, match="cannot change"), transaction.atomic():
        Dispute.objects.filter(pk=dispute.pk).update(at_stake=1)
    resolve(dispute)
    with pytest.raises(DatabaseError, match="cannot change"), transaction.atomic():
        Dispute.objects.filter(pk=dispute.pk).update(resolution="Something else")
    with pytest.raises(DatabaseError), transaction.atomic():
        Dispute.objects.filter(pk=dispute.pk).delete()
