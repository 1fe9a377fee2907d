"""The queues: which disputes there are, whose they are, what is due."""

import functools

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.admin import checkbox
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeNumericFilter, TextFilter
from unfold.decorators import action, display

from attribution_site.spreadsheets import csv_lines
from conversions.admin import money
from conversions.models import Conversion
from disputes import operations
from disputes.actors import Actor
from disputes.admin import badges, finding, tabs
from disputes.admin.csv_pages import CsvPages
from disputes.deciders import deciders
from disputes.models import Dispute
from disputes.operations import bulk
from partners.admin import NOTHING, ReadOnlyAdmin, list_link, page_link
from partners.admin.counting import bounded_counts, told_count
from partners.admin.pages import words_of
from partners.models import Broker, Partner
from touchpoints.admin import BigPaginator, DayRangeFilter

MOST_COUNTED = 99
EXPORTED = [
    "number",
    "id",
    "status",
    "dispute_type",
    "claimant_type",
    "claimant_id",
    "lead_id",
    "conversion_id",
    "record_id",
    "at_stake",
    "expected_amount",
    "currency",
    "filed_at",
    "due_at",
    "closed_at",
    "assigned_to__username",
    "rejection",
    "reason",
    "resolution",
]


class QueuePaginator(BigPaginator):
    counted = 10_000  # more than anybody pages through


class TabFilter(admin.SimpleListFilter):
    """Which queue is looked at. Its tabs stand above the list; among the filters it only keeps the tab."""

    title = "queue"
    parameter_name = "queue"
    template = "admin/queue/kept_tab.html"

    def lookups(self, request, model_admin):
        return [(name, title) for name, (title, _) in tabs.TABS.items()]

    def queryset(self, request, queryset):
        return tabs.in_tab(queryset, chosen_tab(request), request.user)


def chosen_tab(request):
    """What is open comes first. Who searches, or asks for a state, looks through all unless they say otherwise."""
    asked = request.GET.get("queue")
    if asked in tabs.TABS:
        return asked
    return "all" if request.GET.get("q", "").strip() or request.GET.get("status__exact") else "open"


class ClaimantFilter(TextFilter):
    """By the id alone, or by partner:… and broker:… as links give it."""

    title = "claimant id"
    parameter_name = "claimant"

    def queryset(self, request, queryset):
        text = (self.value() or "").strip()
        if not text:
            return queryset
        kind, _, pk = text.partition(":")
        if kind in {"partner", "broker"} and pk:
            return queryset.filter(claimant_type=kind, claimant_id=pk)
        return queryset.filter(claimant_type__in=["partner", "broker"], claimant_id=text)


class AssigneeFilter(DropdownFilter):
    title = "assigned to"
    parameter_name = "assignee"

    def lookups(self, request, model_admin):
        return [("me", "Me"), ("nobody", "Nobody"), *((str(each.pk), each.get_username()) for each in deciders())]

    def queryset(self, request, queryset):
        match self.value():
            case None | "":
                return queryset
            case "me":
                return queryset.filter(assigned_to=request.user)
            case "nobody":
                return queryset.filter(assigned_to=None)
        return queryset.filter(assigned_to_id=int(self.value())) if self.value().isdigit() else queryset.none()


class AmountFilter(RangeNumericFilter):
    title = "at stake"


class AssignForm(forms.Form):
    to: forms.ModelChoiceField = forms.ModelChoiceField(queryset=None, label="Whose work", empty_label=None)
    take_over = forms.BooleanField(required=False, label="Take over what somebody else has")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        to = self.fields["to"]
        assert isinstance(to, forms.ModelChoiceField)
        to.queryset = deciders()


