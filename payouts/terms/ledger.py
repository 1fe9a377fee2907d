"""What the ledger says of months and terms: how far payees got in a month, and until when terms were used."""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from django.db import connection

from conversions import currencies
from payouts.models import terms as models
from payouts.terms.working import SoFar

# Payee type and id, currency, first day of the month.
MonthKey = tuple[str, str, str, dt.date]

# Grouped by conversion, which has one day.
SO_FAR = """
    SELECT asked.type, asked.id, asked.currency, asked.month, e.conversion_id::text, min(e.earned_on), sum(e.share),
        sum(COALESCE((e.working ->> 'exact')::numeric, e.amount)), sum(e.amount)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[]) AS asked(type, id, currency, month)
    JOIN payouts_entry e ON e.kind = 'earning' AND e.payee_type = asked.type AND e.payee_id = asked.id
        AND e.currency = asked.currency
        AND e.earned_on >= asked.month AND e.earned_on < (asked.month + interval '1 month')::date
    GROUP BY 1, 2, 3, 4, 5
"""


def so_far_of(keys: Collection[MonthKey]) -> dict[MonthKey, SoFar]:
    """One query for all of them. Of what was earned: what is taken back later frees no cap and lowers no tier."""
    found: dict[MonthKey, SoFar] = {
        key: SoFar(key[3], unit=currencies.smallest_unit(key[2])) for key in sorted(set(keys))
    }
    with connection.cursor() as cursor:
        cursor.execute(SO_FAR, [list(column) for column in zip(*found, strict=True)] if found else [[]] * 4)
        for kind, pk, currency, month, conversion, day, volume, exact, amount in cursor:
            so_far = found[kind, pk, currency, month]
            so_far.volume += volume
            so_far.exact += exact
            so_far.amount += amount
            so_far.by_conversion[conversion] = amount
            so_far.by_day[day] = so_far.by_day.get(day, Decimal(0)) + amount
    return found


def used_until(terms_ids: Collection[UUID]) -> dict[UUID, dt.date]:
    """The last day by which each was chosen for an entry; those that never were are left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT terms_id, {models.LAST_USE} FROM payouts_entry WHERE terms_id = ANY(%s) GROUP BY 1",
            [list(terms_ids)],
        )
        return {pk: day for pk, day in cursor if day is not None}
