"""The dispute report's numbers and tables as its page shows them, each with a link to the queue that lists them."""

import datetime as dt
from urllib.parse import urlencode

from django.urls import reverse

from reports.disputes import CLAIMANTS_SHOWN

ENDED = ["Closed", "Resolved", "Rejected", "Withdrawn", "Win rate"]


def last_day(end):
    return (end - dt.timedelta(days=1)).date()


def queue(start=None, end=None, *, by="closed_at", **filters):
    if start:
        filters |= {f"{by}_from": start.date(), f"{by}_to": last_day(end)}
    return f"{reverse('admin:disputes_dispute_changelist')}?{urlencode(filters)}"


def of_age(row):
    return queue(queue="open", **{f"filed_at_{end}": row[end] for end in ("from", "to") if end in row})


def cards(found, start, end):
    times, ended, again = found["times"], found["all"], found["appeals"]
    filed = sum(week["filed"] for week in found["weeks"])
    closed = queue(start, end, queue="closed")
    return [
        {
            "title": "Filed",
            "value": f"{filed:,}",
            "note": f"{ended['closed']:,} closed, {ended['withdrawn']:,} of them withdrawn",
            "icon": "inbox",
            "href": queue(start, end, by="filed_at", queue="all"),
        },
        {
            "title": "Time to a decision",
            "value": hours(times["median"]),
            "note": f"of work, the median; nine of ten within {hours(times['p90'])}",
            "icon": "timer",
            "href": closed,
        },
        {
            "title": "Decided in time",
            "value": share(times["in_time"]),
            "note": f"of {times['decided']:,} decided",
            "icon": "alarm_on",
            "href": closed,
        },
        {
            "title": "Win rate",
            "value": share(ended["win_rate"]),
            "note": f"{ended['resolved']:,} resolved, {ended['rejected']:,} rejected",
            "icon": "gavel",
            "href": queue(start, end, queue="closed", status__exact="resolved"),
        },
        {
            "title": "Reopened",
            "value": f"{again['filed']:,}",
            "note": f"appeals filed; {again['won']:,} of {again['decided']:,} decided were won",
            "icon": "replay",
            "href": queue(queue="appeals"),
        },
    ]


def tables(found, start, end):
    """A row's first two cells are its name and the link to the queue."""

    def closed(**filters):
        return queue(start, end, queue="closed", **filters)

    claimants = [
        (row["name"], closed(claimant=f"{row['kind']}:{row['id']}"), *ended_cells(row))
        for row in found["claimants"][:CLAIMANTS_SHOWN]
    ]
    types = [(row["title"], closed(dispute_type__exact=row["type"]), *ended_cells(row)) for row in found["types"]]
    moved = [
        (row["name"], closed(claimant=f"{row['kind']}:{row['payee']}") if row["payee"] else "", *moved_cells(row))
        for row in found["moved"]
    ]
    rejected = closed(status__exact="rejected")
    rejections = [(row["title"], rejected, f"{row['number']:,}") for row in found["rejections"]]
    ages = [(row["title"], of_age(row), f"{row['open']:,}", f"{row['overdue']:,}") for row in found["ages"]]
    return [
        table("Win rate by claimant", "claimants", ["Claimant", *ENDED], claimants),
        table("Win rate by type", "types", ["Type", *ENDED], types),
        table("Commission that moved", "moved", ["Payee", "Gained", "Lost", "Net"], moved),
        table("Why claims were rejected", "rejections", ["Reason", "Disputes"], rejections),
        table("Open now, by age", "ages", ["Filed", "Open", "Overdue"], ages),
    ]


def table(title, section, headers, rows):
    return {"title": title, "section": section, "headers": headers, "rows": rows}


def ended_cells(row):
    return [*(f"{row[name]:,}" for name in ("closed", "resolved", "rejected", "withdrawn")), share(row["win_rate"])]


def moved_cells(row):
    return [f"{row[name]:,.2f} {row['currency']}" for name in ("gained", "lost", "net")]


def share(part):
    return "–" if part is None else f"{part * 100:.0f} %"


def hours(number):
    return "–" if number is None else f"{number:,.1f} h"
