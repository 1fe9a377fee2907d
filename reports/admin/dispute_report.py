"""The dispute report: a page with pictures and tables for a period, and each table as a file."""

import datetime as dt

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from attribution_site.spreadsheets import csv_lines
from reports import disputes, pictures
from reports.admin import dispute_tables
from reports.dashboard import DEFAULT_DAYS, PERIODS, PeriodForm

PERMISSIONS = ["disputes.view_dispute", "reports.view_report"]
LONGEST = dt.timedelta(days=3660)
COLUMNS = {
    "weeks": ("week", "filed", "closed"),
    "types": ("type", "closed", "resolved", "rejected", "withdrawn", "win_rate"),
    "claimants": ("kind", "id", "name", "closed", "resolved", "rejected", "withdrawn", "win_rate"),
    "rejections": ("rejection", "title", "number"),
    "moved": ("currency", "kind", "payee", "name", "gained", "lost", "net"),
    "ages": ("title", "open", "overdue"),
}


def page(request):
    start, end, errors, picked = asked(request)
    found = figures(start, end)
    context = {
        **admin.site.each_context(request),
        "title": "Dispute report",
        "report": found,
        "picker": picker(start, end, picked),
        "errors": errors,
        "cards": dispute_tables.cards(found, start, end),
        "picture": pictures.disputes_by_week(found["weeks"]),
        "tables": dispute_tables.tables(found, start, end),
    }
    return TemplateResponse(request, "reports/disputes.html", context)


def as_csv(request, section):
    if section not in COLUMNS:
        raise Http404
    start, end, errors, _ = asked(request)
    if errors:
        return HttpResponse(" ".join(errors), status=400, content_type="text/plain; charset=utf-8")
    columns = COLUMNS[section]
    period = [start.date().isoformat(), dispute_tables.last_day(end).isoformat()]
    rows = ([*period, *(row[name] for name in columns)] for row in figures(start, end)[section])
    answer = HttpResponse("".join(csv_lines(["from", "to", *columns], rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="disputes-{section}-{period[0]}-{period[1]}.csv"'
    return answer


def asked(request):
    """The period, what is wrong with it, and what was picked; of a wrong one the usual one is shown."""
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    form = PeriodForm(request.GET)
    picked = form.cleaned_data if form.is_valid() else {}
    errors = [str(text) for texts in form.errors.values() for text in texts]
    if picked.get("start") and not dt.timedelta(0) <= picked["end"] - picked["start"] <= LONGEST:
        errors, picked = ["It ends before it starts, or is longer than ten years."], {}
    last = picked.get("end") or timezone.now().astimezone(dt.UTC).date()
    first = picked.get("start") or last - dt.timedelta(days=(picked.get("days") or DEFAULT_DAYS) - 1)
    start, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (first, last + dt.timedelta(days=1)))
    return start, end, errors, picked


def figures(start, end):
    ended = disputes.outcomes(start, end)
    money = disputes.moved(start, end)
    named = disputes.names(
        [(row["kind"], row["id"]) for row in ended["claimants"]] + [(r["kind"], r["payee"]) for r in money]
    )
    for row in ended["claimants"]:
        row["name"] = named.get((row["kind"], row["id"]), row["id"])
    for row in money:
        row["name"] = named.get((row["kind"], row["payee"]), row["payee"]) or "The house"
    return {
        "weeks": disputes.weeks(start, end),
        **ended,
        "times": disputes.times(start, end),
        "moved": money,
        "appeals": disputes.appeals(start, end),
        "ages": disputes.ages(),
    }


def picker(start, end, picked):
    chosen = None if picked.get("start") else picked.get("days") or DEFAULT_DAYS
    periods = [{"title": title, "link": f"?days={days}", "active": days == chosen} for days, title in PERIODS.items()]
    return {"first": start.date(), "last": dispute_tables.last_day(end), "custom": chosen is None, "periods": periods}
