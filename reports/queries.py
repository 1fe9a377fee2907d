"""What the attribution report reads: one statement over the period's rows, and names for the ids in it.

What records earned comes from their sums by day, how many touches there were from their counts by day. Of a day that
changed since it was summed up, or that a period begins or ends in, the rows themselves are read; all of it is of one
moment, because a statement sees one moment.
"""

import dataclasses
import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Sum

from attribution.models import AttributionModel, AttributionRecord, ChangedDay, DailyCredit, ModelConfig, PayableModel
from attribution.models.daily import KEY, SUMS, net_rows_of
from conversions import daily_touches
from conversions.models import Conversion
from partners.models import Broker, Partner
from reports.models import Spend
from touchpoints.models import Touchpoint

RECORDS = AttributionRecord._meta.db_table
DAILY = DailyCredit._meta.db_table
CHANGED = ChangedDay._meta.db_table
CONVERSIONS = Conversion._meta.db_table
TOUCHPOINTS = Touchpoint._meta.db_table
DAY = dt.timedelta(days=1)
# By this very expression the planner knows how many groups to expect (migration 0002).
DAY_OF = "date_bin('1 day', occurred_at, '2000-01-01Z')"

OF_CHANGED_DAY = """r.model = changed.model
                    AND r.occurred_at >= changed.day::timestamp AT TIME ZONE 'UTC'
                    AND r.occurred_at < (changed.day + 1)::timestamp AT TIME ZONE 'UTC'"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What a report is asked for. The period takes its start and leaves its end out."""

    start: dt.datetime
    end: dt.datetime
    model: str
    currency: str
    channel: str | None = None
    partner_id: str | None = None
    broker_id: str | None = None
    campaign: str | None = None
    conversion_type: str | None = None

    # The filters that choose among the touches of a journey; each with its column in credit and touches.
    OF_TOUCHES = {
        "channel": ("channel", "channel"),
        "partner_id": ("partner_id", "partner_id"),
        "broker_id": ("broker_id", "broker_id"),
        "campaign": ("campaign_id", "campaign"),
    }

    @property
    def narrows_touches(self) -> bool:
        return any(getattr(self, name) is not None for name in self.OF_TOUCHES)

    def days(self) -> list[dt.date]:
        """Every day of UTC that the period touches."""
        first = self.start.date()
        last = (self.end - dt.timedelta(microseconds=1)).date()
        return [first + DAY * n for n in range((last - first).days + 1)]

    def parameters(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self),
            **whole_days(self.start, self.end),
            **daily_touches.window(self.start, self.end),
        }


class Row(NamedTuple):
    """A row of the statement below. What a part has no use for is NULL."""

    part: str
    config_id: int | None
    currency: str | None
    channel: str | None
    partner_id: str | None
    broker_id: str | None
    campaign: str | None
    date: dt.date | None
    number: int
    credit: Decimal | None
    revenue: Decimal | None
    commission: Decimal | None
    payable: Decimal | None
    reversed: Decimal | None


# The parts are one statement because one statement sees one moment: a calculation that commits meanwhile can't
# make them disagree.
PARTS = {
    "conversions": f"""
        SELECT 'conversions' AS part, NULL::bigint AS config_id, currency, NULL AS channel, NULL AS partner_id,
               NULL AS broker_id, NULL AS campaign, ({DAY_OF} AT TIME ZONE 'UTC')::date AS date,
               count(*) AS number, NULL::numeric AS credit, sum(value - reversed_amount) AS revenue,
               sum(commission_amount - reversed_commission) AS commission, NULL::numeric AS payable,
               sum(reversed_amount) AS reversed
        FROM {CONVERSIONS} WHERE {{conversions}} GROUP BY currency, {DAY_OF}""",
    "payees": """
        SELECT 'payees', config_id, NULL, channel, partner_id, broker_id, NULL, NULL::date,
               sum(records)::bigint, sum(credit), sum(revenue), sum(commission), sum(payable_commission), NULL
        FROM credit WHERE {of_credit}
        GROUP BY config_id, channel, partner_id, broker_id""",
    "days": """
        SELECT 'days', NULL, NULL, NULL, NULL, NULL, campaign_id, day,
               sum(records)::bigint, sum(credit), sum(revenue), sum(commission), NULL, NULL
        FROM credit WHERE {of_credit} GROUP BY campaign_id, day""",
    "all": """
        SELECT 'all', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               coalesce(sum(records), 0)::bigint, sum(credit), sum(revenue), sum(commission), NULL, NULL
        FROM credit WHERE {narrows}""",
    "touches": """
        SELECT 'touches', NULL, NULL, channel, partner_id, broker_id, NULL, NULL, sum(touches)::bigint,
               NULL, NULL, NULL, NULL, NULL
        FROM touched WHERE {of_touches}
        GROUP BY channel, partner_id, broker_id""",
    "converting": """
        SELECT 'converting', NULL, NULL, channel, NULL, NULL, NULL, NULL, sum(converting)::bigint,
               NULL, NULL, NULL, NULL, NULL
        FROM touched WHERE {of_touches} GROUP BY channel""",
}

