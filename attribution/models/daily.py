"""Sums of the records by UTC day, so that a report reads thousands of rows where there are millions of records. An
adjustment counts on the day of its record.

Whoever writes records or adjustments, by whatever statement, has the database note in the same transaction which days
changed; that costs next to nothing, and two writers never wait for each other. `operations.refresh_daily_credit` sums
those days up again soon after. Until then their sums are not valid, and a reader takes the rows of those days instead.
"""

import pgtrigger
from django.db import models

from attribution.models.configurations import AttributionModel

# In the order of the columns below.
KEY = (
    "model",
    "config_id",
    "currency",
    "conversion_type",
    "channel",
    "source",
    "campaign_id",
    "partner_id",
    "broker_id",
)
SUMS = ("records", "credit", "revenue", "commission", "payable_commission")
DAY = "(occurred_at AT TIME ZONE 'UTC')::date"


class DailyCredit(models.Model):
    """What the records of one key, and their adjustments, add up to on one day, unless the day is a `ChangedDay`."""

    day = models.DateField(help_text="Of UTC, on which the conversions occurred.")
    model = models.CharField(max_length=32, choices=AttributionModel)
    config_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    conversion_type = models.CharField(max_length=32)
    channel = models.CharField(max_length=32)
    source = models.CharField(max_length=255, null=True)
    campaign_id = models.CharField(max_length=255, null=True)
    partner_id = models.CharField(max_length=64, null=True)
    broker_id = models.CharField(max_length=64, null=True)
    records = models.BigIntegerField()
    credit = models.DecimalField(max_digits=24, decimal_places=10)
    revenue = models.DecimalField(max_digits=20, decimal_places=2)
    commission = models.DecimalField(max_digits=20, decimal_places=2)
    payable_commission = models.DecimalField(
        max_digits=20, decimal_places=2, help_text="Of partners and brokers, under the payable model."
    )

    objects = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["model", "day"], name="daily_credit_by_model")]

    def __str__(self):
        return f"{self.day} {self.model} {self.channel}"


class ChangedDay(models.Model):
    """A day with records that were written since its sums were made. It may be noted many times."""

    model = models.CharField(max_length=32, choices=AttributionModel)
    day = models.DateField()

    objects = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["model", "day"], name="changed_day_by_model")]

    def __str__(self):
        return f"{self.day} {self.model}"


def rows_of(records):
    """SQL that gives each of these records as a row of daily credit."""
    return f"""SELECT {DAY} AS day, {", ".join(KEY)}, 1::bigint AS records, credit,
                   revenue_attributed AS revenue, commission_amount AS commission,
                   CASE WHEN payable AND payee_type <> 'house' THEN commission_amount ELSE 0 END
                       AS payable_commission
            FROM {records}"""


def net_rows_of(condition):
    """SQL that gives each record that fits, as a row of daily credit, and each adjustment of one, as another; the
    condition is on the record, `r`."""
    key = ", ".join(f"r.{name}" for name in KEY)
    return f"""
        {rows_of("attribution_attributionrecord r")} WHERE {condition}
        UNION ALL
        SELECT (r.occurred_at AT TIME ZONE 'UTC')::date, {key}, 0, a.credit, a.revenue_amount, a.commission_amount,
               CASE WHEN r.payable AND r.payee_type <> 'house' THEN a.commission_amount ELSE 0 END
        FROM attribution_adjustment a JOIN attribution_attributionrecord r ON r.id = a.record_id WHERE {condition}"""


def _trigger(operation, days, **tables):
    return pgtrigger.Trigger(
        name=f"changed_days_{str(operation).lower()}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables) if tables else None,
        func=f"INSERT INTO attribution_changedday (model, day) SELECT DISTINCT model, day FROM {days}; RETURN NULL;",
    )


# On the table of records. PostgreSQL gives transition tables to triggers of one operation only. An update that
# moves nothing which is summed up (a status) changes no day.
ADDED, REMOVED = rows_of("added"), rows_of("removed")
TRIGGERS = [
    _trigger(pgtrigger.Insert, f"(SELECT model, {DAY} AS day FROM added) rows", new="added"),
    _trigger(
        pgtrigger.Update,
        f"(({ADDED} EXCEPT ALL {REMOVED}) UNION ALL ({REMOVED} EXCEPT ALL {ADDED})) rows",
        new="added",
        old="removed",
    ),
    _trigger(pgtrigger.Delete, f"(SELECT model, {DAY} AS day FROM removed) rows", old="removed"),
    _trigger(pgtrigger.Truncate, "attribution_dailycredit"),
]
