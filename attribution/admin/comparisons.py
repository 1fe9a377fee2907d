"""The model lab: asking for a comparison, watching it, reading what came of it."""

import datetime as dt
from decimal import Decimal

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from attribution import lab_tables, operations
from attribution.admin import lab_pictures
from attribution.admin.adding import AddByOperation
from attribution.admin.lab_form import LabForm
from attribution.models import Comparison, ModelConfig
from attribution_site.errors import DomainError
from conversions.models import Conversion
from partners.admin import moment, page_link
from partners.models import Broker, Partner
from touchpoints.models import Channel

STATUS_LABELS = {"Queued": "info", "Running": "warning", "Finished": "success", "Failed": "danger"}
# What the pictures and tables may show; the first if nothing is asked for.
SHOWN = {"commission": "Commission", "revenue": "Revenue", "conversions": "Conversions"}
# Who changes most: more bars would be a wall.
MOVERS = 24
PAYEES = {"partner": Partner, "broker": Broker}
TABLES = {"channel": "Channels", "payee": "Payees", "source": "Sources", "campaign": "Campaigns"}


def percent_done(comparison):
    """Rounded down: 100 is said when it is true."""
    if comparison.status == Comparison.Status.FINISHED:
        return 100.0
    total = comparison.conversions_total
    return min(int(1000 * comparison.conversions_done / total) / 10, 99.9) if total else 0.0


def is_over(comparison):
    return comparison.status in {Comparison.Status.FINISHED, Comparison.Status.FAILED}


def progress(comparison):
    text = comparison.get_status_display()
    if comparison.status == Comparison.Status.RUNNING:
        done, total = comparison.conversions_done, comparison.conversions_total
        text = f"{done:,} of {total:,} conversions" if done else "Preparing: what has to be learnt is learnt first"
    return {"over": is_over(comparison), "percent": percent_done(comparison), "text": text}


