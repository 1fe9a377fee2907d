"""What the dispute report reads: how many came and went, how long it took, who was right, what money moved.

A period takes its start and leaves its end out, its days are days of UTC. One statement a figure. Currencies never mix.
"""

import datetime as dt
import math
from collections import defaultdict
from itertools import accumulate, pairwise

from django.db import connection
from django.db.models import Count, F, Q, Sum, Value
from django.db.models.functions import TruncWeek
from django.utils import timezone

from attribution.models import SettlementLine
from disputes.clock import BusinessHours
from disputes.models import Dispute
from partners.models import Broker, Partner

Status = Dispute.Status
DAY, WEEK, HOUR = dt.timedelta(days=1), dt.timedelta(days=7), dt.timedelta(hours=1)
CLAIMANTS_SHOWN = 20
# Days since filing, from and to: the last part is of all that are older.
AGES = (
    (0, 0, "Today"),
    (1, 2, "1 or 2 days ago"),
    (3, 6, "3 to 6 days ago"),
    (7, 13, "7 to 13 days ago"),
    (14, None, "14 days ago or before"),
)

# Of what was closed: by type, by claimant, by reason of rejection, and in all.
OUTCOMES = """
    SELECT dispute_type, claimant_type, claimant_id, rejection,
        grouping(dispute_type, claimant_id, rejection) AS level,
        count(*) FILTER (WHERE status = 'resolved'), count(*) FILTER (WHERE status = 'rejected'),
        count(*) FILTER (WHERE status = 'withdrawn')
    FROM disputes_dispute WHERE closed_at >= %(start)s AND closed_at < %(end)s
    GROUP BY GROUPING SETS ((dispute_type), (claimant_type, claimant_id), (rejection), ())
"""


def within(name, start, end):
    return {f"{name}__gte": start, f"{name}__lt": end}


