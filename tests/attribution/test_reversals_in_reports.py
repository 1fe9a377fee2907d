"""Reports after reversals: everything is net of them, and everything still adds up."""

import datetime as dt
from decimal import Decimal

import pytest

from attribution import operations
from attribution.models import AttributionRecord, ChangedDay
from conversions.models import Conversion
from reports import operations as reports
from tests.attribution.test_reversals import reverse
from tests.attribution.worlds import make_world
from tests.factories import ConversionFactory

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
END = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


def report(start=START, end=END, **asked):
    return reports.answer(reports.ask(**({"start": start, "end": end} | asked)))


@pytest.fixture
def world():
    """Calculated, a part approved, and reversed: each third conversion in full, each other third by half."""
    make_world(30, seed=3, conversions=(1, 2))
    for lead in Conversion.objects.values_list("lead_id", flat=True).distinct():
        operations.calculate_and_save(lead_id=lead)
    for record in AttributionRecord.objects.filter(payable=True, position=1):
        record.status = "approved"
        record.save(update_fields=["status"])
    operations.refresh_daily_credit()
    for number, conversion in enumerate(Conversion.objects.order_by("pk")):
        if number % 3 == 0:
            reverse(conversion)
        elif number % 3 == 1:
            reverse(conversion, (conversion.value / 2).quantize(Decimal("0.01")))


def of_period():
    return Conversion.objects.filter(occurred_at__gte=START, occurred_at__lt=END)


def test_totals_are_what_is_left_and_say_what_was_reversed(world):
    summary = report()["summary"]
    assert summary["total_revenue"] == sum(each.remaining_value for each in of_period())
    assert summary["total_commission"] == sum(each.remaining_commission for each in of_period())
    assert summary["reversed_revenue"] == sum(each.reversed_amount for each in of_period()) > 0
    assert summary["total_conversions"] == of_period().count()


@pytest.mark.parametrize("model", ["position_based", "linear"])
@pytest.mark.parametrize(
    "period", [{}, {"start": START + dt.timedelta(hours=7)}, {"end": END - dt.timedelta(days=1, hours=5)}]
)
def test_attributed_and_unattributed_are_the_total_by_sums_and_by_rows_alike(world, model, period):
    by_rows = report(model=model, **period)
    operations.refresh_daily_credit()
    assert not ChangedDay.objects.exists()
    by_sums = report(model=model, **period)
    assert by_sums == by_rows
    summary = by_sums["summary"]
    assert summary["attributed_revenue"] + summary["unattributed_revenue"] == summary["total_revenue"]
    assert summary["attributed_commission"] + summary["unattributed_commission"] == summary["total_commission"]
    assert sum(row["total_revenue"] for row in by_sums["by_channel"]) == summary["attributed_revenue"]
    assert sum(day["revenue"] for day in by_sums["trend"]) == summary["attributed_revenue"]


def test_unattributed_is_what_is_left_of_conversions_without_a_journey(world):
    touched = AttributionRecord.objects.values("conversion_id")
    without = of_period().exclude(pk__in=touched)
    assert report()["summary"]["unattributed_revenue"] == sum(each.remaining_value for each in without)


def test_models_agree_on_what_was_earned_whichever_of_them_has_adjustments(world):
    attributed = {report(model=model)["summary"]["attributed_revenue"] for model in ("position_based", "linear")}
    assert len(attributed) == 1


def test_what_is_payable_is_net_of_adjustments(world):
    payable = report()["summary"]["payable_commission"]
    for conversion in Conversion.objects.all():
        if conversion.remaining_value:
            reverse(conversion)
    assert (payable > 0, report()["summary"]["payable_commission"]) == (True, 0)


def test_a_conversion_reversed_before_it_was_calculated_is_attributed_by_what_is_left(world):
    conversion = ConversionFactory(lead_id="lead-late", value=Decimal("100.00"), occurred_at=END - dt.timedelta(days=1))
    before = report()["summary"]
    reverse(conversion, "100.00")
    after = report()["summary"]
    assert before["unattributed_revenue"] - after["unattributed_revenue"] == 100
    assert after["reversed_revenue"] - before["reversed_revenue"] == 100
