import datetime as dt
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

import attribution.operations
import disputes.operations
from attribution.models import AttributionRecord
from attribution.settling import Decision, Way
from disputes.actors import Actor
from disputes.models import Dispute
from payouts import operations
from payouts.models import Entry, OpenEntry, Proposal, ToBook
from tests.attribution.test_batch import calculate
from tests.disputes import worlds
from tests.factories import PartnerFactory, TouchpointFactory, UserFactory
from tests.payouts import books
from tests.payouts.agreements import agree, agree_in_group, approve, record_of, sell

pytestmark = pytest.mark.django_db


def amounts(**of):
    return list(Entry.objects.filter(**of).order_by("earned_on", "pk").values_list("amount", flat=True))


def booked(*conversions):
    approve(*conversions)
    operations.book()
    return Entry.objects.order_by("pk").last()


def reverse(conversion, **values):
    values = {"reason": "cancellation"} | values
    attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=UserFactory())
    operations.book()


def test_what_is_approved_is_booked_once_with_all_that_a_statement_says_of_it():
    conversion = sell("100.00", policy_number="POL-1")
    entry = booked(conversion)
    record = record_of(conversion)
    assert (entry.amount, entry.share, entry.kind) == (Decimal("100.00"), Decimal("100.00"), "earning")
    assert (entry.record_id, entry.conversion_id, entry.lead_id) == (record.pk, conversion.pk, conversion.lead_id)
    assert entry.working["model"] == record.model
    assert entry.earned_on == conversion.occurred_at.date()
    assert not ToBook.objects.exists()
    assert operations.book() == 0
    assert Entry.objects.count() == 1
    assert books.off() == {}


def test_what_waits_is_not_booked_and_nothing_of_the_house_ever_is():
    sell()
    assert operations.book() == 0
    conversion = sell(lead="lead-of-the-house")
    AttributionRecord.objects.filter(conversion_id=conversion.pk).update(payee_type="house", payee_id="")
    assert booked(conversion) is None


def test_cents_follow_the_terms_of_the_conversions_day():
    agree(rate=Decimal(50), ends_on=timezone.now().date() - dt.timedelta(days=11))
    agree(rate=Decimal(80), starts_on=timezone.now().date() - dt.timedelta(days=10))
    booked(sell("99.99", days_ago=20), sell("100.00", days_ago=2))
    assert amounts() == [Decimal("49.99"), Decimal("80.00")]


def test_the_account_comes_before_the_group_and_the_group_before_all():
    agree(None, rate=Decimal(10))
    agree_in_group("partner-1", "partner-2", rate=Decimal(20))
    agree("partner-1", rate=Decimal(30))
    for number in (1, 2, 3):
        approve(sell("100.00", payee=f"partner-{number}"))
    operations.book()
    assert {entry.payee_id: entry.amount for entry in Entry.objects.all()} == {
        "partner-1": Decimal("30.00"), "partner-2": Decimal("20.00"), "partner-3": Decimal("10.00")
    }  # fmt: skip


def test_tiers_and_caps_go_on_where_the_month_left_off():
    tiers = [{"from": "0", "to": "150", "rate": "10"}, {"from": "150", "rate": "20"}]
    agree(tiers=tiers, cap_month=Decimal("40.00"))
    when = timezone.now().replace(day=1, hour=12) - dt.timedelta(days=20)
    for number in range(4):
        booked(sell("100.00", occurred_at=when + dt.timedelta(hours=number), lead=f"lead-{number}"))
    # 10 % of 100; 10 % of 50 and 20 % of 50; 20 % of 100, of which the cap leaves 15.
    assert amounts() == [Decimal("10.00"), Decimal("15.00"), Decimal("15.00"), Decimal("0.00")]


def test_half_cents_add_up_over_many_small_shares():
    agree(rate=Decimal(50))
    when = timezone.now().replace(day=1, hour=12) - dt.timedelta(days=20)
    sales = [sell("0.01", occurred_at=when + dt.timedelta(hours=n), lead=f"lead-{n}") for n in range(7)]
    booked(*sales)
    assert sum(amounts()) == Decimal("0.03")
    assert sorted(amounts()) == [Decimal("0.00")] * 4 + [Decimal("0.01")] * 3


@pytest.mark.parametrize(("currency", "commission", "earned"), [("JPY", "101", "50"), ("KWD", "100.01", "50.00")])
def test_other_currencies_are_paid_in_units_they_have(currency, commission, earned):
    agree(rate=Decimal(50), currency=currency)
    booked(sell(commission, currency=currency))
    assert amounts() == [Decimal(earned)]


def test_a_renewal_follows_the_terms_that_its_policy_was_sold_under():
    today = timezone.now().date()
    agree(rate=Decimal(50), ends_on=today - dt.timedelta(days=200))
    agree(rate=Decimal(10), starts_on=today - dt.timedelta(days=199), renewals_as_sold=True)
    sold = sell("100.00", days_ago=365, policy_id="pol-9", lead="lead-9")
    renewed = sell("100.00", days_ago=1, lead="lead-9", type="renewal", policy_id="pol-9")
    entry = booked(renewed)
    assert entry.amount == Decimal("50.00")
    assert entry.working["sold_on"] == sold.occurred_at.date().isoformat()


