"""What the report says of cost: spend, and what it brought."""

import datetime as dt
import itertools
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reports import operations
from reports.models import Report, Spend
from tests.api import BASE, refused
from tests.factories import AttributionRecordFactory, BrokerFactory, ConversionFactory, PartnerFactory

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)

pytestmark = pytest.mark.django_db


def report(**asked):
    return operations.answer(operations.ask(**({"start": START, "end": END} | asked)))


def spend(day, channel, amount, **more):
    row = {"day": dt.date.fromisoformat(day), "channel": channel, "amount": Decimal(amount), **more}
    operations.save_spend(values=row)


def sale(channel, revenue, commission, *, campaign=None, credit="1"):
    conversion = ConversionFactory(occurred_at=NOON, value=Decimal(revenue), commission_amount=Decimal(commission))
    AttributionRecordFactory(
        conversion_id=conversion.pk,
        occurred_at=NOON,
        channel=channel,
        campaign_id=campaign,
        credit=Decimal(credit),
        revenue_attributed=Decimal(revenue),
        commission_amount=Decimal(commission),
    )


def cost_of(row):
    return tuple(row[name] if row[name] is None else str(row[name]) for name in ("spend", "roas", "cpa"))


def by(answer, table, column):
    return {row[column]: cost_of(row) for row in answer[table]}


def test_without_spend_nothing_is_said_of_cost():
    sale("email", "1000", "100")
    answer = report()
    assert {answer["summary"][name] for name in ("spend", "roas", "cpa", "roi")} == {None}
    assert by(answer, "by_channel", "channel") == {"email": (None, None, None)}
    assert by(answer, "by_campaign", "campaign") == {None: (None, None, None)}


def test_the_summary_sets_spend_against_what_was_attributed():
    sale("paid_search", "1000.00", "100.00"), sale("email", "500.00", "50.00")
    ConversionFactory(occurred_at=NOON, value=Decimal(9000))  # without a touch: no ad brought it
    spend("2026-01-15", "paid_search", "300.00"), spend("2026-01-16", "paid_search", "100.02")
    summary = report()["summary"]
    assert cost_of(summary) == ("400.02", "3.7498", "200.01")  # 1500 / 400.02, 400.02 / 2
    assert str(summary["roi"]) == "1.7272"  # (1500 - 550.02) / 550.02: the commission of 150 is a cost too


def test_channels_and_campaigns_have_their_own_cost_and_add_up():
    sale("paid_search", "1000.00", "100.00", campaign="home"), sale("email", "500.00", "50.00")
    spend("2026-01-15", "paid_search", "250.00", campaign="home")
    spend("2026-01-15", "paid_search", "50.00", campaign="car")
    spend("2026-01-15", "display_ad", "80.00")
    answer = report()
    assert by(answer, "by_channel", "channel") == {
        "paid_search": ("300.00", "3.3333", "300.00"),
        "email": (None, None, None),
        "display_ad": ("80.00", "0.0000", None),
    }
    assert by(answer, "by_campaign", "campaign") == {
        "home": ("250.00", "4.0000", "250.00"),
        None: ("80.00", "6.2500", "80.00"),
        "car": ("50.00", "0.0000", None),
    }
    for table in ("by_channel", "by_campaign"):
        assert sum(row["spend"] or 0 for row in answer[table]) == answer["summary"]["spend"] == Decimal("380.00")


def test_spend_of_nought_is_known_and_divides_nothing():
    sale("email", "500.00", "50.00")
    spend("2026-01-15", "email", "0")
    answer = report()
    assert str(answer["summary"]["spend"]) == "0.00"
    assert answer["summary"]["roas"] is None
    assert str(answer["summary"]["cpa"]) == "0.00"
    assert str(answer["summary"]["roi"]) == "9.0000"  # the commission alone


def test_currencies_do_not_mix():
    spend("2026-01-15", "email", "10"), spend("2026-01-15", "email", "99", currency="EUR")
    assert report()["summary"]["spend"] == Decimal(10)
    assert report(currency="EUR")["summary"]["spend"] == Decimal(99)
    assert report(currency="JPY")["summary"]["spend"] is None


def test_filters_narrow_spend_as_they_narrow_touches():
    PartnerFactory(id="partner-a"), BrokerFactory(id="broker-b")
    spend("2026-01-15", "affiliate", "10", partner_id="partner-a"), spend("2026-01-15", "affiliate", "5")
    spend("2026-01-15", "email", "2", campaign="home")
    assert report(partner_id="partner-a")["summary"]["spend"] == 10
    assert report(channel="affiliate")["summary"]["spend"] == 15
    assert report(campaign="home")["summary"]["spend"] == 2
    assert report(conversion_type="renewal")["summary"]["spend"] == 17
    # What a broker costs beside its commission is not told.
    assert report(broker_id="broker-b")["summary"]["spend"] is None


def test_a_day_counts_in_the_period_that_it_begins_in():
    for day in range(1, 11):
        spend(f"2026-01-{day:02}", "email", day)
    edges = [START + dt.timedelta(hours=hours) for hours in (0, 30, 48, 61, 100, 240)]
    parts = [report(start=start, end=end)["summary"]["spend"] or 0 for start, end in itertools.pairwise(edges)]
    assert parts == [1 + 2, 0, 3, 4 + 5, 6 + 7 + 8 + 9 + 10]
    assert sum(parts) == report()["summary"]["spend"] == 55


def test_cents_are_kept_of_sums_that_a_float_has_none_for():
    for day in range(1, 10):
        spend(f"2026-01-{day:02}", "email", "999999999999.99")
    assert str(report()["summary"]["spend"]) == "8999999999999.91"


def test_a_kept_report_stays_as_it_was_when_spend_is_told_later(api):
    asked = {"startDate": "2026-01-01", "endDate": "2026-01-31"}
    first = api.get(f"{BASE}/reports/attribution", asked).json()
    spend("2026-01-15", "email", "10")
    assert api.get(f"{BASE}/reports/attribution/{first['reportId']}").json() == first
    assert api.get(f"{BASE}/reports/attribution", asked).json()["summary"]["spend"] == 10


@pytest.mark.parametrize("name", ["partnerId", "brokerId"])
def test_a_report_of_nobody_is_refused_by_name(api, name):
    asked = {"startDate": "2026-01-01", "endDate": "2026-01-31", name: "nobody"}
    response = api.get(f"{BASE}/reports/attribution", asked)
    assert response.status_code == 400
    assert refused(response) == {(name, "unknown")}
    assert not Report.objects.exists()


def test_more_rows_of_spend_are_no_more_statements():
    def statements():
        with CaptureQueriesContext(connection) as queries:
            report()
        return len(queries)

    spend("2026-01-15", "email", "1")
    few = statements()
    operations.save_spends(
        rows=[
            {"day": dt.date(2026, 1, 5), "channel": "email", "campaign": f"{n}", "amount": Decimal(1)}
            for n in range(50)
        ]
    )
    assert statements() == few
    assert Spend.objects.count() == 51