# For the length of the transaction. Compiling such a statement takes longer than running it; its hash tables fit into
# 64 MB; and where touches have to be joined, the index of conversions by lead, which alone would do, would be read
# through all history. How many groups to expect, migration 0002 tells the planner.
SETTINGS = """
    SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
           set_config('enable_indexonlyscan', 'off', true)"""


def period_rows(question: Question) -> dict[str, list[Row]]:
    """The rows of each part of the report."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        cursor.execute(statement(question), question.parameters())
        parts: defaultdict[str, list[Row]] = defaultdict(list)
        for row in map(Row._make, cursor.fetchall()):
            parts[row.part].append(row)
    return parts


def statement(question: Question) -> str:
    of_type = question.conversion_type is not None
    conditions = {
        "conversions": "occurred_at >= %(start)s AND occurred_at < %(end)s"
        + " AND type = %(conversion_type)s" * of_type,
        "of_credit": _narrowing(question, column=0),
        "of_touches": _narrowing(question, column=1),
        "narrows": "true" if question.narrows_touches else "false",
    }
    of_records = (
        "model = %(model)s AND currency = %(currency)s" + " AND conversion_type = %(conversion_type)s" * of_type
    )
    # Read once for all parts that need it.
    rows = f"""
        SELECT config_id, channel, partner_id, broker_id, campaign_id, day, {", ".join(SUMS)}
        FROM ({credit(question.start, question.end, of_records)}) rows"""
    tables = f"WITH credit AS MATERIALIZED ({rows}), touched AS MATERIALIZED ({touches(question.start, question.end)}) "
    return tables + " UNION ALL ".join(part.format(**conditions) for part in PARTS.values())


def whole_days(start: dt.datetime, end: dt.datetime) -> dict[str, dt.datetime]:
    """From where to where a period is whole days of UTC; twice its end, if it holds none."""
    first, last = _midnight(start + DAY - dt.timedelta(microseconds=1)), _midnight(end)
    return {"first": first, "last": last} if first < last else {"first": end, "last": end}


def _midnight(moment: dt.datetime) -> dt.datetime:
    """The one before it, or itself."""
    return moment.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def credit(start: dt.datetime, end: dt.datetime, condition: str) -> str:
    """SQL of the period's credit, rows as in `DailyCredit`. Its parameters are start, end and those of `whole_days`.

    Of days that changed since they were summed up, and of those that the period cuts, it reads the records with their
    adjustments.
    """
    whole = whole_days(start, end)
    parts = []
    if whole["first"] < whole["last"]:
        days = "day >= (%(first)s AT TIME ZONE 'UTC')::date AND day < (%(last)s AT TIME ZONE 'UTC')::date"
        parts.append(
            f"""SELECT day, {", ".join((*KEY, *SUMS))} FROM {DAILY} valid WHERE {days} AND NOT EXISTS (
                    SELECT FROM {CHANGED} c WHERE c.model = valid.model AND c.day = valid.day)"""
        )
        parts.append(
            f"""SELECT of_day.* FROM (SELECT DISTINCT model, day FROM {CHANGED} WHERE {days}) changed,
                LATERAL ({net_rows_of(OF_CHANGED_DAY)}) of_day WHERE true"""
        )
    if start < whole["first"]:
        parts.append(net_rows_of("r.occurred_at >= %(start)s AND r.occurred_at < %(first)s"))
    if whole["last"] < end:
        parts.append(net_rows_of("r.occurred_at >= %(last)s AND r.occurred_at < %(end)s"))
    return " UNION ALL ".join(f"SELECT * FROM ({part}) part WHERE {condition}" for part in parts)


def touches(start: dt.datetime, end: dt.datetime) -> str:
    """SQL of the period's touches in the same way, rows as in `DailyTouches`. Its parameters are those of `credit`
    and of `daily_touches.window`."""
    whole = whole_days(start, end)
    parts = []
    if whole["first"] < whole["last"]:
        days = "day >= (%(first)s AT TIME ZONE 'UTC')::date AND day < (%(last)s AT TIME ZONE 'UTC')::date"
        parts.append(
            f"""SELECT {daily_touches.KEY}, touches, converting FROM {daily_touches.DAILY} valid
                WHERE {days} AND NOT EXISTS (SELECT FROM {daily_touches.CHANGED} c WHERE c.day = valid.day)"""
        )
        changed = f"SELECT DISTINCT day AS changed_day FROM {daily_touches.CHANGED} WHERE {days}"
        of_changed_days = f"""FROM ({changed}) changed
            JOIN {TOUCHPOINTS} t ON t.timestamp >= changed_day::timestamp AT TIME ZONE 'UTC'
                AND t.timestamp < (changed_day + 1)::timestamp AT TIME ZONE 'UTC'
            WHERE t.timestamp >= %(first)s AND t.timestamp < %(last)s"""
        parts.append(_touch_by_touch(of_changed_days))
    if start < whole["first"]:
        edge = f"FROM {TOUCHPOINTS} t WHERE t.timestamp >= %(start)s AND t.timestamp < %(first)s"
        parts.append(_touch_by_touch(edge))
    if whole["last"] < end:
        edge = f"FROM {TOUCHPOINTS} t WHERE t.timestamp >= %(last)s AND t.timestamp < %(end)s"
        parts.append(_touch_by_touch(edge))
    return " UNION ALL ".join(parts)


def _touch_by_touch(source: str) -> str:
    return f"SELECT {daily_touches.KEY}, touches, converting FROM ({daily_touches.rows_of(source)}) counted"


def _narrowing(question, *, column):
    given = [name for name in Question.OF_TOUCHES if getattr(question, name) is not None]
    return " AND ".join([f"{Question.OF_TOUCHES[name][column]} = %({name})s" for name in given]) or "true"


def revenue_by_model(*, start: dt.datetime, end: dt.datetime, currency: str) -> dict[str, dict[str, Decimal]]:
    """Attributed revenue by model and channel, for every model that has records in the period."""
    rows: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    asked: dict[str, Any] = {"models": AttributionModel.values, "start": start, "end": end, "currency": currency}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT model, channel, sum(revenue)
                FROM ({credit(start, end, "model = ANY(%(models)s) AND currency = %(currency)s")}) credit
                GROUP BY model, channel ORDER BY model, channel""",
            asked | whole_days(start, end),
        )
        for model, channel, revenue in cursor.fetchall():
            rows[model][channel] = revenue
    return rows