def test_a_reversal_takes_back_by_what_was_earned_to_the_cent():
    agree(rate=Decimal(50))
    conversion = sell("99.99")
    booked(conversion)
    reverse(conversion, amount=Decimal("333.33"))
    reverse(conversion)
    earned, *taken = amounts()
    assert earned == Decimal("49.99")
    assert len(taken) == 2
    assert sum(taken) == -earned
    assert books.off() == {}


def test_a_lapse_takes_back_only_the_months_that_were_not_earned():
    agree(earn_out_months=12)
    conversion = sell("120.00", days_ago=200)
    booked(conversion)
    since = conversion.occurred_at
    reverse(conversion, reason="lapse", occurred_at=since + dt.timedelta(days=95))
    assert amounts() == [Decimal("120.00"), Decimal("-90.00")]
    assert Entry.objects.get(kind="reversal").working["earned_months"] == 3
    assert books.off() == {}


def test_fraud_takes_all_of_it_back():
    agree(earn_out_months=12)
    conversion = sell("120.00", days_ago=200)
    booked(conversion)
    reverse(conversion, reason="fraud")
    assert sum(amounts()) == 0


def test_a_reversal_of_what_is_not_booked_is_booked_with_it():
    conversion = sell("100.00")
    approve(conversion)
    attribution.operations.reverse_conversion(
        conversion_id=conversion.pk, values={"reason": "refund", "amount": Decimal(250)}, by=UserFactory()
    )
    operations.book()
    assert amounts() == [Decimal("100.00"), Decimal("-25.00")]


def test_what_a_dispute_moves_is_booked_for_each_payee():
    conversion = worlds.sold()
    first, second, third = worlds.records(conversion)
    worlds.approve(first, second, third)
    operations.book()
    dispute = worlds.file(second)
    settle(
        dispute, Decision(Way.SPLIT, first.touchpoint_id, (second.payee_type, second.payee_id), percentage=Decimal(50))
    )
    operations.book()
    assert {e.payee_id: e.amount for e in Entry.objects.filter(kind="settlement")} == {"partner-0": Decimal("-2.00")}
    # The half that another payee got is a record of its own, and is approved as any other.
    worlds.approve(*AttributionRecord.objects.filter(payable=True, status="calculated"))
    operations.book()
    assert Entry.objects.filter(payee_id="partner-1").aggregate(sum=Sum("amount"))["sum"] == Decimal("4.00")
    assert sum(amounts()) == Decimal("10.00")
    assert books.off() == {}


def settle(dispute, decision):
    by = worlds.house()
    disputes.operations.assign_dispute(dispute_id=dispute.pk, to=by.user, by=by)
    disputes.operations.resolve_dispute(dispute_id=dispute.pk, decision=decision, resolution="The log shows it.", by=by)


def test_a_record_that_was_disputed_when_its_payout_was_paid_is_paid_once_it_is_given_back():
    conversion = sell("100.00")
    booked(conversion)
    payout = books.approved(books.draft())
    record = record_of(conversion)
    dispute = worlds.file(record)
    operations.mark_paid(payout_id=payout.pk, paid_at=timezone.now(), reference="ref", by=books.finance())
    assert record_of(conversion).status == "disputed"
    disputes.operations.withdraw_dispute(dispute_id=dispute.pk, by=Actor(payee=("partner", "partner-1")))
    operations.book()
    assert Dispute.objects.get().status == "withdrawn"
    assert record_of(conversion).status == "paid"
    assert books.off() == {}


def test_what_is_booked_is_open():
    booked(sell("100.00"))
    assert OpenEntry.objects.get().amount == Decimal("100.00")


@pytest.mark.django_db(transaction=True)
class TestDifferences:
    """Of a late touch, once the record is approved."""

    def late(self, conversion, payee="partner-2"):
        PartnerFactory(pk=payee)
        moment = conversion.occurred_at - dt.timedelta(minutes=1)
        TouchpointFactory(lead_id=conversion.lead_id, partner_id=payee, timestamp=moment)
        self.calculate()

    def calculate(self):
        calculate()
        operations.book()

    def proposed(self, status="proposed"):
        return {each.payee_id: each.amount for each in Proposal.objects.filter(status=status)}

    def test_they_are_proposed_under_the_terms_and_once(self):
        agree("partner-1", rate=Decimal(80))
        conversion = sell("100.00")
        booked(conversion)
        self.late(conversion)
        assert self.proposed() == {"partner-1": Decimal("-40.00"), "partner-2": Decimal("50.00")}
        self.calculate()
        assert Proposal.objects.count() == 2

    def test_what_was_accepted_is_not_proposed_again_and_what_changed_is_superseded(self):
        conversion = sell("100.00")
        booked(conversion)
        self.late(conversion)
        given = Proposal.objects.get(payee_id="partner-2")
        operations.accept_proposal(proposal_id=given.pk, by=books.finance())
        self.late(conversion, "partner-3")
        assert self.proposed()["partner-3"] == Decimal("40.00")
        assert self.proposed()["partner-2"] == Decimal("20.00") - Decimal("50.00")
        assert self.proposed("superseded") == {"partner-1": Decimal("-50.00")}
        assert books.off() == {}
