"""Records whose hold is over: from pending to calculated, where finance may approve them."""

import datetime as dt

from django.db import connection, transaction

from attribution_site.audit.context import because
from payouts.terms.holding import Holding

GROUPS = 500
_PENDING = """
    SELECT payee_type, payee_id, currency, (occurred_at AT TIME ZONE 'UTC')::date
    FROM attribution_attributionrecord WHERE status = 'pending' AND occurred_at <= now() GROUP BY 1, 2, 3, 4
"""
# Locked in order of id, as everybody locks records who takes several.
_END = """
    WITH over AS MATERIALIZED (
        SELECT r.id FROM attribution_attributionrecord r
        JOIN unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::int[]) AS held(type, id, currency, day, days)
            ON r.payee_type = held.type AND r.payee_id = held.id AND r.currency = held.currency
            AND r.occurred_at >= held.day AT TIME ZONE 'UTC' AND r.occurred_at < (held.day + 1) AT TIME ZONE 'UTC'
        WHERE r.status = 'pending' AND r.occurred_at + held.days * interval '24 hours' <= now()
        ORDER BY r.id FOR UPDATE OF r
    )
    UPDATE attribution_attributionrecord r SET status = 'calculated'
    FROM over WHERE r.id = over.id AND r.status = 'pending'
"""
Group = tuple[str, str, str, dt.date]


def end_holds() -> int:
    """Each pending record whose hold is over by the terms of its day may be approved from now on. How many did."""
    with connection.cursor() as cursor:
        cursor.execute(_PENDING)
        groups: list[Group] = cursor.fetchall()
    if not groups:
        return 0
    days = Holding().days_of(groups)
    today = dt.datetime.now(dt.UTC).date()
    due = [(*group, held) for group, held in zip(groups, days, strict=True) if group[3] + dt.timedelta(held) <= today]
    return sum(_end(due[start : start + GROUPS]) for start in range(0, len(due), GROUPS))


def _end(groups: list[tuple[str, str, str, dt.date, int]]) -> int:
    with transaction.atomic(), because(reason="The hold is over."), connection.cursor() as cursor:
        cursor.execute(_END, [list(column) for column in zip(*groups, strict=True)])
        return cursor.rowcount