class SpendRow(NamedTuple):
    channel: str
    campaign: str | None
    amount: Decimal


def spend_rows(question: Question) -> list[SpendRow]:
    """What was spent on the days that begin in the period, so that periods that follow each other add up. Of brokers
    nothing is known: spend names none."""
    if question.broker_id is not None:
        return []
    filters = {name: getattr(question, name) for name in ("channel", "partner_id", "campaign")}
    days = days_begun(question.start, question.end)
    spent = Spend.objects.filter(
        day__gte=days[0],
        day__lt=days[1],
        currency=question.currency,
        **{name: value for name, value in filters.items() if value is not None},
    )
    sums = spent.values_list("channel", "campaign").annotate(sum=Sum("amount")).order_by("channel", "campaign")
    return [SpendRow._make(row) for row in sums]


def days_begun(start: dt.datetime, end: dt.datetime) -> tuple[dt.date, dt.date]:
    """From the first day of UTC that begins in the period to the first one that begins after it."""
    first, last = (_midnight(moment + DAY - dt.timedelta(microseconds=1)).date() for moment in (start, end))
    return first, last


class OfSource(NamedTuple):
    channel: str
    source: str | None
    conversions: Decimal
    revenue: Decimal
    commission: Decimal


def by_source(question: Question) -> list[OfSource]:
    """Channels with their sources apart: conversions (sums of credit), revenue and commission."""
    condition = "model = %(model)s AND currency = %(currency)s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT channel, source, sum(credit), sum(revenue) AS revenue, sum(commission)
                FROM ({credit(question.start, question.end, condition)}) credit
                GROUP BY channel, source ORDER BY revenue DESC, channel, source""",
            question.parameters(),
        )
        return [OfSource._make(row) for row in cursor.fetchall()]


def payable_model(*, as_of: dt.datetime) -> str:
    """The model that commission is paid under at that moment."""
    return PayableModel.objects.filter(effective_from__lte=as_of).order_by("-effective_from")[0].model


def config_versions(ids: set[int]) -> list[int]:
    return list(ModelConfig.objects.filter(pk__in=ids).order_by("version").values_list("version", flat=True))


def partner_names(ids: set[str]) -> dict[str, str]:
    return dict(Partner.objects.filter(pk__in=ids).values_list("pk", "name"))


def broker_names(ids: set[str]) -> dict[str, str]:
    return dict(Broker.objects.filter(pk__in=ids).values_list("pk", "name"))
