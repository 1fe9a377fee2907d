import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from payouts import operations
from payouts.models import Entry, GroupMembership, Terms
from payouts.terms.trying import try_terms
from tests.factories import PartnerFactory
from tests.payouts.agreements import agree, approve, sell
from tests.payouts.books import finance

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 5, 1)


@pytest.fixture(autouse=True)
def partner():
    return PartnerFactory(pk="partner-1")


def add(**values):
    values = {"payee_type": "partner", "payee_id": "partner-1", "currency": "USD", "starts_on": TODAY} | values
    return operations.add_terms(values=values, by=finance())


def test_new_terms_end_those_before_them():
    first = add()
    second = add(starts_on=TODAY + dt.timedelta(days=30), rate=Decimal(40))
    first.refresh_from_db()
    assert first.ends_on == TODAY + dt.timedelta(days=29)
    assert second.ends_on is None


def test_terms_of_other_scopes_and_currencies_stand_beside_each_other():
    add()
    add(currency="EUR")
    add(payee_type=None, payee_id=None)
    assert Terms.objects.filter(ends_on=None).count() == 3


TIERS = [{"from": "0", "to": "100", "rate": "10"}, {"from": "100", "rate": "20"}]


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"rate": Decimal("100.01")}, "rate", "0 to 100"),
        ({"rate": Decimal(-1)}, "rate", "0 to 100"),
        ({"cap_day": Decimal("-0.01")}, "cap_day", "zero or more"),
        ({"minimum_payout": Decimal(-5)}, "minimum_payout", "zero or more"),
        ({"cap_month": Decimal("10.50"), "currency": "JPY"}, "cap_month", "whole units of JPY"),
        ({"cap_month": Decimal(10), "currency": None}, "currency", "name it"),
        ({"currency": "XXQ"}, "currency", "XXQ"),
        ({"currency": "KWD"}, "currency", "3 decimals"),
        ({"flats": {"sale": "-1"}}, "flats", "zero or more"),
        ({"flats": {"gift": "1"}}, "flats", "not a type"),
        ({"tiers": [TIERS[0], {"from": "200", "rate": "20"}]}, "tiers", "hole"),
        ({"tiers": [TIERS[0], {"from": "50", "rate": "20"}]}, "tiers", "overlap"),
        ({"tiers": [{"from": "10", "rate": "20"}]}, "tiers", "starts at 0"),
        ({"tiers": [TIERS[0]]}, "tiers", "no tier from 100"),
        ({"ends_on": TODAY - dt.timedelta(days=1)}, "ends_on", "before"),
        ({"payee_id": "partner-none"}, "payee_id", "no partner partner-none"),
        ({"payee_type": "house"}, "payee_type", "not partner or broker"),
        ({"hold_days": 4000}, "hold_days", "3650"),
        ({"earn_out_months": 0}, "earn_out_months", "1 to 120"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(values, field, says):
    with pytest.raises(ValidationError) as refusal:
        add(**values)
    assert set(refusal.value.message_dict) == {field}
    assert says in refusal.value.message_dict[field][0]
    assert not Terms.objects.exists()


def test_terms_that_overlap_are_named():
    add(ends_on=TODAY + dt.timedelta(days=30))
    with pytest.raises(ValidationError, match="partner partner-1 from 2026-05-01 until 2026-05-31"):
        add(starts_on=TODAY + dt.timedelta(days=30))
    assert Terms.objects.count() == 1


def test_the_database_refuses_overlap_whoever_writes():
    add(ends_on=TODAY)
    with pytest.raises(IntegrityError, match="overlap"), transaction.atomic():
        agree("partner-1", starts_on=TODAY)


def test_0_and_100_percent_are_rates():
    assert add(rate=Decimal(0)).rate == 0
    assert add(rate=Decimal(100), starts_on=TODAY + dt.timedelta(days=1)).rate == 100


class TestUsed:
    @pytest.fixture
    def used(self):
        terms = agree("partner-1", rate=Decimal(50))
        approve(sell("100.00", days_ago=10))
        operations.book()
        return terms

    def test_they_never_change(self, used):
        with pytest.raises(IntegrityError, match="were used"), transaction.atomic():
            Terms.objects.filter(pk=used.pk).update(rate=Decimal(60))
        with pytest.raises(IntegrityError, match="were used"), transaction.atomic():
            used.delete()

    def test_they_end_no_earlier_than_they_were_used(self, used):
        with pytest.raises(ValidationError, match="were used up to"):
            operations.end_terms(terms_id=used.pk, ends_on=timezone.now().date() - dt.timedelta(days=20), by=finance())
        operations.end_terms(terms_id=used.pk, ends_on=timezone.now().date(), by=finance())

    def test_what_was_earned_keeps_them_when_others_follow(self, used):
        add(starts_on=timezone.now().date(), rate=Decimal(1))
        entry = Entry.objects.get()
        assert (entry.amount, entry.terms_id) == (Decimal("50.00"), used.pk)
        assert entry.working["terms"]["rate"] == "50"


def test_a_payee_is_in_one_group_at_a_time():
    group, other = (operations.add_group(name=name, by=finance()) for name in ("Large", "Small"))
    whom = {"payee_type": "partner", "payee_id": "partner-1", "by": finance()}
    membership = operations.join_group(group_id=group.pk, starts_on=TODAY, **whom)
    with pytest.raises(ValidationError, match="in a group at that time"):
        operations.join_group(group_id=other.pk, starts_on=TODAY, **whom)
    operations.leave_group(membership_id=membership.pk, ends_on=TODAY, by=finance())
    operations.join_group(group_id=other.pk, starts_on=TODAY + dt.timedelta(days=1), **whom)
    assert GroupMembership.objects.count() == 2


def test_a_past_under_other_terms_is_what_it_would_have_earned():
    agree("partner-1", rate=Decimal(50))
    when = timezone.now().replace(day=1, hour=12) - dt.timedelta(days=20)
    approve(*(sell("100.00", occurred_at=when + dt.timedelta(hours=n), lead=f"lead-{n}") for n in range(3)))
    operations.book()
    other = operations.checked_terms({"currency": "USD", "starts_on": TODAY, "tiers": TIERS})
    [month] = try_terms(
        terms=other, payee=("partner", "partner-1"), currency="USD", since=when.date(), until=when.date()
    )
    assert (month.volume, month.earned) == (Decimal("300.00"), Decimal("150.00"))
    assert month.would_earn == Decimal("10.00") + Decimal("20.00") * 2
    assert Entry.objects.count() == 3
