"""The back office of conversions. It reads: what a sale is worth comes in by the API or an import."""

from django.contrib import admin
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from conversions.models import Conversion
from partners.admin import NOTHING, list_link, moment
from touchpoints.admin import JOURNEY_SHOWN, BigTableAdmin, DayRangeFilter, exactly, lead_link, touch_table
from touchpoints.models import Touchpoint, converted_within


def money(amount, currency):
    """An amount with its currency, for a column that is aligned to the right."""
    if amount is None:
        return NOTHING
    return format_html('<span class="money">{} <small>{}</small></span>', f"{amount:,.2f}", currency)


class ReversedFilter(DropdownFilter):
    title = "reversed"
    parameter_name = "reversed"

    def lookups(self, request, model_admin):
        return [("yes", "In full or in part"), ("no", "Not reversed")]

    def queryset(self, request, queryset):
        return queryset.reversed(self.value() == "yes") if self.value() in {"yes", "no"} else queryset


@admin.register(Conversion)
class ConversionAdmin(BigTableAdmin):
    list_display = ["at", "lead", "shown_type", "shown_value", "shown_commission", "policy_number"]
    list_display_links = ["at"]
    ordering = ["-occurred_at", "-id"]
    sortable_by = ["at"]
    list_filter = [
        ("occurred_at", DayRangeFilter),
        ("type", ChoicesDropdownFilter),
        ReversedFilter,
        exactly("policy_id", "policy id"),
    ]
    exact_search = ["lead_id", "id", "external_id", "policy_number", "policy_id"]
    search_help_text = "Lead, policy number, external id, id, or lead-12*"
    empty_title = "No conversions here"
    empty_help = "Conversions come in by POST /conversions or by manage.py import_conversions."
    fieldsets = [
        (None, {"fields": ["shown_type", "lead", "at", "shown_value", "shown_left"]}),
        ("Commission", {"fields": ["shown_commission", "shown_rate"]}),
        ("Policy", {"fields": ["policy_number", "policy_id"]}),
        ("Trace", {"fields": ["id", "external_id", "stored"]}),
    ]
    readonly_fields = [name for _, part in fieldsets for name in part["fields"]]
    sections = ["journey"]

    @display(description="Time", ordering="occurred_at")
    def at(self, conversion):
        return moment(conversion.occurred_at)

    @display(description="Type")
    def shown_type(self, conversion):
        return conversion.get_type_display()

    @display(description="Lead")
    def lead(self, conversion):
        return lead_link(conversion.lead_id)

    @display(description="Value")
    def shown_value(self, conversion):
        return money(conversion.value, conversion.currency)

    @display(description="Left of it")
    def shown_left(self, conversion):
        return money(conversion.remaining_value, conversion.currency) if conversion.is_reversed else "All of it"

    @display(description="Commission")
    def shown_commission(self, conversion):
        return money(conversion.commission_amount, conversion.currency)

    @display(description="Commission rate")
    def shown_rate(self, conversion):
        rate = conversion.commission_rate
        return None if rate is None else f"{(rate * 100).normalize():f} %"

    @display(description="Stored")
    def stored(self, conversion):
        return moment(conversion.created_at)

    @display(description="Touches before it")
    def journey(self, conversion):
        touches = Touchpoint.objects.filter(
            lead_id=conversion.lead_id,
            timestamp__gte=conversion.occurred_at - converted_within(),
            timestamp__lte=conversion.occurred_at,
        )
        last = list(touches.order_by("-timestamp", "-id")[: JOURNEY_SHOWN + 1])
        if not last:
            days = converted_within().days
            return f"No touch in the {days} days before it: its value stays unattributed."
        shown = touch_table(reversed(last[:JOURNEY_SHOWN]))
        if len(last) <= JOURNEY_SHOWN:
            return shown
        all_of_them = list_link("touchpoints_touchpoint", "all of them", q=conversion.lead_id)
        return format_html("<p>The last {} touches; {}.</p>{}", JOURNEY_SHOWN, all_of_them, shown)
