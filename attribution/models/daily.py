"""Sums of the records by UTC day, so that a report reads thousands of rows where there are millions of records.

The database keeps them itself: whoever writes records, by whatever statement, adds what changed in the same
transaction. Rows are only ever added (two writers never wait for each other); `operations.fold_daily_credit` sums
them up from time to time.
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
# Held by whoever takes rows away, until its transaction ends. Those who add rows or read them don't notice.
LOCK = "LOCK TABLE attribution_dailycredit IN SHARE UPDATE EXCLUSIVE MODE"


class DailyCredit(models.Model):
    """What records of one key add up to on one day, or a part of it: sum the rows."""

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


def rows_of(records, sign=""):
    """SQL that gives each of these records as a row of daily credit, or with "-" what takes it away again."""
    return f"""SELECT (occurred_at AT TIME ZONE 'UTC')::date AS day, {", ".join(KEY)},
                   {sign}1::bigint AS records, {sign}credit AS credit, {sign}revenue_attributed AS revenue,
                   {sign}commission_amount AS commission,
                   CASE WHEN payable AND payee_type <> 'house' THEN {sign}commission_amount ELSE 0 END
                       AS payable_commission
            FROM {records}"""


def insert_sums_of(rows):
    """SQL that adds these rows up into the table. What comes to nothing is not written."""
    sums = ", ".join(f"sum({name})" for name in SUMS)
    return f"""
        INSERT INTO attribution_dailycredit (day, {", ".join(KEY)}, {", ".join(SUMS)})
        SELECT day, {", ".join(KEY)}, {sums} FROM ({rows}) changed
        GROUP BY day, {", ".join(KEY)}
        HAVING {" OR ".join(f"sum({name}) <> 0" for name in SUMS)}"""


def _trigger(operation, rows, **tables):
    return pgtrigger.Trigger(
        name=f"daily_credit_{str(operation).lower()}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),
        func=f"{insert_sums_of(rows)}; RETURN NULL;",
    )


# On the table of records. PostgreSQL gives transition tables to triggers of one operation only.
ADDED, REMOVED = rows_of("added"), rows_of("removed", "-")
TRIGGERS = [
    _trigger(pgtrigger.Insert, ADDED, new="added"),
    _trigger(pgtrigger.Update, f"{ADDED} UNION ALL {REMOVED}", new="added", old="removed"),
    _trigger(pgtrigger.Delete, REMOVED, old="removed"),
    pgtrigger.Trigger(
        name="daily_credit_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Truncate,
        # Waits for a fold that is under way, whose sums this would not see.
        func=f"{LOCK}; DELETE FROM attribution_dailycredit; RETURN NULL;",
    ),
]
