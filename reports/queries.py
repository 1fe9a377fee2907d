"""What the attribution report reads: one statement over the period's rows, and names for the ids in it."""

import dataclasses
import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet, Sum

from attribution.models import AttributionModel, AttributionRecord, ModelConfig, PayableModel
from conversions.models import Conversion
from partners.models import Broker, Partner
from touchpoints.models import Touchpoint

RECORDS = AttributionRecord._meta.db_table
CONVERSIONS = Conversion._meta.db_table
TOUCHPOINTS = Touchpoint._meta.db_table
DAY = dt.timedelta(days=1)


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

    # The filters that choose among the touches of a journey; each with its column in records and touches.
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
        window = dt.timedelta(days=settings.CONVERTED_WITHIN_DAYS)
        # In hours: to add days, PostgreSQL works out the calendar for every row.
        hours = window // dt.timedelta(hours=1)
        return dataclasses.asdict(self) | {"window_hours": hours, "last_conversion": self.end + window}


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


# The parts are one statement because one statement sees one moment: a calculation that commits meanwhile can't
# make them disagree. They are grouped by few columns each, not once by all, as that gave 240,000 groups for a
# million records; and only grouping, unlike GROUPING SETS, is shared out among parallel workers.
PARTS = {
    "conversions": f"""
        SELECT 'conversions' AS part, NULL::bigint AS config_id, currency, NULL AS channel, NULL AS partner_id,
               NULL AS broker_id, NULL AS campaign, date_bin('1 day', occurred_at, '2000-01-01Z') AS date,
               count(*) AS number, NULL::numeric AS credit, sum(value) AS revenue,
               sum(commission_amount) AS commission, NULL::numeric AS payable
        FROM {CONVERSIONS} WHERE {{conversions}} GROUP BY currency, date""",
    "payees": f"""
        SELECT 'payees', config_id, NULL, channel, partner_id, broker_id, NULL, NULL::timestamptz,
               count(*), sum(credit), sum(revenue_attributed), sum(commission_amount),
               sum(commission_amount) FILTER (WHERE payable AND payee_type <> 'house')
        FROM {RECORDS} WHERE {{records}} AND {{of_records}}
        GROUP BY config_id, channel, partner_id, broker_id""",
    "days": f"""
        SELECT 'days', NULL, NULL, NULL, NULL, NULL, campaign_id,
               date_bin('1 day', occurred_at, '2000-01-01Z') AS date,
               count(*), sum(credit), sum(revenue_attributed), sum(commission_amount), NULL
        FROM {RECORDS} WHERE {{records}} AND {{of_records}} GROUP BY campaign_id, date""",
    "all": f"""
        SELECT 'all', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               count(*), sum(credit), sum(revenue_attributed), sum(commission_amount), NULL
        FROM {RECORDS} WHERE {{records}} AND {{narrows}}""",
    "touches": f"""
        SELECT 'touches', NULL, NULL, channel, partner_id, broker_id, NULL, NULL, count(*),
               NULL, NULL, NULL, NULL
        FROM {TOUCHPOINTS} WHERE {{touches}} AND {{of_touches}}
        GROUP BY channel, partner_id, broker_id""",
    "converting": f"""
        SELECT 'converting', NULL, NULL, channel, NULL, NULL, NULL, NULL, count(*), NULL, NULL, NULL, NULL
        FROM {TOUCHPOINTS} touch
        WHERE {{touches}} AND {{of_touches}} AND EXISTS (
            SELECT FROM {CONVERSIONS} conversion
            WHERE conversion.lead_id = touch.lead_id
              AND conversion.occurred_at >= touch.timestamp
              AND conversion.occurred_at <= touch.timestamp + make_interval(hours => %(window_hours)s)
              AND conversion.occurred_at >= %(start)s AND conversion.occurred_at < %(last_conversion)s)
        GROUP BY channel""",
}

# For the length of the transaction. Compiling such a statement takes longer than running it; its hash tables
# fit into 64 MB; and a period's rows are to be read page by page (bitmap), not one by one in an index's order:
# they lie close together, but in another order. How many groups to expect, migration 0002 tells the planner.
SETTINGS = """
    SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
           set_config('enable_indexscan', 'off', true)"""


def period_rows(question: Question) -> dict[str, list[Row]]:
    """The rows of each part of the report."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        cursor.execute(statement(question), question.parameters())
        parts: defaultdict[str, list[Row]] = defaultdict(list)
        for row in map(Row._make, cursor.fetchall()):
            # The statement gives a day as the moment it begins.
            day = row.date.astimezone(dt.UTC).date() if isinstance(row.date, dt.datetime) else None
            parts[row.part].append(row._replace(date=day))
    return parts


def statement(question: Question) -> str:
    of_type = question.conversion_type is not None
    period = "occurred_at >= %(start)s AND occurred_at < %(end)s"
    conditions = {
        "conversions": period + " AND type = %(conversion_type)s" * of_type,
        "records": f"model = %(model)s AND {period} AND currency = %(currency)s"
        + " AND conversion_type = %(conversion_type)s" * of_type,
        "touches": "timestamp >= %(start)s AND timestamp < %(end)s",
        "of_records": _narrowing(question, column=0),
        "of_touches": _narrowing(question, column=1),
        "narrows": "true" if question.narrows_touches else "false",
    }
    return " UNION ALL ".join(part.format(**conditions) for part in PARTS.values())


def _narrowing(question, *, column):
    given = [name for name in Question.OF_TOUCHES if getattr(question, name) is not None]
    return " AND ".join([f"{Question.OF_TOUCHES[name][column]} = %({name})s" for name in given]) or "true"


def revenue_by_model(*, start: dt.datetime, end: dt.datetime, currency: str) -> dict[str, dict[str, Decimal]]:
    """Attributed revenue by model and channel, for every model that has records in the period."""
    rows: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        cursor.execute(
            f"""SELECT model, channel, sum(revenue_attributed) FROM {RECORDS}
                WHERE model = ANY(%(models)s) AND occurred_at >= %(start)s AND occurred_at < %(end)s
                  AND currency = %(currency)s
                GROUP BY model, channel ORDER BY model, channel""",
            {
                "models": AttributionModel.values,
                "start": start,
                "end": end,
                "currency": currency,
            },
        )
        for model, channel, revenue in cursor.fetchall():
            rows[model][channel] = revenue
    return rows


def by_source(question: Question) -> QuerySet[AttributionRecord, Any]:
    """Channels with their sources apart: conversions (sums of credit), revenue and commission."""
    return (
        AttributionRecord.objects.filter(
            model=question.model,
            occurred_at__gte=question.start,
            occurred_at__lt=question.end,
            currency=question.currency,
        )
        .values("channel", "source")
        .annotate(conversions=Sum("credit"), revenue=Sum("revenue_attributed"), commission=Sum("commission_amount"))
        .order_by("-revenue", "channel", "source")
    )


def payable_model(*, as_of: dt.datetime) -> str:
    """The model that commission is paid under at that moment."""
    return PayableModel.objects.filter(effective_from__lte=as_of).order_by("-effective_from")[0].model


def config_versions(ids: set[int]) -> list[int]:
    return list(ModelConfig.objects.filter(pk__in=ids).order_by("version").values_list("version", flat=True))


def partner_names(ids: set[str]) -> dict[str, str]:
    return dict(Partner.objects.filter(pk__in=ids).values_list("pk", "name"))


def broker_names(ids: set[str]) -> dict[str, str]:
    return dict(Broker.objects.filter(pk__in=ids).values_list("pk", "name"))
