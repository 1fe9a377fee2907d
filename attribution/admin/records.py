"""Records: what each touch earned, and what was added or taken since. Read only."""

from decimal import Decimal

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, Sum
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, TextFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from attribution import operations
from attribution.admin import approving, timeline
from attribution.admin.explaining import context_of
from attribution.models import Adjustment, AttributionRecord, ModelConfig, Run, Settlement
from conversions.admin import money
from conversions.models import Conversion
from partners.admin import moment, page_link, payee_link
from touchpoints.admin import BigTableAdmin, DayRangeFilter, as_uuid, lead_link, table
from touchpoints.models import Touchpoint

LEADS_CONVERSIONS = 1000  # what a search by lead or policy takes at most

STATUS_LABELS = {
    "Pending": "info",
    "Calculated": "primary",
    "Approved": "success",
    "Disputed": "danger",
    "Paid": "success",
}


class PayeeFilter(TextFilter):
    """By the id alone, or by partner:… and broker:… as links give it."""

    title = "payee id"
    parameter_name = "payee"

    def queryset(self, request, queryset):
        text = (self.value() or "").strip()
        if not text:
            return queryset
        kind, _, pk = text.partition(":")
        # The indexes are on partner and broker; who of the two is paid is checked on what they find.
        partner = Q(partner_id=pk, payee_id=pk, payee_type="partner")
        broker = Q(broker_id=pk, payee_id=pk, payee_type="broker")
        if kind in {"partner", "broker"} and pk:
            return queryset.filter(partner if kind == "partner" else broker)
        return queryset.filter(Q(partner_id=text, payee_id=text) | Q(broker_id=text, payee_id=text))


class ToApproveFilter(DropdownFilter):
    title = "approval"
    parameter_name = "approval"

    def lookups(self, request, model_admin):
        return [("waits", "Waits for approval")]

    def queryset(self, request, queryset):
        if self.value() != "waits":
            return queryset
        return operations.to_approve(queryset).order_by()


@admin.register(AttributionRecord)
class AttributionRecordAdmin(BigTableAdmin):
    list_display = [
        "occurred",
        "shown_model",
        "channel",
        "payee",
        "shown_credit",
        "shown_revenue",
        "shown_commission",
        "shown_status",
        "conversion",
        "why",
    ]
    list_display_links = ["occurred"]
    list_before_template = "admin/attribution/attributionrecord/list_before.html"
    ordering = ["-id"]
    sortable_by: list[str] = []
    list_filter = [
        ("occurred_at", DayRangeFilter),
        ("model", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("payee_type", ChoicesDropdownFilter),
        ToApproveFilter,
        PayeeFilter,
    ]
    exact_search = ["id", "conversion_id", "touchpoint_id"]
    search_help_text = "Record, conversion or touchpoint id, lead, policy"
    empty_title = "No records here"
    empty_help = "Records are made by a run: start one under Runs, or use manage.py calculate_attribution."
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "shown_model",
                    "shown_status",
                    "payee",
                    "shown_credit",
                    "shown_revenue",
                    "shown_commission",
                    "shown_payable",
                ]
            },
        ),
        ("Where it comes from", {"fields": ["conversion", "occurred", "touchpoint", "touched", "place"]}),
        ("Copied from the touch", {"fields": ["channel", "source", "campaign_id", "lead"]}),
        ("How it was calculated", {"fields": ["configuration", "calculation", "calculated"]}),
    ]
    sections = ["timeline", "adjustments", "siblings"]
    actions_detail = ["explain"]

    class Media:
        css = {"all": ["attribution/timeline.css"]}
        js = ["attribution/timeline.js"]

    @action(description="Explain", permissions=["view"], icon="contact_support", variant=ActionVariant.PRIMARY)
    def explain(self, request, object_id):
        record = get_object_or_404(self.get_queryset(request), pk=as_uuid(object_id))
        told = operations.explain(record_id=record.pk)
        context = self.admin_site.each_context(request) | {"media": self.media, "opts": self.opts} | context_of(told)
        return TemplateResponse(request, "admin/attribution/attributionrecord/explain.html", context)

    def get_urls(self):
        view = self.admin_site.admin_view(self.approve_shown)
        return [path("approve/", view, name="attribution_attributionrecord_approve"), *super().get_urls()]

    def changelist_view(self, request, extra_context=None):
        url = f"{reverse('admin:attribution_attributionrecord_approve')}?{request.GET.urlencode()}"
        return super().changelist_view(request, {"approve_url": url} | (extra_context or {}))

    def approve_shown(self, request):
        if not request.user.has_perm(approving.PERMISSION):
            raise PermissionDenied
        return approving.approve_shown(self, request)

    @display(description="Why")
    def why(self, record):
        url = reverse("admin:attribution_attributionrecord_explain", args=[record.pk])
        explain = format_html('<a class="row-link" href="{}">Explain</a>', url)
        settled = page_link(Settlement, record.settlement_id, "Settled") if record.settlement_id else ""
        return format_html("{} {}", explain, settled)

    def get_ordering(self, request):
        """What waits longest comes first, as on the front page."""
        return ["occurred_at", "id"] if request.GET.get("approval") == "waits" else self.ordering

    def get_changelist_instance(self, request):
        """What the page's records are worth with their adjustments: one look-up, however long the list is."""
        found = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        for record, amounts in with_net_of(found.result_list):
            record.net_amounts = amounts
        return found

    def get_readonly_fields(self, request, obj=None):
        return [name for _, part in self.fieldsets for name in part["fields"]]

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip() or as_uuid(search_term.strip()):
            return super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        named = Conversion.objects.filter(
            Q(lead_id=term) | Q(policy_number=term) | Q(policy_id=term) | Q(external_id=term)
        )
        ids = list(named.values_list("pk", flat=True)[:LEADS_CONVERSIONS])
        return queryset.filter(conversion_id__in=ids), False

    @display(description="Conversion at", ordering="occurred_at")
    def occurred(self, record):
        return moment(record.occurred_at)

    @display(description="Touched at")
    def touched(self, record):
        return moment(record.touched_at)

    @display(description="Calculated at")
    def calculated(self, record):
        return moment(record.calculated_at)

    @display(description="Model")
    def shown_model(self, record):
        return record.get_model_display()

    @display(description="Status", label=STATUS_LABELS)
    def shown_status(self, record):
        return record.get_status_display()

    @display(description="Credit")
    def shown_credit(self, record):
        return format_html('<span class="money">{} %</span>', f"{record.percentage:.2f}")

    @display(description="Revenue")
    def shown_revenue(self, record):
        return with_rest(record, record.revenue_attributed, 0)

    @display(description="Commission")
    def shown_commission(self, record):
        return with_rest(record, record.commission_amount, 1)

    @display(description="Payable")
    def shown_payable(self, record):
        return "Yes: commission is paid by this model" if record.payable else "No: this model is for analysis"

    @display(description="Payee")
    def payee(self, record):
        return payee_link(record.payee_type, record.payee_id)

    @display(description="Conversion")
    def conversion(self, record):
        return page_link(Conversion, record.conversion_id, f"{record.conversion_type.replace('_', ' ')}")

    @display(description="Touchpoint")
    def touchpoint(self, record):
        return page_link(Touchpoint, record.touchpoint_id)

    @display(description="Place")
    def place(self, record):
        return f"Touch {record.position} of {record.journey_length}"

    @display(description="Lead")
    def lead(self, record):
        return lead_link(record.lead_id)

    @display(description="Configuration")
    def configuration(self, record):
        return page_link(ModelConfig, record.config_id, str(record.config))

    @display(description="Run")
    def calculation(self, record):
        return page_link(Run, record.run_id) if record.run_id else "By hand, for this lead alone"

    @display(description="The journey")
    def timeline(self, record):
        conversion = Conversion.objects.filter(pk=record.conversion_id).first()
        if conversion is None:
            return "The conversion is no longer stored."
        return timeline.rendered(conversion, model=record.model, marked=record.touchpoint_id)

    @display(description="Adjustments")
    def adjustments(self, record):
        booked = list(Adjustment.objects.filter(record_id=record.pk).select_related("reversal"))
        if not booked:
            return "None: what the record says is what its payee has."
        rows = [(moment(each.created_at), str(each), each.revenue_amount, each.commission_amount) for each in booked]
        [(_, net)] = net_of([record]).items()
        rows.append(("", "Net", *net))
        shown = [
            ("", when, what, money(revenue, record.currency), money(commission, record.currency))
            for when, what, revenue, commission in rows
        ]
        return table(["Booked", "What", "Revenue", "Commission"], shown)

    @display(description="The whole conversion under this model")
    def siblings(self, record):
        shares = AttributionRecord.objects.filter(conversion_id=record.conversion_id, model=record.model)
        return share_table(shares.order_by("position")[:200], marked=record.pk)


