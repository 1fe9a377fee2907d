import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

import attribution.operations
from attribution.models import AttributionRecord
from payouts import operations
from payouts.models import ApprovalRule, Entry, Hold
from tests.attribution.test_batch import calculate
from tests.disputes import worlds
from tests.factories import PartnerFactory
from tests.payouts.agreements import agree, approve, record_of, sell
from tests.payouts.books import finance

pytestmark = pytest.mark.django_db


def status_of(conversion):
    return record_of(conversion).status


@pytest.mark.django_db(transaction=True)
def test_a_batch_and_a_single_calculation_hold_the_same_records():
    agree("partner-1", hold_days=30)
    agree(None, hold_days=10)
    young, old = sell(days_ago=20), sell(days_ago=31)
    other = sell(days_ago=20, payee="partner-2")
    as_single = [status_of(each) for each in (young, old, other)]
    assert as_single == ["pending", "calculated", "calculated"]
    AttributionRecord.objects.all().delete()
    calculate()
    assert [status_of(each) for each in (young, old, other)] == as_single


def test_a_hold_ends_to_the_hour_and_only_its_own():
    agree("partner-1", hold_days=30)
    now = timezone.now()
    over = sell(occurred_at=now - dt.timedelta(days=30) + dt.timedelta(seconds=1))
    waits = sell(occurred_at=now - dt.timedelta(days=30) + dt.timedelta(hours=1), lead="lead-2")
    assert [status_of(over), status_of(waits)] == ["pending", "pending"]
    passed = now - dt.timedelta(days=30, minutes=1)
    AttributionRecord.objects.filter(conversion_id=over.pk).update(occurred_at=passed)
    assert operations.end_holds() == 1
    assert [status_of(over), status_of(waits)] == ["calculated", "pending"]
    assert operations.end_holds() == 0


def test_what_is_on_hold_cannot_be_approved():
    agree("partner-1", hold_days=30)
    conversion = sell()
    with pytest.raises(Exception, match=r"(?i)pending"):
        approve(conversion)
    assert status_of(conversion) == "pending"


def test_calculating_again_within_the_hold_changes_nothing():
    agree("partner-1", hold_days=30)
    conversion = sell(lead="lead-1")
    before = record_of(conversion)
    attribution.operations.calculate_and_save(lead_id="lead-1")
    assert record_of(conversion).calculated_at == before.calculated_at


def rule(**values):
    values = {"currency": "USD", "below": Decimal(50), "days_as_payee": 30, "note": "Small ones"} | values
    return operations.add_rule(**values, by=finance())


def long_known(pk="partner-1", **values):
    partner = PartnerFactory(pk=pk, **values)
    type(partner).objects.filter(pk=pk).update(created_at=timezone.now() - dt.timedelta(days=100))
    return partner


def test_a_rule_approves_small_records_of_those_in_good_standing():
    long_known()
    small, large = sell("49.99"), sell("50.00", lead="lead-2")
    rule()
    assert operations.approve_by_rule() == 1
    assert [status_of(small), status_of(large)] == ["approved", "calculated"]
    operations.book()
    assert Entry.objects.get().amount == Decimal("49.99")


@pytest.mark.parametrize("wrong", ["new", "inactive", "on hold", "in dispute", "another currency", "ended"])
def test_others_wait_for_a_person(wrong):
    long_known()
    conversion = sell("10.00")
    made = rule(currency="EUR" if wrong == "another currency" else "USD")
    partners = type(PartnerFactory.build()).objects
    if wrong == "new":
        partners.update(created_at=timezone.now())
    elif wrong == "inactive":
        partners.update(status="suspended")
    elif wrong == "on hold":
        Hold.objects.create(payee_type="partner", payee_id="partner-1", reason="Looks odd", placed_by=finance())
    elif wrong == "in dispute":
        worlds.file(record_of(sell("10.00", lead="lead-2")))
    elif wrong == "ended":
        operations.end_rule(rule_id=made.pk, by=finance())
    assert operations.approve_by_rule() == 0
    assert status_of(conversion) == "calculated"


def test_there_is_one_rule_a_currency_and_it_never_changes():
    made = rule()
    with pytest.raises(operations.RuleInEffect):
        rule(below=Decimal(100))
    operations.end_rule(rule_id=made.pk, by=finance())
    with pytest.raises(operations.RuleEnded):
        operations.end_rule(rule_id=made.pk, by=finance())
    assert ApprovalRule.objects.get().below == Decimal(50)
