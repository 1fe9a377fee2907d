"""Runs: starting one, watching it, cancelling it."""

import datetime as dt

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
)

from attribution import operations
from attribution.admin.adding import AddByOperation, OperationForm
from attribution.admin.configurations import known_models
from attribution.engine.models import MODELS
from attribution.models import AttributionModel, Finding, Run, Shard
from attribution_site.errors import DomainError
from conversions.models import Conversion
from partners.admin import ReadOnlyAdmin, moment, page_link
from touchpoints.admin import DayRangeFilter, exactly

FINDINGS_SHOWN = 50
STATUS_LABELS = {
    "Queued": "info",
    "Running": "warning",
    "Finished": "success",
    "Failed": "danger",
    "Cancelled": "default",
}
ADVICE = {
    Finding.Code.FROZEN_DIFFERS: (
        "The records are approved, disputed or paid, so nothing was changed. Compare them with the new "
        "result; when the new result is right, Finance books the difference as an adjustment."
    ),
}


class StartForm(OperationForm):
    submit_text = "Start the run"
    done_text = "The run is started."

    start = forms.DateField(
        required=False,
        label="First day",
        widget=UnfoldAdminSingleDateWidget,
        help_text="Conversions from this day on, in your time zone. Empty: from the beginning.",
    )
    end = forms.DateField(
        required=False,
        label="Last day",
        widget=UnfoldAdminSingleDateWidget,
        help_text="Up to the end of this day. Empty: until now.",
    )
    model_names = forms.MultipleChoiceField(
        required=False,
        label="Models",
        choices=known_models,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None ticked: all of them.",
    )
    lead_ids = forms.CharField(
        required=False,
        label="Leads",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="Lead ids, one a line. Empty: all leads.",
    )

    def clean(self):
        first, last = self.cleaned_data.get("start"), self.cleaned_data.get("end")
        if first and last and last < first:
            self.add_error("end", "The last day is before the first day.")

    def arguments(self):
        asked = self.cleaned_data
        return {
            "start": midnight(asked["start"]),
            "end": midnight(asked["end"], days_later=1),
            "model_names": asked["model_names"] or None,
            "lead_ids": asked["lead_ids"].split() or None,
        }


def midnight(day, *, days_later=0):
    """When the day begins for the reader."""
    if day is None:
        return None
    day += dt.timedelta(days=days_later)
    return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())


def progress(run):
    """Where a run stands, as its page shows it. `run` comes from `with_counts()`."""
    shards = list(run.shards.values_list("status", "error"))
    until = run.finished_at or timezone.now()
    seconds = (until - run.started_at).total_seconds() if run.started_at else 0
    rate = run.conversions_done / seconds if seconds > 0 else 0
    missing = max(run.conversions_total - run.conversions_done, 0)
    return {
        "status": run.status,
        "status_text": run.get_status_display(),
        "over": run.is_over,
        "percent": percent_done(run),
        "counts": {name: getattr(run, name) for name in Shard.COUNTS},
        "seconds": round(seconds, 1),
        "rate": round(rate),
        "seconds_left": round(missing / rate) if rate and not run.is_over else None,
        "shards": [status for status, _ in shards],
        "errors": sorted({error for _, error in shards if error})[:5],
        "findings": run.findings.count(),
    }


def percent_done(run):
    """Rounded down: 100 is said when it is true."""
    if run.conversions_total:
        return int(1000 * run.conversions_done / run.conversions_total) / 10
    return 100.0 if run.status == Run.Status.FINISHED else 0.0


