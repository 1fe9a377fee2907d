"""The dispute report: a page with pictures and tables for a period, and each table as a file."""

import datetime as dt
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from partners.spreadsheets import csv_lines
from reports import disputes, pictures
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
        "cards": cards(found, start, end),
        "picture": pictures.disputes_by_week(found["weeks"]),
        "tables": tables(found, start, end),
    }
    return TemplateResponse(request, "reports/disputes.html", context)


def as_csv(request, section):
    if section not in COLUMNS:
        raise Http404
    start, end, errors, _ = asked(request)
    if errors:
        return HttpResponse(" ".join(errors), status=400, content_type="text/plain; charset=utf-8")
    columns = COLUMNS[section]
    period = [start.date().isoformat(), last_day(end).isoformat()]
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


def last_day(end):
    return (end - dt.timedelta(days=1)).date()


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
    return {"first": start.date(), "last": last_day(end), "custom": chosen is None, "periods": periods}


def queue(start=None, end=None, *, by="closed_at", **filters):
    """The link to the queue that lists what a figure counts."""
    if start:
        filters |= {f"{by}_from": start.date(), f"{by}_to": last_day(end)}
    return f"{reverse('admin:disputes_dispute_changelist')}?{urlencode(filters)}"


def cards(found, start, end):
    times, ended, again = found["times"], found["all"], found["appeals"]
    filed = sum(week["filed"] for week in found["weeks"])
    return [
        card("Filed", f"{filed:,}", f"{ended['closed']:,} closed, {ended['withdrawn']:,} of them withdrawn", "inbox",
             queue(start, end, by="filed_at", queue="all")),
        card("Time to a decision", hours(times["median"]), f"of work, the median; nine of ten within {hours(times['p90'])}", "timer",
             queue(start, end, queue="closed")),
        card("Decided in time", share(times["in_time"]), f"of {times['decided']:,} decided", "alarm_on", queue(queue="overdue")),
        card("Followed", share(ended["win_rate"]), f"{ended['resolved']:,} resolved, {ended['rejected']:,} rejected", "gavel",
             queue(start, end, queue="closed", status__exact="resolved")),
        card("Reopened", f"{again['filed']:,}", f"appeals filed; {again['won']:,} of {again['decided']:,} decided were won", "replay",
             queue(queue="appeals")),
    ]  # fmt: skip


def card(title, value, note, icon, href):
    return {"title": title, "value": value, "note": note, "icon": icon, "href": href}


def tables(found, start, end):
    """Title, name of the file, headers, rows; a row's first cell is a link to what it counts."""
    claimants = found["claimants"][: disputes.CLAIMANTS_SHOWN]
    closed = {"queue": "closed"}
    return [
        table("Win rate by claimant", "claimants", ["Claimant", *ENDED], [
            (row["name"], queue(start, end, **closed, claimant=f"{row['kind']}:{row['id']}"), *ended_cells(row)) for row in claimants
        ]),
        table("Win rate by type", "types", ["Type", *ENDED], [
            (row["title"], queue(start, end, **closed, dispute_type__exact=row["type"]), *ended_cells(row)) for row in found["types"]
        ]),
        table("Commission that moved", "moved", ["Payee", "Gained", "Lost", "Net"], [
            (row["name"], queue(start, end, **closed, claimant=f"{row['kind']}:{row['payee']}") if row["payee"] else "",
             *(f"{row[name]:,.2f} {row['currency']}" for name in ("gained", "lost", "net"))) for row in found["moved"]
        ]),
        table("Why claims were rejected", "rejections", ["Reason", "Disputes"], [
            (row["title"], queue(start, end, **closed, status__exact="rejected"), f"{row['number']:,}") for row in found["rejections"]
        ]),
        table("Open now, by age", "ages", ["Filed", "Open", "Overdue"], [
            (f"{row['title']} ago", queue(queue="open"), f"{row['open']:,}", f"{row['overdue']:,}") for row in found["ages"]
        ]),
    ]  # fmt: skip


ENDED = ["Closed", "Resolved", "Rejected", "Withdrawn", "Win rate"]


def ended_cells(row):
    return [*(f"{row[name]:,}" for name in ("closed", "resolved", "rejected", "withdrawn")), share(row["win_rate"])]


def table(title, section, headers, rows):
    return {"title": title, "section": section, "headers": headers, "rows": rows}


def share(part):
    return "–" if part is None else f"{part * 100:.0f} %"


def hours(number):
    return "–" if number is None else f"{number:,.1f} h"
