"""A conversion is taken back: undecided records are rewritten, decided ones get adjustments beside them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from attribution import operations
from attribution.models import Adjustment, AttributionRecord
from conversions.operations import MoreThanIsLeft, change_conversion
from tests.attribution.worlds import NOW, stored
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def sold(value="100.01", commission="10.01", currency="USD", touches=3):
    """A conversion after touches of three partners, calculated under two models; position_based pays."""
    conversion = ConversionFactory(
        lead_id="lead-1",
        value=Decimal(value),
        commission_rate=None,
        commission_amount=Decimal(commission),
        currency=currency,
        occurred_at=NOW,
    )
    for number in range(touches):
        PartnerFactory(id=f"partner-of-{number}")
        TouchpointFactory(
            lead_id="lead-1", partner_id=f"partner-of-{number}", timestamp=NOW - dt.timedelta(days=9 - number)
        )
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based", "linear"])
    return conversion


def reverse(conversion, amount=None, **values):
    amount = None if amount is None else Decimal(amount)
    values = {"reason": "cancellation", "amount": amount} | values
    return operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=None)


def records(model="position_based"):
    return list(AttributionRecord.objects.filter(model=model).order_by("position"))


def approve(*positions):
    for record in records():
        if record.position in positions:
            operations.change_record(record_id=record.pk, status="approved", reason="checked", by=UserFactory())


def revenues(model="position_based"):
    return [record.revenue_attributed for record in records(model)]


def adjustments():
    """(position, revenue, commission) of each, in the order they were booked in."""
    position = {record.pk: record.position for record in records()}
    return [
        (position[each.record_id], each.revenue_amount, each.commission_amount)
        for each in Adjustment.objects.order_by("pk")
    ]


def money(*amounts):
    return [Decimal(each) for each in amounts]


def test_undecided_records_share_what_is_left_to_the_cent_under_every_model():
    conversion = sold()
    reversal = reverse(conversion, "50.00")
    assert (reversal.amount, reversal.commission_amount) == (Decimal("50.00"), Decimal("5.00"))
    assert revenues() == money("20.01", "10.00", "20.00")
    assert revenues("linear") == money("16.67", "16.67", "16.67")
    assert [record.commission_amount for record in records()] == money("2.01", "1.00", "2.00")
    assert not Adjustment.objects.exists()


def test_what_a_rewritten_record_had_before_and_why_it_changed_is_in_the_audit_log():
    conversion, by = sold(), UserFactory()
    reversal = operations.reverse_conversion(conversion_id=conversion.pk, values={"reason": "lapse"}, by=by)
    event = records()[0].audit_events.get()
    assert event.revenue_attributed == 0
    told = {"reason": "Reversal: lapse", "reversal": str(reversal.pk), "user": by.pk}
    assert event.pgh_context == told


def test_a_decided_record_stays_and_its_share_of_the_reversal_is_booked_beside_it():
    conversion = sold()
    before = revenues()
    approve(1)
    reverse(conversion, "50.00")
    assert revenues() == [before[0], *money("10.00", "20.00")]
    assert adjustments() == [(1, Decimal("-20.00"), Decimal("-2.00"))]
    booked = Adjustment.objects.get()
    assert (booked.payee_type, booked.payee_id, booked.currency) == ("partner", "partner-of-0", "USD")
    assert booked.conversion_id == conversion.pk


@pytest.mark.parametrize("status", ["approved", "disputed", "paid"])
def test_reversed_in_full_every_decided_record_nets_to_nothing(status):
    conversion = sold()
    AttributionRecord.objects.filter(model="position_based").update(status="approved")
    if status != "approved":
        AttributionRecord.objects.filter(model="position_based").update(status=status)
    reverse(conversion, "0.01")
    reverse(conversion, "33.33")
    reverse(conversion)
    for record in records():
        booked = Adjustment.objects.filter(record_id=record.pk)
        assert record.revenue_attributed + sum(each.revenue_amount for each in booked) == 0
        assert record.commission_amount + sum(each.commission_amount for each in booked) == 0
    conversion.refresh_from_db()
    assert (conversion.remaining_value, conversion.remaining_commission) == (0, 0)
    assert revenues("linear") == [0, 0, 0]


def test_a_record_approved_between_two_reversals_is_adjusted_by_the_second_only():
    conversion = sold()
    reverse(conversion, "50.00")
    approve(3)
    reverse(conversion, "25.00")
    assert adjustments() == [(3, Decimal("-10.00"), Decimal("-1.00"))]
    assert revenues() == money("10.01", "5.00", "20.00")


def test_a_currency_without_cents_is_shared_in_whole_units():
    conversion = sold(value="1001", commission="101", currency="JPY")
    approve(1)
    reversal = reverse(conversion, "500")
    assert reversal.commission_amount == 50
    assert revenues() == money(401, 100, 200)
    assert adjustments() == [(1, Decimal(-200), Decimal(-20))]
    with pytest.raises(ValidationError, match="steps of 1"):
        reverse(conversion, "0.50")


def test_a_calculation_after_a_reversal_changes_nothing_and_finds_nothing_to_tell():
    conversion = sold()
    approve(1)
    reverse(conversion, "33.33")
    before, booked = stored(without=()), adjustments()
    saved = operations.calculate_and_save(lead_id="lead-1", model_names=["position_based", "linear"])
    assert (stored(without=()), adjustments(), saved.disagreements) == (before, booked, [])
    run = operations.start_run(model_names=["position_based", "linear"], queue=False)
    for shard in run.shards.all():
        operations.calculate_shard(shard.pk)
    assert (stored(without=()), adjustments(), run.findings.count()) == (before, booked, 0)


def test_the_records_of_a_reversed_conversion_verify():
    conversion = sold()
    approve(1, 2)
    reverse(conversion, "33.33")
    operations.refresh_daily_credit()
    reverse(conversion, "1.01")
    operations.refresh_daily_credit()
    verification = operations.verify_records()
    assert (verification.records_checked, verification.differences) == (6, [])


def test_sums_by_day_are_noted_as_changed_by_an_adjustment_and_have_it_afterwards():
    conversion = sold()
    approve(1, 2, 3)
    operations.refresh_daily_credit()
    reverse(conversion)
    assert operations.refresh_daily_credit() == 2
    assert operations.daily_credit_differences() == []


def test_a_record_with_adjustments_goes_on_by_adjustments_also_when_its_dispute_gave_it_back():
    conversion = sold()
    approve(1)
    reverse(conversion, "50.00")
    for status in ("disputed", "calculated"):
        AttributionRecord.objects.filter(pk=records()[0].pk).update(status=status)
    before = records()[0]
    operations.calculate_and_save(lead_id="lead-1")
    reverse(conversion, "25.00")
    assert records()[0].revenue_attributed == before.revenue_attributed == Decimal("40.01")
    assert [(position, revenue) for position, revenue, _ in adjustments()] == [
        (1, Decimal("-20.00")),
        (1, Decimal("-10.00")),
    ]
    assert sum(revenues()) + sum(revenue for _, revenue, _ in adjustments()) == Decimal("25.01")


@pytest.mark.parametrize("statement", ["DELETE FROM {t} WHERE id = %s", "UPDATE {t} SET payee_id = 'x' WHERE id = %s"])
def test_the_database_keeps_a_record_that_has_adjustments_whatever_its_status(statement):
    conversion = sold()
    approve(1)
    reverse(conversion, "50.00")
    record = records()[0]
    for status in ("disputed", "calculated"):
        AttributionRecord.objects.filter(pk=record.pk).update(status=status)
    with pytest.raises(DatabaseError, match="with adjustments"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(t="attribution_attributionrecord"), [record.pk])


@pytest.mark.parametrize(
    "statement", ["DELETE FROM attribution_adjustment", "UPDATE attribution_adjustment SET commission_amount = -1"]
)
def test_an_adjustment_is_never_changed(statement):
    conversion = sold()
    approve(1)
    reverse(conversion)
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.parametrize(
    "wrong", [{"payee_id": "other"}, {"currency": "EUR"}, {"conversion_id": "another"}, {"record_id": "another"}]
)
def test_an_adjustment_is_of_a_record_its_payee_and_its_currency(wrong):
    conversion = sold()
    approve(1)
    reversal = reverse(conversion)
    booked = Adjustment.objects.get()
    ids = {name: reversal.pk for name, value in wrong.items() if value == "another"}
    fields = {
        field.attname: getattr(booked, field.attname)
        for field in Adjustment._meta.concrete_fields
        if field.name != "id"
    }
    with pytest.raises(DatabaseError, match="is of a record"), transaction.atomic():
        Adjustment.objects.create(**fields | wrong | ids)


def test_without_records_a_conversion_is_reversed_all_the_same():
    conversion = ConversionFactory(value=Decimal("100.00"), occurred_at=NOW)
    reverse(conversion, "40.00")
    conversion.refresh_from_db()
    assert conversion.remaining_value == Decimal("60.00")
    operations.calculate_and_save(lead_id=conversion.lead_id)


def test_a_calculation_tried_out_is_on_what_is_left():
    conversion = sold()
    reverse(conversion, "50.00")
    calculation = operations.calculate(lead_id="lead-1", model="position_based")
    assert (calculation.conversion_value, calculation.commission_amount) == (Decimal("50.01"), Decimal("5.01"))


def test_records_made_before_the_currency_was_corrected_are_to_be_calculated_first():
    conversion = sold()
    change_conversion(conversion_id=conversion.pk, changes={"currency": "EUR"})
    with pytest.raises(operations.OtherCurrency):
        reverse(conversion)
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based", "linear"])
    reverse(conversion)


def test_records_made_before_the_value_was_corrected_come_out_on_what_is_left():
    conversion = sold()
    change_conversion(conversion_id=conversion.pk, changes={"value": Decimal("50.00")})
    reverse(conversion, "25.00")
    assert sum(revenues()) == Decimal("25.00")
    assert operations.verify_records().differences == []


def test_a_plan_says_to_the_cent_what_reversing_will_do_and_does_nothing():
    conversion = sold()
    approve(1)
    reverse(conversion, "10.00")
    before = stored(without=())
    values = {"reason": "refund", "amount": Decimal("40.00")}
    planned, lines = operations.plan_reversal(conversion_id=conversion.pk, values=values)
    assert stored(without=()) == before
    reversal = reverse(conversion, "40.00")
    assert (reversal.amount, reversal.commission_amount) == (planned.amount, planned.commission_amount)
    shown = {line.record.pk: (line.revenue, line.commission) for line in lines}
    now = {
        record.pk: (
            record.revenue_attributed + sum(a.revenue_amount for a in Adjustment.objects.filter(record_id=record.pk)),
            record.commission_amount + sum(a.commission_amount for a in Adjustment.objects.filter(record_id=record.pk)),
        )
        for record in AttributionRecord.objects.all()
    }
    assert shown == now


def test_more_than_is_left_is_refused_and_nothing_changes():
    conversion = sold()
    reverse(conversion, "60.00")
    before = stored(without=())
    with pytest.raises(MoreThanIsLeft, match=r"^40\.01 USD is left"):
        reverse(conversion, "40.02")
    assert stored(without=()) == before
