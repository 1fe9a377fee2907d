"""Kept reports in the back office: what was asked, and the tables that were answered. Read only."""

from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from attribution.models import AttributionModel
from partners.admin import NOTHING, ReadOnlyAdmin, moment
from reports import exports, operations
from reports.models import Report
from touchpoints.admin import table
from touchpoints.models import Channel

CHANNELS = dict(Channel.choices)
FILTERS = {
    "channel": "Channel",
    "partner_id": "Partner",
    "broker_id": "Broker",
    "campaign": "Campaign",
    "conversion_type": "Type of conversion",
}


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ["at", "period", "shown_model", "currency", "filters", "created_by"]
    list_display_links = ["at"]
    list_select_related = ["created_by"]
    list_filter = ["created_at"]
    ordering = ["-id"]
    fields = ["id", "at", "created_by", "period", "shown_model", "currency", "filters", "files"]
    sections = ["summary", "channels", "partners", "brokers", "campaigns"]
    empty_title = "No reports kept yet"
    empty_help = "Every answer of GET /api/v1/attribution/reports/attribution is kept and listed here."

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user).defer("result")

    @display(description="Asked", ordering="created_at")
    def at(self, report):
        return moment(report.created_at)

    @display(description="Period")
    def period(self, report):
        return f"{report.parameters['start_date']} – {report.parameters['end_date']}"

    @display(description="Model")
    def shown_model(self, report):
        return AttributionModel(report.parameters["model"]).label

    @display(description="Currency")
    def currency(self, report):
        return report.parameters["currency"]

    @display(description="Filters")
    def filters(self, report):
        given = {title: report.parameters.get(name) for name, title in FILTERS.items()}
        return ", ".join(f"{title}: {value}" for title, value in given.items() if value) or NOTHING

    @display(description="Download")
    def files(self, report):
        address = reverse("report-detail", args=[report.pk])
        links = ((f"{address}?{urlencode({'format': form})}", form.upper()) for form in exports.TYPES)
        return format_html_join(" · ", '<a class="row-link" href="{}">{}</a>', links)

    @display(description="Summary")
    def summary(self, report):
        figures = _result(report)["summary"]
        rows = [("", name.replace("_", " ").capitalize(), _shown(value)) for name, value in figures.items()]
        return table(["", ""], [row for row in rows if row[2] is not None])

    @display(description="By channel")
    def channels(self, report):
        return _earnings(report, "by_channel", "channel", labels=CHANNELS)

    @display(description="By partner")
    def partners(self, report):
        return _earnings(report, "by_partner", "partner_name", "partner_id")

    @display(description="By broker")
    def brokers(self, report):
        return _earnings(report, "by_broker", "broker_name", "broker_id")

    @display(description="By campaign")
    def campaigns(self, report):
        return _earnings(report, "by_campaign", "campaign", nothing="Without a campaign")


def _result(report):
    """Read once a page, however many tables show it."""
    if "shown_result" not in report.__dict__:
        report.shown_result = operations.kept_result(report)
    return report.shown_result


def _shown(value):
    return value if value is None else _number(f"{value:,}")


def _number(text):
    return format_html('<span class="money">{}</span>', text)


def _earnings(report, name, *titles, labels=None, nothing=NOTHING):
    called = [next((row[title] for title in titles if row[title]), nothing) for row in _result(report)[name]]
    rows = [
        (
            "",
            (labels or {}).get(title, title),
            _number(f"{row['conversions']:,.2f}"),
            _number(f"{row['total_revenue']:,.2f}"),
            _number(f"{row['total_commission']:,.2f}"),
        )
        for title, row in zip(called, _result(report)[name], strict=True)
    ]
    return table(["Name", "Conversions", "Revenue", "Commission"], rows) if rows else NOTHING