class Queue(CsvPages):
    list_display = [
        "shown_number",
        "shown_status",
        "shown_type",
        "claimant",
        "lead",
        "shown_stake",
        "shown_due",
        "shown_assignee",
        "conversion",
    ]
    list_display_links = ["shown_number"]
    list_select_related = ["assigned_to"]
    sortable_by: list[str] = []
    # A row costs milliseconds to draw. Who works from the top needs no more of them at once.
    list_per_page = 25
    paginator = QueuePaginator
    list_filter = [
        TabFilter,
        ("status", ChoicesDropdownFilter),
        ("dispute_type", ChoicesDropdownFilter),
        ClaimantFilter,
        AssigneeFilter,
        ("due_at", DayRangeFilter),
        ("filed_at", DayRangeFilter),
        ("closed_at", DayRangeFilter),
        ("at_stake", AmountFilter),
    ]
    search_fields = ["number"]
    search_help_text = "D-1001, lead, policy, partner or broker, id"
    empty_title = "No disputes here"
    empty_help = "Partners and brokers file them by POST /disputes, and the house from a record's page or by CSV."
    actions = ["assign_to_me", "assign_selected"]
    actions_list = ["open_file_csv", "open_resolve_csv"]
    list_before_template = "admin/queue/tabs.html"

    class Media:
        css = {"all": ["queue/queue.css"]}

    def get_ordering(self, request):
        return tabs.TABS[chosen_tab(request)][1]

    def get_search_results(self, request, queryset, search_term):
        return finding.found(queryset, search_term), False

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def get_urls(self):
        export = self.admin_site.admin_view(self.export_view)
        return [path("export.csv", export, name="disputes_dispute_export"), *super().get_urls()]

    def get_changelist_instance(self, request):
        found = super().get_changelist_instance(request)
        found.result_list = with_names(found.result_list)
        return found

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"tabs": self.tabs(request)} | (extra_context or {}))

    def tabs(self, request):
        mine = Dispute.objects.visible_to(request.user)
        counts = bounded_counts({name: tabs.in_tab(mine, name, request.user) for name in tabs.COUNTED}, MOST_COUNTED)
        return [
            {
                "title": title,
                "name": name,
                "active": name == chosen_tab(request),
                "count": told_count(counts[name], MOST_COUNTED) if counts.get(name) else "",
                "urgent": name == "overdue",
            }
            for name, (title, _) in tabs.TABS.items()
        ]

    def export_view(self, request):
        """What the list shows, all pages of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).queryset.values_list(*EXPORTED).iterator(chunk_size=2000)
        shown = ([each.isoformat() if hasattr(each, "isoformat") else each for each in row] for row in rows)
        names = [name.partition("__")[0] for name in EXPORTED]
        answer = StreamingHttpResponse(csv_lines(names, shown), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="disputes.csv"'
        return answer

    @action(description="File from CSV", permissions=["file"], icon="upload_file")
    def open_file_csv(self, request):
        return HttpResponseRedirect(reverse("admin:disputes_dispute_file_csv"))

    @action(description="Resolve from CSV", permissions=["decide"], icon="gavel")
    def open_resolve_csv(self, request):
        return HttpResponseRedirect(reverse("admin:disputes_dispute_resolve_csv"))

    def has_file_permission(self, request, object_id=None):
        return request.user.has_perm("disputes.add_dispute")

    def has_decide_permission(self, request, object_id=None):
        return request.user.has_perm("disputes.resolve_dispute")

    def has_assign_permission(self, request, object_id=None):
        return request.user.has_perm("disputes.change_dispute")

    @action(description="Assign to me…", permissions=["assign"])
    def assign_to_me(self, request, queryset):
        return self._assign(request, queryset, request.user)

    @action(description="Assign to somebody…", permissions=["assign"])
    def assign_selected(self, request, queryset):
        return self._assign(request, queryset, None)

    def _assign(self, request, queryset, to):
        """First what will happen, then it is done, row by row, each outcome told."""
        form = AssignForm(request.POST if "to" in request.POST else None, initial={"to": to and to.pk})
        chosen = with_names(queryset.order_by("due_at", "id").select_related("assigned_to"))
        outcomes = None
        if form.is_valid():
            asked = form.cleaned_data | {"by": Actor(user=request.user)}
            rows = [{"dispute_id": each.pk, **asked} for each in chosen]
            outcomes = bulk.each(rows, operations.assign_dispute)
        return TemplateResponse(
            request,
            "admin/queue/assign.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Assign disputes",
                "media": self.media,
                "form": form,
                "action": request.POST.get("action"),
                "disputes": assigned(chosen, outcomes),
                "done": outcomes is not None,
            },
        )

    # Drawn once and filled in: unfold would render a template for each row. The head of the column stays unfold's.
    @display(description=ReadOnlyAdmin.action_checkbox.short_description)
    def action_checkbox(self, dispute):
        return format_html(_checkbox(), dispute.pk)

    @display(description="Dispute")
    def shown_number(self, dispute):
        appeal = format_html('<small class="appeal">{}</small>', "appeal") if dispute.appeal_of_id else ""
        return format_html("D-{}{}", dispute.number, appeal)

    @display(description="State", label=badges.STATUS_LABELS)
    def shown_status(self, dispute):
        return dispute.get_status_display()

    @display(description="Type")
    def shown_type(self, dispute):
        return dispute.get_dispute_type_display()

    @display(description="Claimant")
    def claimant(self, dispute):
        model = {"partner": Partner, "broker": Broker}[dispute.claimant_type]
        return page_link(model, dispute.claimant_id, getattr(dispute, "claimant_name", None))

    @display(description="Lead")
    def lead(self, dispute):
        return list_link("disputes_dispute", dispute.lead_id, q=dispute.lead_id)

    @display(description="At stake")
    def shown_stake(self, dispute):
        return money(dispute.at_stake, dispute.currency)

    @display(description="Due")
    def shown_due(self, dispute):
        return badges.due(dispute)

    @display(description="Assigned to")
    def shown_assignee(self, dispute):
        return dispute.assigned_to or NOTHING

    @display(description="Conversion")
    def conversion(self, dispute):
        return page_link(Conversion, dispute.conversion_id, "Show")


@functools.cache
def _checkbox():
    return checkbox.render(ACTION_CHECKBOX_NAME, "{}")


def with_names(disputes):
    """The claimants' names, of the page's rows alone: two look-ups, however long the list is."""
    shown = list(disputes)
    names: dict[tuple[str, str], str] = {}
    for kind, model in (("partner", Partner), ("broker", Broker)):
        ids = {each.claimant_id for each in shown if each.claimant_type == kind}
        names |= {(kind, pk): name for pk, name in model.objects.filter(pk__in=ids).values_list("pk", "name")}
    for each in shown:
        each.claimant_name = names.get(each.claimant)
    return shown


def assigned(disputes, outcomes):
    rows = [{"dispute": each, "due": badges.due(each)} for each in disputes]
    for row, outcome in zip(rows, outcomes or [], strict=False):
        row["refused"] = words_of(outcome.error) if outcome.error else ""
    return rows