@admin.register(Run)
class RunAdmin(AddByOperation):
    list_display = [
        "created",
        "shown_status",
        "period",
        "shown_models",
        "scope",
        "done",
        "shown_rate",
        "created_by",
    ]
    list_display_links = ["created"]
    list_select_related = ["created_by"]
    list_filter = [("created_at", DayRangeFilter), ("status", ChoicesDropdownFilter)]
    sortable_by: list[str] = []
    show_add_link = False
    actions_list = ["start"]
    operation_form = StartForm
    add_title = "Start a run"
    change_form_template = "admin/attribution/run/change_form.html"
    empty_title = "No runs yet"
    empty_help = "A run calculates who earned what, for all conversions or for a period."
    fieldsets = [
        ("What was asked", {"fields": ["period", "models", "scope"]}),
        ("Who and when", {"fields": ["id", "created_by", "created", "started", "finished"]}),
    ]
    readonly_fields = ["period", "models", "scope", "created", "started", "finished"]

    class Media:
        js = ["attribution/run.js"]

    @action(description="Start a run", permissions=["add"], icon="play_arrow", variant=ActionVariant.PRIMARY)
    def start(self, request):
        return HttpResponseRedirect(reverse("admin:attribution_run_add"))

    def perform(self, *, by, **arguments):
        return operations.start_run(**arguments, created_by=by)

    def get_queryset(self, request):
        return super().get_queryset(request).with_counts()

    def get_urls(self):
        own = [
            path(
                "<uuid:pk>/progress/",
                self.admin_site.admin_view(self.progress_view),
                name="attribution_run_progress",
            ),
            path(
                "<uuid:pk>/cancel/",
                self.admin_site.admin_view(self.cancel_view),
                name="attribution_run_cancel",
            ),
        ]
        return own + super().get_urls()

    def progress_view(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(progress(get_object_or_404(self.get_queryset(request), pk=pk)))

    def cancel_view(self, request, pk):
        if not request.user.has_perm("attribution.change_run"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        get_object_or_404(Run, pk=pk)
        try:
            operations.cancel_run(run_id=pk)
        except DomainError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The run is cancelled. What it had stored stays.")
        return HttpResponseRedirect(reverse("admin:attribution_run_change", args=[pk]))

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        context |= {
            "title": str(obj),
            "progress": progress(obj),
            "may_cancel": not obj.is_over and request.user.has_perm("attribution.change_run"),
            "findings": [described(finding) for finding in obj.findings.all()[:FINDINGS_SHOWN]],
        }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Started", ordering="-id")
    def created(self, run):
        return moment(run.created_at)

    @display(description="First shard at")
    def started(self, run):
        return moment(run.started_at)

    @display(description="Over at")
    def finished(self, run):
        return moment(run.finished_at)

    @display(description="Status", label=STATUS_LABELS)
    def shown_status(self, run):
        return run.get_status_display()

    @display(description="Period")
    def period(self, run):
        if not (run.start or run.end):
            return "All time"
        first = f"from {timezone.localtime(run.start):%Y-%m-%d %H:%M}" if run.start else ""
        last = f"before {timezone.localtime(run.end):%Y-%m-%d %H:%M}" if run.end else ""
        return f"{first} {last}".strip().capitalize()

    @display(description="Models")
    def models(self, run):
        labels = dict(AttributionModel.choices)
        return ", ".join(str(labels.get(name, name)) for name in run.model_names)

    @display(description="Models")
    def shown_models(self, run):
        """Short where all are meant: a list has no room for five names in each row."""
        return "All" if set(MODELS) <= set(run.model_names) else self.models(run)

    @display(description="Leads")
    def scope(self, run):
        if run.lead_ids:
            return f"{len(run.lead_ids):,} leads" if len(run.lead_ids) > 1 else run.lead_ids[0]
        if run.conversion_ids:
            return f"{len(run.conversion_ids):,} conversions"
        return "All"

    @display(description="Done")
    def done(self, run):
        percent = percent_done(run)
        return format_html(
            '<span class="bar"><i style="width:{}%"></i></span>{} of {}',
            percent,
            f"{run.conversions_done:,}",
            f"{run.conversions_total:,}",
        )

    @display(description="Conversions a second")
    def shown_rate(self, run):
        if not (run.started_at and run.finished_at and run.conversions_done):
            return None
        seconds = max((run.finished_at - run.started_at).total_seconds(), 0.001)
        return f"{run.conversions_done / seconds:,.0f}"


def described(finding):
    return {
        "conversion": page_link(Conversion, finding.conversion_id),
        "model": finding.get_model_display(),
        "what": finding.get_code_display(),
        "detail": finding.detail,
        "advice": ADVICE.get(finding.code, ""),
    }


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    list_display = ["what", "model", "conversion", "of_run", "todo"]
    list_display_links = ["what"]
    list_filter = [("model", ChoicesDropdownFilter), exactly("run_id", "run id")]
    sortable_by: list[str] = []
    ordering = ["-id"]
    fieldsets = [(None, {"fields": ["what", "model", "conversion", "of_run", "detail", "todo"]})]
    readonly_fields = ["what", "conversion", "of_run", "todo"]
    empty_title = "No findings"
    empty_help = "A run reports here what it could not write, because money was approved, disputed or paid."

    @display(description="Finding")
    def what(self, finding):
        return finding.get_code_display()

    @display(description="Conversion")
    def conversion(self, finding):
        return page_link(Conversion, finding.conversion_id)

    @display(description="Run")
    def of_run(self, finding):
        return page_link(Run, finding.run_id)

    @display(description="What to do")
    def todo(self, finding):
        return ADVICE.get(finding.code, "")