def weeks(start, end):
    """Filed and closed in each week that the period touches, weeks without any included."""
    filed = _by_week(Dispute.objects.filter(**within("filed_at", start, end)), "filed_at", "filed")
    closed = _by_week(Dispute.objects.filter(**within("closed_at", start, end)), "closed_at", "closed")
    counts: defaultdict[dt.date, dict[str, int]] = defaultdict(lambda: {"filed": 0, "closed": 0})
    for week, kind, number in filed.union(closed, all=True):
        counts[week.date()][kind] = number
    first = start.date() - dt.timedelta(days=start.weekday())
    last = (end - dt.timedelta(microseconds=1)).date()
    days = [first + WEEK * n for n in range((last - first).days // 7 + 1)]
    return [{"week": day, **counts[day]} for day in days]


def _by_week(disputes, column, kind):
    week = TruncWeek(column, tzinfo=dt.UTC)
    counted = disputes.order_by().values(week=week).annotate(kind=Value(kind), number=Count("pk"))
    return counted.values_list("week", "kind", "number")


def outcomes(start, end):
    """How disputes ended: all of them, by type, by claimant and by reason of rejection."""
    with connection.cursor() as cursor:
        cursor.execute(OUTCOMES, {"start": start, "end": end})
        rows = cursor.fetchall()
    found = {"types": [], "claimants": [], "rejections": [], "all": _ended(0, 0, 0)}
    for dispute_type, kind, pk, rejection, level, *numbers in rows:
        ended = _ended(*numbers)
        match level:
            case 0b011:
                found["types"].append({"type": dispute_type, "title": Dispute.Type(dispute_type).label} | ended)
            case 0b101:
                found["claimants"].append({"kind": kind, "id": pk} | ended)
            case 0b110 if rejection:
                title = Dispute.Rejection(rejection).label
                found["rejections"].append({"rejection": rejection, "title": title, "number": ended["rejected"]})
            case 0b111:
                found["all"] = ended
    found["types"].sort(key=lambda row: (-row["closed"], row["title"]))
    found["rejections"].sort(key=lambda row: (-row["number"], row["title"]))
    found["claimants"].sort(key=lambda row: (-row["closed"], row["kind"], row["id"]))
    return found


def _ended(resolved, rejected, withdrawn):
    decided = resolved + rejected
    return {
        "closed": decided + withdrawn,
        "resolved": resolved,
        "rejected": rejected,
        "withdrawn": withdrawn,
        "win_rate": resolved / decided if decided else None,
    }


def times(start, end):
    """From filing to the decision in hours of work, and how many were decided in time. What was withdrawn is not in it.

    A question to the claimant stops the clock of what is due, not this one: it is the time that the claimant waited.
    """
    decided = Dispute.objects.filter(**within("closed_at", start, end), status__in=[Status.RESOLVED, Status.REJECTED])
    rows = list(decided.order_by().values_list("filed_at", "closed_at", "due_at", "time_left"))
    if not rows:
        return {"decided": 0, "median": None, "p90": None, "in_time": None}
    clock = _WorkingTime(min(row[0] for row in rows), max(row[1] for row in rows if row[1]))
    hours = sorted(clock.between(filed, closed) for filed, closed, *_ in rows)
    in_time = sum(_in_time(closed, due, left) for _, closed, due, left in rows)
    return {
        "decided": len(rows),
        "median": percentile(hours, 0.5),
        "p90": percentile(hours, 0.9),
        "in_time": in_time / len(rows),
    }


def _in_time(closed, due, left):
    # Decided while its question was open: what counts is whether time was left when the clock was stopped.
    return left > dt.timedelta(0) if left is not None else closed <= due


def percentile(ordered, part):
    """The smallest value that so large a part is not above."""
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


class _WorkingTime:
    """Business hours of many stretches: a sum for each day once, then a look at the two days of each stretch."""

    def __init__(self, start, end):
        self.hours = BusinessHours.from_settings()
        self.first = dt.datetime.combine(start.astimezone(dt.UTC).date(), dt.time(), dt.UTC)
        days = [self.first + n * DAY for n in range((end - self.first).days + 2)]
        self.before = [*accumulate((self.hours.between(a, b) for a, b in pairwise(days)), initial=dt.timedelta(0))]

    def between(self, start, end):
        return (self._until(end) - self._until(start)) / HOUR

    def _until(self, moment):
        day = (moment - self.first).days
        return self.before[day] + self.hours.between(self.first + day * DAY, moment)


def moved(start, end):
    """Commission that settlements gave to payees and took from them, by currency; the house is one of them."""
    settled = Dispute.objects.filter(**within("closed_at", start, end), settlement__isnull=False).values(
        "settlement_id"
    )
    change = F("commission_after") - F("commission_before")
    lines = SettlementLine.objects.filter(settlement_id__in=settled).order_by()
    sums = lines.values(currency=F("settlement__currency"), kind=F("payee_type"), payee=F("payee_id")).annotate(
        gained=Sum(change, filter=Q(commission_after__gt=F("commission_before")), default=0),
        lost=Sum(-change, filter=Q(commission_after__lt=F("commission_before")), default=0),
    )
    rows = [row | {"net": row["gained"] - row["lost"]} for row in sums if row["gained"] or row["lost"]]
    return sorted(rows, key=lambda row: (row["currency"], -row["net"], row["kind"], row["payee"]))


def appeals(start, end):
    """Reopened: appeals that were filed, and how those ended that were closed."""
    filed, closed = Q(**within("filed_at", start, end)), Q(**within("closed_at", start, end))
    rows = Dispute.objects.filter(filed | closed, appeal_of__isnull=False)
    return rows.aggregate(
        filed=Count("pk", filter=filed),
        decided=Count("pk", filter=closed & Q(status__in=[Status.RESOLVED, Status.REJECTED])),
        won=Count("pk", filter=closed & Q(status=Status.RESOLVED)),
    )


def ages(now=None):
    """What is open now, by the day of UTC on which it was filed. The only figure that is of no period."""
    now = now or timezone.now()
    today = dt.datetime.combine(now.astimezone(dt.UTC).date(), dt.time(), dt.UTC)
    late = Q(due_at__lt=now, status__in=[Status.OPEN, Status.UNDER_REVIEW])
    parts: dict[str, Count] = {}
    groups = []
    for number, (first, last, title) in enumerate(AGES):
        condition = Q(filed_at__lt=today - (first - 1) * DAY)
        if last is not None:
            condition &= Q(filed_at__gte=today - last * DAY)
        parts |= {
            f"open_{number}": Count("pk", filter=condition),
            f"late_{number}": Count("pk", filter=condition & late),
        }
        days = {"to": (today - first * DAY).date(), "from": last is not None and (today - last * DAY).date()}
        groups.append({"title": title, **{name: day for name, day in days.items() if day}})
    counts = Dispute.objects.open().aggregate(**parts)
    return [row | {"open": counts[f"open_{n}"], "overdue": counts[f"late_{n}"]} for n, row in enumerate(groups)]


def names(claimants):
    """Of payees given as (kind, id)."""
    found: dict[tuple[str, str], str] = {}
    for kind, model in (("partner", Partner), ("broker", Broker)):
        ids = {pk for each, pk in claimants if each == kind}
        found |= {(kind, pk): name for pk, name in model.objects.filter(pk__in=ids).values_list("pk", "name")}
    return found
