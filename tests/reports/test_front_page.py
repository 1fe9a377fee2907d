"""The back office's front page: numbers and pictures, or what to do when there are none."""

import datetime as dt
import json
import re
from decimal import Decimal
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attribution.models import Run
from reports import operations
from tests.factories import AttributionRecordFactory, ConversionFactory, PartnerFactory, UserFactory

URL = "/admin/"


@pytest.fixture
def staff(operations_user):
    client = Client()
    client.force_login(operations_user)
    return client


@pytest.fixture
def a_sale(db):
    PartnerFactory(id="partner-abc", name="Summit Auto Club")
    conversion = ConversionFactory(value=Decimal("1500.10"))
    for model, channel in (("position_based", "email"), ("last_touch", "affiliate")):
        AttributionRecordFactory(
            model=model,
            channel=channel,
            payable=model == "position_based",
            conversion_id=conversion.pk,
            revenue_attributed=Decimal("1500.10"),
            occurred_at=conversion.occurred_at,
        )


def charts(response):
    return [json.loads(unescape(data)) for data in re.findall(r'data-value="([^"]*)"', response.content.decode())]


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_a_stranger_is_sent_to_the_login(db):
    response = Client().get(URL)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_who_may_not_read_reports_gets_no_numbers(a_sale):
    client = Client()
    client.force_login(UserFactory())
    response = client.get(URL)
    assert response.status_code == 200
    assert "1,500.10" not in text(response)
    assert "dashboard" not in response.context


def test_without_any_data_it_tells_how_to_get_some(staff):
    response = staff.get(URL)
    assert "No data yet" in text(response)
    assert "python manage.py load_demo" in text(response)
    assert charts(response) == []


def test_with_conversions_that_are_not_calculated_it_tells_to_start_a_run(staff):
    ConversionFactory()
    response = staff.get(URL)
    assert "Nothing is calculated yet" in text(response)
    assert "/admin/attribution/run/add/" in response.content.decode()


def test_with_a_run_under_way_it_points_to_it(staff):
    ConversionFactory()
    run = Run.objects.create(model_names=["linear"], status="running")
    assert f"/admin/attribution/run/{run.pk}/change/" in staff.get(URL).content.decode()
    assert "a run is under way" in text(staff.get(URL))


def test_a_quiet_period_points_to_the_latest_conversion(staff):
    ConversionFactory(occurred_at=dt.datetime(2026, 3, 31, tzinfo=dt.UTC))
    response = staff.get(URL, {"start": "2026-01-01", "end": "2026-01-31"})
    assert "No conversions in this period" in text(response)
    assert "start=2026-03-02&amp;end=2026-03-31&amp;currency=USD" in response.content.decode()


def test_it_shows_a_bar_for_each_model_and_a_line_for_each_day(staff, a_sale):
    bars, revenue, conversions = charts(staff.get(URL))
    assert [bar["label"] for bar in bars["datasets"]] == ["Last Touch", "Position Based (pays)"]
    assert bars["labels"] == [["Email"], ["Affiliate"]]
    assert [bar["data"] for bar in bars["datasets"]] == [[0, 1500.1], [1500.1, 0]]
    assert len(revenue["labels"]) == 30
    assert sum(revenue["datasets"][0]["data"]) == 1500.1
    assert sum(conversions["datasets"][0]["data"]) == 1


def test_each_picture_has_its_numbers_in_a_table_as_well(staff, a_sale):
    response = staff.get(URL)
    assert response.content.decode().count("The same as a table") == len(charts(response)) == 3
    assert "<td>1,500.10</td>" in response.content.decode()
    assert "Summit Auto Club" in text(response)


def test_the_cards_say_what_the_report_says(staff, a_sale):
    ConversionFactory(value=Decimal("499.90"))
    cards = {card["title"]: card for card in staff.get(URL).context["dashboard"]["cards"]}
    assert cards["Conversions"]["value"] == "2"
    assert cards["Revenue"]["exact"] == "2,000.00 USD"
    assert cards["Attributed"]["value"] == "75.0 %"
    assert cards["Commission payable"]["exact"] == "150.00 USD"
    assert cards["Last run"]["value"] == "None yet"


def test_another_currency_is_offered_and_shown_by_itself(staff, a_sale):
    ConversionFactory(currency="EUR", value=7)
    assert "currency=EUR" in staff.get(URL).content.decode()
    cards = staff.get(URL, {"currency": "EUR"}).context["dashboard"]["cards"]
    assert cards[1]["exact"] == "7.00 EUR"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"start": "2026-02-01", "end": "2026-01-01"}, "Ends before it starts"),
        ({"start": "1970-01-01", "end": "2026-01-01"}, "Before 2000-01-01"),
        ({"start": "2026-02-01"}, "Give the first and the last day"),
        ({"start": "soon", "end": "later"}, "Enter a valid date"),
        ({"start": "9999-12-31", "end": "9999-12-31"}, "Give"),
        ({"days": "31"}, "Select a valid choice"),
        ({"currency": "ZZZ"}, "is not a currency"),
    ],
)
def test_a_period_that_makes_no_sense_is_told_and_the_usual_one_shown(staff, a_sale, asked, told):
    response = staff.get(URL, asked)
    assert response.status_code == 200
    assert told in text(response)
    assert len(charts(response)) == 3


def test_its_days_are_the_last_ones_with_today(staff, a_sale):
    picker = staff.get(URL, {"days": "7"}).context["dashboard"]["picker"]
    today = timezone.now().astimezone(dt.UTC).date()
    assert (picker["first"], picker["last"]) == (today - dt.timedelta(days=6), today)


def test_the_number_of_statements_does_not_grow_with_rows(staff, a_sale):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            staff.get(URL)
        return len(queries)

    few = statements()
    for number in range(20):
        ConversionFactory()
        AttributionRecordFactory(channel="chat", campaign_id=f"campaign-{number}", partner_id=PartnerFactory().pk)
    assert statements() == few


def test_kept_reports_are_listed_and_cannot_be_changed(staff, operations_user, a_sale):
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    report = operations.generate_report(
        question=operations.ask(start=start, end=timezone.now(), channel="email"),
        period={"start": "2026-01-01", "end": "now"},
        created_by=operations_user,
    )
    assert "Channel: email" in text(staff.get("/admin/reports/report/"))
    page = staff.get(f"/admin/reports/report/{report.pk}/change/")
    assert "1,500.10" in text(page)
    assert staff.post(f"/admin/reports/report/{report.pk}/change/", {}).status_code == 403
