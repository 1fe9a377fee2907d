"""A report as a file: CSV, one of its tables, for programs; XLSX, a sheet each, for people with a spreadsheet."""

import csv
import datetime as dt
import io
from decimal import Decimal

import xlsxwriter

from attribution_site.api.wire import camel
from attribution_site.spreadsheets import harmless

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX}
EARNED = ("conversions", "total_revenue", "total_commission")
COST = ("spend", "roas", "cpa")
OF_PAYEE = ("total_touchpoints", *EARNED, "top_channels")
# The tables by their names in JSON, with their columns.
SECTIONS = {
    "summary": ("figure", "value"),
    "byChannel": (
        "channel",
        "total_touchpoints",
        "converting_touchpoints",
        "conversion_rate",
        *EARNED,
        "attribution_percentage",
        *COST,
    ),
    "byPartner": ("partner_id", "partner_name", *OF_PAYEE),
    "byBroker": ("broker_id", "broker_name", *OF_PAYEE),
    "byCampaign": ("campaign", *EARNED, *COST),
    "trend": ("date", "conversions", "revenue", "commission", "total_conversions", "total_revenue"),
}
DEFAULT_SECTION = "byChannel"
SHEETS = {
    "summary": "Summary",
    "byChannel": "Channels",
    "byPartner": "Partners",
    "byBroker": "Brokers",
    "byCampaign": "Campaigns",
    "trend": "Days",
}
NAMES = {"byChannel": "by_channel", "byPartner": "by_partner", "byBroker": "by_broker", "byCampaign": "by_campaign"}
NUMBER_FORMATS = {"conversions": "#,##0.00####", "conversion_rate": "0.00%", "roas": "0.00##", "roi": "0.00##"}
WIDEST = 60


def rows_of(result, section):
    """The rows of one table. A report kept before it had some column has None there."""
    if section == "summary":
        return [{"figure": camel(name), "value": value} for name, value in result["summary"].items()]
    columns = SECTIONS[section]
    return [{name: _flat(row.get(name)) for name in columns} for row in result[NAMES.get(section, section)]]


def _flat(value):
    """The channels of a payee as one text, with what each brought."""
    if not isinstance(value, list):
        return value
    return "; ".join(f"{each['channel']} {each['revenue']:.2f}" for each in value)


def file_name(result, extension, section=None):
    """Of dates and codes only: nothing of it needs quoting."""
    period = [result["period"][name][:10] for name in ("start", "end")]
    return "-".join(["attribution", *period, result["currency"], *filter(None, [section])]) + f".{extension}"


def as_csv(result, section):
    """One table. Each line also says of what period, model and currency it is, so that files can be put together."""
    text = io.StringIO()
    asked = {**_period(result), "model": result["model"], "currency": result["currency"]}
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(camel(name) for name in (*asked, *SECTIONS[section]))
    for row in rows_of(result, section):
        writer.writerow(harmless(value) for value in (*asked.values(), *row.values()))
    return text.getvalue()


def _period(result):
    return {"period_start": result["period"]["start"], "period_end": result["period"]["end"]}


def as_xlsx(result):
    """All tables. Numbers are numbers, days are days, and no text is taken for a formula or a link."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        formats = _Formats(workbook)
        for section, title in SHEETS.items():
            rows = rows_of(result, section)
            if section == "summary":
                rows = [*_question(result), *rows]
            _fill(workbook.add_worksheet(title), SECTIONS[section], rows, formats)
    return content.getvalue()


def _question(result):
    asked = {**_period(result), "model": result["model"], "currency": result["currency"], **result["filters"]}
    return [{"figure": camel(name), "value": value} for name, value in asked.items()]


class _Formats:
    """The workbook's number formats, each made once."""

    def __init__(self, workbook):
        self.workbook, self.made = workbook, {}
        self.header = workbook.add_format({"bold": True, "bottom": 1})

    def of(self, name, value):
        if isinstance(value, dt.date):
            return self._format("yyyy-mm-dd")
        return self._format(NUMBER_FORMATS.get(name, "#,##0.00" if isinstance(value, Decimal) else "#,##0"))

    def _format(self, text):
        if text not in self.made:
            self.made[text] = self.workbook.add_format({"num_format": text})
        return self.made[text]


def _fill(sheet, columns, rows, formats):
    for column, name in enumerate(columns):
        sheet.write_string(0, column, camel(name), formats.header)
        for number, row in enumerate(rows, 1):
            _write(sheet, number, column, row[name], name, formats)
        longest = max([len(camel(name)), *(len(str(row[name])) for row in rows)])
        sheet.set_column(column, column, min(longest + 3, WIDEST))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(rows), len(columns) - 1)


def _write(sheet, row, column, value, name, formats):
    if name == "date":
        value = dt.date.fromisoformat(value)
        sheet.write_datetime(row, column, value, formats.of(name, value))
    elif isinstance(value, str):
        sheet.write_string(row, column, value)
    elif value is not None:
        sheet.write_number(row, column, value, formats.of(name, value))
