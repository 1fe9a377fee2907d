"""Money that moved after records were made: adjustments, and the settlements of disputes. Read only."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, TextFilter
from unfold.decorators import display

from attribution.models import Adjustment, AttributionRecord, Settlement
from conversions.admin import money
from conversions.models import Conversion
from partners.admin import NOTHING, moment, page_link, payee_link
from touchpoints.admin import BigTableAdmin, exactly, table


class PayeeFilter(TextFilter):
    """By the id alone, or by partner:… and broker:…"""

    title = "payee id"
    parameter_name = "payee"

    def queryset(self, request, queryset):
        text = (self.value() or "").strip()
        kind, _, pk = text.partition(":")
        if not text:
            return queryset
        if kind in {"partner", "broker"} and pk:
            return queryset.filter(payee_type=kind, payee_id=pk)
        return queryset.filter(payee_type__in=["partner", "broker"], payee_id=text)


def dispute_link(pk, text="Dispute"):
    """By id alone: attribution knows that there are disputes, and nothing of them."""
    url = reverse("admin:disputes_dispute_change", args=[pk])
    return format_html('<a class="row-link" href="{}">{}</a>', url, text)


@admin.register(Adjustment)
class AdjustmentAdmin(BigTableAdmin):
    list_display = ["booked", "what", "payee", "shown_commission", "shown_revenue", "record", "conversion", "cause"]
    list_display_links = ["booked"]
    list_select_related = ["reversal", "settlement"]
    ordering = ["-id"]
    sortable_by: list[str] = []
    list_filter = [("kind", ChoicesDropdownFilter), ("payee_type", ChoicesDropdownFilter), PayeeFilter]
    exact_search = ["id", "record_id", "conversion_id"]
    search_help_text = "Adjustment, record or conversion id"
    empty_title = "No adjustments"
    empty_help = "One is booked beside decided money, when a conversion is reversed or a dispute is settled."
    fieldsets = [
        (None, {"fields": ["what", "payee", "shown_commission", "shown_revenue", "credit"]}),
        ("Where it comes from", {"fields": ["record", "conversion", "cause"]}),
        ("Who and when", {"fields": ["id", "booked", "created_by"]}),
    ]
    readonly_fields = [name for _, part in fieldsets for name in part["fields"]]

    @display(description="Booked")
    def booked(self, adjustment):
        return moment(adjustment.created_at)

    @display(description="What")
    def what(self, adjustment):
        return str(adjustment)

    @display(description="Payee")
    def payee(self, adjustment):
        return payee_link(adjustment.payee_type, adjustment.payee_id)

    @display(description="Commission")
    def shown_commission(self, adjustment):
        return money(adjustment.commission_amount, adjustment.currency)

    @display(description="Revenue")
    def shown_revenue(self, adjustment):
        return money(adjustment.revenue_amount, adjustment.currency)

    @display(description="Record")
    def record(self, adjustment):
        return page_link(AttributionRecord, adjustment.record_id, "Record")

    @display(description="Conversion")
    def conversion(self, adjustment):
        return page_link(Conversion, adjustment.conversion_id, "Conversion")

    @display(description="Because of")
    def cause(self, adjustment):
        if adjustment.settlement:
            return dispute_link(adjustment.settlement.dispute_id)
        return page_link(
            Conversion, adjustment.conversion_id, f"Reversal of {adjustment.reversal.occurred_at:%Y-%m-%d}"
        )


@admin.register(Settlement)
class SettlementAdmin(BigTableAdmin):
    list_display = [
        "at",
        "shown_way",
        "shown_model",
        "shown_commission",
        "shown_revenue",
        "conversion",
        "dispute",
        "by",
    ]
    list_display_links = ["at"]
    list_select_related = ["created_by"]
    ordering = ["-id"]
    sortable_by: list[str] = []
    list_filter = [("way", ChoicesDropdownFilter), exactly("lead_id", "lead")]
    exact_search = ["id", "conversion_id", "dispute_id"]
    search_help_text = "Settlement, conversion or dispute id"
    empty_title = "No settlements"
    empty_help = "One is made when a dispute is resolved so that money moves."
    fieldsets = [
        (None, {"fields": ["shown_way", "reason", "shown_commission", "shown_revenue", "shown_model"]}),
        ("Where it comes from", {"fields": ["dispute", "conversion", "lead_id"]}),
        ("Who and when", {"fields": ["id", "at", "by"]}),
    ]
    readonly_fields = [name for _, part in fieldsets for name in part["fields"]]
    sections = ["lines"]

    @display(description="Settled")
    def at(self, settlement):
        return moment(settlement.created_at)

    @display(description="How")
    def shown_way(self, settlement):
        return settlement.get_way_display()

    @display(description="Model")
    def shown_model(self, settlement):
        return settlement.get_model_display()

    @display(description="Commission shared")
    def shown_commission(self, settlement):
        return money(settlement.commission, settlement.currency)

    @display(description="Revenue shared")
    def shown_revenue(self, settlement):
        return money(settlement.revenue, settlement.currency)

    @display(description="Conversion")
    def conversion(self, settlement):
        return page_link(Conversion, settlement.conversion_id, "Conversion")

    @display(description="Dispute")
    def dispute(self, settlement):
        return dispute_link(settlement.dispute_id)

    @display(description="By")
    def by(self, settlement):
        return settlement.created_by or NOTHING

    @display(description="Who has what, before and after")
    def lines(self, settlement):
        rows = [
            (
                "",
                payee_link(line.payee_type, line.payee_id),
                f"{line.credit_before * 100:.2f} → {line.credit_after * 100:.2f} %",
                money(line.commission_before, settlement.currency),
                money(line.commission_after, settlement.currency),
                money(line.commission_change, settlement.currency),
                line.get_how_display(),
                page_link(AttributionRecord, line.record_id, "Record"),
            )
            for line in settlement.lines.all()
        ]
        return table(["Payee", "Credit", "Commission before", "After", "Change", "How", "Record"], rows)