def share_table(shares, *, marked=None):
    shares = list(shares)
    net = net_of(shares)
    rows = [
        (
            "here" if share.pk == marked else "",
            page_link(AttributionRecord, share.pk, moment(share.touched_at)),
            share.get_channel_display(),
            payee_link(share.payee_type, share.payee_id),
            share_bar(share),
            money(share.revenue_attributed, share.currency),
            money(share.commission_amount, share.currency),
            *(money(amount, share.currency) for amount in net.get(share.pk, ())),
            share.get_status_display(),
        )
        for share in shares
    ]
    added = ["Net revenue", "Net commission"] if net else []
    return table(["Touch", "Channel", "Payee", "Credit", "Revenue", "Commission", *added, "Status"], rows)


def net_of(shares):
    """Revenue and commission of each record with its adjustments; of none, if not one of them has any."""
    sums = Adjustment.objects.filter(record_id__in=[share.pk for share in shares]).order_by().values_list("record_id")
    by_record = {pk: amounts for pk, *amounts in sums.annotate(Sum("revenue_amount"), Sum("commission_amount"))}
    if not by_record:
        return {}
    nothing = (Decimal(0), Decimal(0))
    return {
        share.pk: [
            own + added
            for own, added in zip(
                (share.revenue_attributed, share.commission_amount), by_record.get(share.pk, nothing), strict=True
            )
        ]
        for share in shares
    }


def with_net_of(records):
    """The records that have adjustments, with what they are worth together."""
    net = net_of(records)
    own = ((each, [each.revenue_attributed, each.commission_amount]) for each in records)
    return [(each, net[each.pk]) for each, amounts in own if each.pk in net and net[each.pk] != amounts]


def with_rest(record, amount, place):
    """An amount of a record; under it what is left of it, where adjustments were booked."""
    shown = money(amount, record.currency)
    net = getattr(record, "net_amounts", None)
    if net is None or net[place] == amount:
        return shown
    return format_html('{}<span class="money net">net {}</span>', shown, f"{net[place]:,.2f}")


def share_bar(share):
    percent = f"{share.percentage:.1f}"
    return format_html('<span class="bar"><i style="width:{}%"></i></span>{} %', percent, percent)
