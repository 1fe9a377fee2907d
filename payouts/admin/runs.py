"""Payout runs: the list, what a new one would pay, and the page of one while it is built and after."""

from collections import Counter

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from attribution.admin.adding import OperationForm
from conversions.admin import money
from partners.admin import PlainAdmin, moment, payee_link
from payouts import operations
from payouts.admin.forms import LOOK, tried
from payouts.models import LeftOut, PayoutRun, Status
from touchpoints.admin import as_uuid

SHOWN = 200
WHAT_TO_DO = {
    "on_hold": "Lift the hold under Holds.",
    "disputed": "Decide the disputes.",
    "under_minimum": "Nothing: it is paid once it is enough.",
    "negative": "Nothing: it nets against what is earned next.",
    "inactive": "Make the payee active again, or adjust what is open.",
    "no_bank_details": "Confirm an account of the payee.",
    "currency": "Agree on a method that pays this currency.",
}


class RunForm(OperationForm):
    period_end = forms.DateField(
        label="Up to", widget=UnfoldAdminSingleDateWidget, help_text="The last day whose entries are paid, UTC."
    )
    period_start = forms.DateField(
        required=False,
        label="From",
        widget=UnfoldAdminSingleDateWidget,
        help_text="Stands on the payouts. What is open from before is paid all the same.",
    )
    currency = forms.CharField(
        required=False, max_length=3, widget=UnfoldAdminTextInputWidget, help_text="Empty: all currencies."
    )

    def clean_currency(self):
        return self.cleaned_data["currency"].strip().upper()


@admin.register(PayoutRun)
class PayoutRunAdmin(PlainAdmin):
    list_display = ["shown_end", "shown_currency", "shown_status", "progress", "created_by", "created"]
    list_select_related = ["created_by"]
    list_filter = ["status"]
    sortable_by: list[str] = []
    actions = None
    empty_title = "No payout runs yet"
    empty_help = "Add one: you see what it would pay before it is started."

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def add_view(self, request, form_url="", extra_context=None):
        """The form, then what it would pay, then the run is started as it was shown."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RunForm(request.POST or None)
        step = request.POST.get("step", "")
        if step == "start" and form.is_valid():
            run = tried(form, lambda: operations.start_run(by=request.user, **form.cleaned_data))
            if run:
                messages.success(request, "The payout run is being built.")
                return HttpResponseRedirect(reverse("admin:payouts_payoutrun_change", args=[run.pk]))
        elif step == "preview" and form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("period_end", "currency")}
            dues = tried(form, lambda: operations.preview_run(**asked))
            if dues is not None:
                return self._page(request, "preview", form, title="What this run would pay", **previewed(dues))
        return self._page(request, "run_form", form, title="New payout run")

    def _page(self, request, name, form, **context):
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": LOOK + form.media, "form": form}
        status = 422 if form.errors else 200
        return TemplateResponse(request, f"admin/payouts/{name}.html", shared | context, status=status)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        runs = self.get_queryset(request).select_related("created_by")
        run = get_object_or_404(runs, pk=as_uuid(object_id))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": LOOK,
            "title": str(run),
            "run": run,
            "may_export": request.user.has_perm("payouts.change_payout"),
            "is_building": run.status == PayoutRun.Status.BUILDING,
            "payouts": payouts_of(run),
            **left_out_of(run, request.GET.get("reason", "")),
        }
        return TemplateResponse(request, "admin/payouts/run.html", context)

    @display(description="Up to")
    def shown_end(self, run):
        return f"{run.period_end:%Y-%m-%d}"

    @display(description="Currency")
    def shown_currency(self, run):
        return run.currency or "All"

    @display(description="State", label={"Building": "info", "Built": "success", "Failed": "danger"})
    def shown_status(self, run):
        return run.get_status_display()

    @display(description="Payees looked at")
    def progress(self, run):
        return f"{run.payees_done:,}"

    @display(description="Started")
    def created(self, run):
        return moment(run.created_at)


def previewed(dues):
    """Sums of all payees; rows of the first of them."""
    paid = [each for each in dues if each.is_paid]
    totals: Counter[str] = Counter()
    counts = Counter(each.open.currency for each in paid)
    for each in paid:
        totals[each.open.currency] += each.total
    left = [(each, reason) for each in dues for reason in each.reasons]
    return {
        "totals": [{"total": money(totals[name], name), "count": counts[name]} for name in sorted(counts)],
        "paid_count": len(paid),
        "left_count": len(left),
        "shown": SHOWN,
        "paid": [
            {
                "payee": payee_link(each.open.payee_type, each.open.payee_id),
                "entries": each.open.entries,
                "earned": money(each.open.earned, each.open.currency),
                "owes": money(each.open.owes, each.open.currency),
                "carried": money(each.carried, each.open.currency),
                "total": money(each.total, each.open.currency),
            }
            for each in paid[:SHOWN]
        ],
        "left": [_left(each.open, reason) for each, reason in left[:SHOWN]],
    }


def _left(whose, reason):
    return {
        "payee": payee_link(whose.payee_type, whose.payee_id),
        "amount": money(reason.amount, whose.currency),
        "entries": reason.entries,
        "reason": LeftOut.Code(reason.code).label,
        "detail": reason.detail,
        "to_do": WHAT_TO_DO[reason.code],
    }


def payouts_of(run):
    found = run.payouts.order_by().values("status", "currency").annotate(count=Count("pk"), total=Sum("total"))
    return [
        {
            "status": Status(each["status"]).label,
            "count": each["count"],
            "total": money(each["total"], each["currency"]),
        }
        for each in found.order_by("status", "currency")
    ]


def left_out_of(run, reason):
    by_reason = run.left_out.order_by().values("code").annotate(count=Count("pk")).order_by("code")
    rows = run.left_out.filter(code=reason) if reason in LeftOut.Code.values else run.left_out.all()
    return {
        "reasons": [
            {"code": each["code"], "label": LeftOut.Code(each["code"]).label, "count": each["count"]}
            for each in by_reason
        ],
        "reason": reason,
        "shown": SHOWN,
        "left_count": rows.count(),
        "left": [_left(each, each) for each in rows[:SHOWN]],
    }
