"""Payouts: the list by state, and the page of one with its next step."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.contrib.filters.admin import TextFilter
from unfold.decorators import display

from attribution.admin.records import PayeeFilter
from attribution_site.spreadsheets import csv_lines
from conversions.admin import money
from partners.admin import moment, payee_link
from payouts import operations, remittances
from payouts.admin import overview
from payouts.admin.answers import attachment
from payouts.admin.forms import LOOK, confirmed
from payouts.admin.lines import shown_lines
from payouts.admin.steps import STEPS, steps_for, why_not
from payouts.models import Payout
from touchpoints.admin import BigTableAdmin, DayRangeFilter, as_uuid

TABS = {
    "all": ("All", None),
    "drafts": ("Drafts", "draft"),
    "awaiting": ("Awaiting approval", "awaiting_approval"),
    "approved": ("Approved", "approved"),
    "paid": ("Paid", "paid"),
    "void": ("Void", "void"),
}
LABELS = {
    Payout.Status.DRAFT.label: "default",
    Payout.Status.AWAITING_APPROVAL.label: "warning",
    Payout.Status.APPROVED.label: "primary",
    Payout.Status.PAID.label: "success",
    Payout.Status.VOID.label: "danger",
}


class TabFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "tab"
    template = "admin/queue/kept_tab.html"

    def lookups(self, request, model_admin):
        return [(name, title) for name, (title, _) in TABS.items()]

    def queryset(self, request, queryset):
        status = TABS.get(self.value() or "all", TABS["all"])[1]
        return queryset.filter(status=status) if status else queryset


class CurrencyFilter(TextFilter):
    title = "currency"
    parameter_name = "currency"

    def queryset(self, request, queryset):
        asked = (self.value() or "").strip().upper()
        return queryset.filter(currency=asked) if asked else queryset


@admin.register(Payout)
class PayoutAdmin(BigTableAdmin):
    list_display = [
        "shown_number",
        "shown_status",
        "payee",
        "shown_total",
        "line_count",
        "period",
        "prepared_by",
        "prepared",
    ]
    list_display_links = ["shown_number"]
    list_select_related = ["prepared_by"]
    list_filter = [TabFilter, PayeeFilter, CurrencyFilter, ("period_end", DayRangeFilter), "run"]
    exact_search = ["id", "payee_id"]
    search_help_text = "P-1001, partner or broker id"
    sortable_by: list[str] = []
    empty_title = "No payouts here"
    empty_help = "A payout run makes them: start one under Payout runs."
    list_before_template = "admin/payouts/tabs.html"

    class Media:
        css = {"all": ["queue/queue.css", "payouts/console.css"]}

    def get_urls(self):
        step = self.admin_site.admin_view(self.step_view)
        view = self.admin_site.admin_view
        pages = [
            path("overview/", view(self.overview_view), name="payouts_payout_overview"),
            path("overview/tax-years.csv", view(self.tax_years_view), name="payouts_payout_tax_years"),
        ]
        pages += [
            path("<uuid:object_id>/do/<slug:verb>/", step, name="payouts_payout_step"),
            path("<uuid:object_id>/remittance.pdf", view(self.remittance_view), name="payouts_payout_remittance"),
        ]
        return [*pages, *super().get_urls()]

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def get_search_results(self, request, queryset, search_term):
        number = search_term.strip().upper().removeprefix("P-")
        if number.isdigit() and len(number) < 18:
            return queryset.filter(Q(number=int(number)) | Q(payee_id=search_term.strip())), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request, extra_context=None):
        answer = super().changelist_view(request, {"tabs": self.tabs(request)} | (extra_context or {}))
        if found := getattr(answer, "context_data", {}).get("cl"):
            answer.context_data["sums"] = sums(found.queryset)
        return answer

    def tabs(self, request):
        chosen = request.GET.get("tab", "all")
        asked = request.GET.copy()
        asked.pop("p", None)
        found = []
        for name, (title, _) in TABS.items():
            asked["tab"] = name
            found.append({"title": title, "query": asked.urlencode(), "active": name == chosen})
        return found

    def change_view(self, request, object_id, form_url="", extra_context=None):
        payout = self._seen(request, as_uuid(object_id))
        steps = steps_for(payout, request.user)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": LOOK,
            "title": str(payout),
            "payout": payout,
            "payee": payee_link(payout.payee_type, payout.payee_id),
            "total": money(payout.total, payout.currency),
            "approvals": payout.approvals.filter(submission=payout.submission).select_related("by"),
            "steps": {verb: step for verb, step in steps.items() if verb != "hold-back"},
            "can_hold_back": "hold-back" in steps,
            "why_not": why_not(payout, request.user),
            "orders": payout.orders.select_related("export").defer("export__content"),
            **shown_lines(payout, request.GET.get("page")),
        }
        return TemplateResponse(request, "admin/payouts/payout.html", context)

    def step_view(self, request, object_id, verb):
        payout = self._seen(request, object_id)
        if verb not in STEPS:
            raise Http404
        step = STEPS[verb]
        if not request.user.has_perm(step.permission):
            raise PermissionDenied
        form = step.form(request.POST if request.method == "POST" else None, initial=_asked(request, payout))
        if not payout.exported_at:
            form.fields.pop("bank_did_not_pay", None)
        return confirmed(
            self,
            request,
            form,
            lambda: step.do(payout_id=payout.pk, by=request.user, **form.cleaned_data),
            back=reverse("admin:payouts_payout_change", args=[payout.pk]),
            done=step.done.format(payout),
            title=f"{step.button}: {payout}",
            button=step.button,
            sentences=step.says(payout),
            is_danger=step.is_danger,
        )

    def remittance_view(self, request, object_id):
        payout = self._seen(request, object_id)
        if payout.status != Payout.Status.PAID:
            raise Http404
        return attachment(remittances.remittance_of(payout), f"Remittance {payout}.pdf")

    def overview_view(self, request):
        if not self.has_view_permission(request):
            raise PermissionDenied
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": LOOK,
            "title": "Payouts overview",
        }
        return TemplateResponse(request, "admin/payouts/overview.html", shared | overview.overview(request.user))

    def tax_years_view(self, request):
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = ([each[name] for name in overview.TAX_COLUMNS] for each in overview.tax_years(request.user))
        answer = StreamingHttpResponse(csv_lines(overview.TAX_COLUMNS, rows), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="paid-by-year.csv"'
        return answer

    def _seen(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        people = ("prepared_by", "submitted_by", "voided_by", "run", "reissue_of")
        return get_object_or_404(self.get_queryset(request).select_related(*people), pk=pk)

    @display(description="Payout")
    def shown_number(self, payout):
        return str(payout)

    @display(description="State", label=LABELS)
    def shown_status(self, payout):
        return payout.get_status_display()

    @display(description="Payee")
    def payee(self, payout):
        return payee_link(payout.payee_type, payout.payee_id)

    @display(description="Total")
    def shown_total(self, payout):
        return money(payout.total, payout.currency)

    @display(description="Period")
    def period(self, payout):
        return f"{payout.period_start or 'first entry'} – {payout.period_end}"

    @display(description="Prepared")
    def prepared(self, payout):
        return moment(payout.prepared_at)


def sums(payouts):
    """What the list comes to, by currency. What is void is paid to nobody."""
    found = payouts.order_by().exclude(status="void").values("currency").annotate(total=Sum("total"), count=Count("pk"))
    return [
        {"count": each["count"], "total": money(each["total"], each["currency"])} for each in found.order_by("currency")
    ]


def _asked(request, payout):
    """What the payout's page gave along: the hash of the lines that it showed, or the lines that were chosen."""
    chosen = request.GET.getlist("entry")
    if "disputed" in request.GET:
        chosen = [str(pk) for pk in operations.disputed_lines(payout)]
    return {"lines_hash": request.GET.get("seen", ""), "entries": ",".join(chosen)}