@admin.register(Comparison)
class ComparisonAdmin(AddByOperation):
    list_display = ["shown_period", "shown_contenders", "shown_currency", "shown_status", "created", "created_by"]
    list_display_links = ["shown_period"]
    list_select_related = ["created_by"]
    list_filter = [("status", ChoicesDropdownFilter)]
    sortable_by: list[str] = []
    show_add_link = False
    actions_list = ["compare"]
    operation_form = LabForm
    add_title = "Compare models"
    add_template = "admin/attribution/comparison/add.html"
    change_form_template = "admin/attribution/comparison/change_form.html"
    empty_title = "Nothing compared yet"
    empty_help = "Compare models over a period to see who would gain and lose, before anything is made payable."
    fieldsets = [("Who and when", {"fields": ["created_by", "created", "finished", "kept"]})]
    readonly_fields = ["created_by", "created", "finished", "kept"]

    class Media:
        css = {"all": ["attribution/configurations.css", "attribution/lab.css"]}
        js = ["attribution/progress.js", "attribution/lab.js"]

    @action(description="Compare models", permissions=["add"], icon="science", variant=ActionVariant.PRIMARY)
    def compare(self, request):
        return HttpResponseRedirect(reverse("admin:attribution_comparison_add"))

    def perform(self, *, by, **arguments):
        return operations.start_comparison(**arguments, by=by)

    def get_queryset(self, request):
        comparisons = super().get_queryset(request)
        is_page = request.resolver_match and "object_id" in request.resolver_match.kwargs
        return comparisons if is_page else comparisons.defer("result")

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Model lab", **(extra_context or {})})

    def add_view(self, request, form_url="", extra_context=None):
        response = super().add_view(request, form_url, extra_context)
        if hasattr(response, "context_data"):
            response.context_data["is_empty"] = not Conversion.objects.exists()
        return response

    def get_urls(self):
        views = {"progress": self.progress_view, "csv": self.csv_view, "delete-it": self.delete_it_view}
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"attribution_comparison_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def _visible(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Comparison, pk=pk)

    def progress_view(self, request, pk):
        return JsonResponse(progress(self._visible(request, pk)))

    def csv_view(self, request, pk):
        comparison = self._visible(request, pk)
        if comparison.result is None:
            messages.error(request, "There is no result yet.")
            return HttpResponseRedirect(reverse("admin:attribution_comparison_change", args=[pk]))
        headers = {"Content-Disposition": f'attachment; filename="{lab_tables.csv_name(comparison)}"'}
        return HttpResponse(lab_tables.as_csv(comparison), content_type="text/csv; charset=utf-8", headers=headers)

    def delete_it_view(self, request, pk):
        if not request.user.has_perm("attribution.delete_comparison"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._visible(request, pk)
        try:
            operations.delete_comparison(comparison_id=pk, by=request.user)
        except DomainError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:attribution_comparison_change", args=[pk]))
        messages.success(request, "The comparison is deleted.")
        return HttpResponseRedirect(reverse("admin:attribution_comparison_changelist"))

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        mine = obj.created_by_id == request.user.pk or request.user.is_superuser
        context |= {
            "title": f"Model lab: {period_text(obj)}",
            "period": period_text(obj),
            "currency": obj.question["currency"],
            "progress": progress(obj),
            "labels": [lab_tables.label(each) for each in obj.question["contenders"]],
            "may_delete": mine and request.user.has_perm("attribution.delete_comparison"),
            "may_add": self.has_add_permission(request),
        }
        if obj.result is not None:
            shown = request.GET.get("show")
            may_configure = request.user.has_perm("attribution.add_modelconfig")
            context |= result_page(obj, shown if shown in SHOWN else "commission", may_configure=may_configure)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Period", ordering="-id")
    def shown_period(self, comparison):
        return period_text(comparison)

    @display(description="Compared")
    def shown_contenders(self, comparison):
        return " · ".join(lab_tables.label(each) for each in comparison.question["contenders"])

    @display(description="Currency")
    def shown_currency(self, comparison):
        return comparison.question["currency"]

    @display(description="Status", label=STATUS_LABELS)
    def shown_status(self, comparison):
        return comparison.get_status_display()

    @display(description="Asked for")
    def created(self, comparison):
        return moment(comparison.created_at)

    @display(description="Over at")
    def finished(self, comparison):
        return moment(comparison.finished_at)

    @display(description="Kept until")
    def kept(self, comparison):
        return moment(comparison.created_at + operations.KEPT_FOR)


def period_text(comparison):
    """Whole days as days; the end, which is not in any more, as the day before."""
    start, end = (timezone.localtime(each) for each in lab_tables.period(comparison))
    last = end - dt.timedelta(microseconds=1)
    if (start.time(), end.time()) == (start.time().min, end.time().min):
        return f"{start:%Y-%m-%d} – {last:%Y-%m-%d}"
    return f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"


def result_page(comparison, shown, *, may_configure):
    result, contenders = comparison.result, lab_tables.totals(comparison)
    rows = {grouping: lab_tables.rows(result, grouping) for grouping in TABLES}
    names = lab_tables.payee_names(rows["payee"])
    channels = sorted(rows["channel"], key=lambda row: -getattr(row.cells[0], shown))
    return {
        "shown": shown,
        "shown_name": SHOWN[shown],
        "choices": SHOWN.items(),
        "unit": "" if shown == "conversions" else comparison.question["currency"],
        "total_commission": result["commission"] * lab_tables.CENT,
        "total_conversions": result["conversions"],
        "contenders": [each | {"configure": may_configure and configure_url(each)} for each in contenders],
        "picture": lab_pictures.grouped_bars(
            [(str(row_name(row, "channel", names)), [getattr(cell, shown) for cell in row.cells]) for row in channels]
        ),
        **movers(rows["payee"], names, shown, contenders),
        "tables": [
            {
                "name": grouping,
                "title": title,
                "rows": [table_row(row, grouping, names, shown) for row in rows[grouping]],
                "feet": feet(result, contenders, shown),
            }
            for grouping, title in TABLES.items()
        ],
    }


def movers(rows, names, shown, contenders):
    """The payees whose sum changes most, with their changes as bars; contenders that change nothing have none.

    The house is told beside them: it mostly moves by more than all others, whose bars would shrink to nothing."""
    changes = {tuple(row.name): [delta(cell, shown) for cell in row.cells] for row in rows if row.name}
    house = changes.pop(("house", ""), [0] * len(contenders))
    drawn = [n for n in range(len(contenders)) if any(each[n] for each in changes.values())]
    largest = sorted((name for name in changes if any(changes[name])), key=lambda name: -max(map(abs, changes[name])))
    bars = lab_pictures.diverging([[(n, changes[name][n]) for n in drawn] for name in largest[:MOVERS]])
    return {
        "movers": [{"name": names.get(name, name[1]), "bars": each} for name, each in zip(largest, bars, strict=False)],
        "movers_left": max(len(largest) - MOVERS, 0),
        "house": [(n, house[n]) for n in range(1, len(contenders)) if house[n]],
    }


def delta(cell, shown):
    return getattr(cell, f"{shown}_delta")


def table_row(row, grouping, names, shown):
    return {
        "name": row_name(row, grouping, names),
        "cells": [
            {"value": getattr(cell, shown), "delta": delta(cell, shown), "percentage": cell.percentage}
            for cell in row.cells
        ],
    }


def row_name(row, grouping, names):
    if row.name is None:
        return f"{row.others:,} others"
    match grouping:
        case "payee":
            kind, pk = row.name
            name = names.get((kind, pk), pk)
            return page_link(PAYEES[kind], pk, name) if kind in PAYEES else name
        case "campaign":
            return row.name[0] or "No campaign"
        case "source":
            channel, source = row.name
            return f"{Channel(channel).label} · {source or 'no source'}"
        case _:
            return Channel(row.name[0]).label


def feet(result, contenders, shown):
    """The lines that make a table's sum the total of all conversions: the same for every contender."""
    attributed_name = "attributed_conversions" if shown == "conversions" else shown
    total = Decimal(result[shown]) * (1 if shown == "conversions" else lab_tables.CENT)
    first = contenders[0]
    return [
        {
            "name": name,
            "cells": [{"value": each[column], "delta": each[column] - first[column]} for each in contenders],
        }
        for name, column in (("Attributed", attributed_name), ("Unattributed", f"unattributed_{shown}"))
    ] + [{"name": "All conversions", "cells": [{"value": total, "delta": Decimal(0)} for _ in contenders]}]


def configure_url(contender):
    """The form of a new version that begins with this one; trial parameters have to be typed in there."""
    if contender["model"] is None:
        return None
    add = reverse("admin:attribution_modelconfig_add")
    if contender["version"] is None:
        return f"{add}?model={contender['model']}"
    pk = ModelConfig.objects.values_list("pk", flat=True).get(model=contender["model"], version=contender["version"])
    return f"{add}?copy={pk}"
