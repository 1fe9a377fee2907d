"""Writes of spend: one row or many, the newest word on each."""

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from conversions import currencies
from partners.models import Partner
from reports.models import Spend
from touchpoints.models import EARLIEST

FIRST_DAY = EARLIEST.date()
COLUMNS = ("id", *Spend.KEY, "amount")

# Of rows that say what is stored already, nothing comes back. xmax is 0 in a row that was there for nobody before.
UPSERT = """
    INSERT INTO reports_spend (id, day, channel, campaign, partner_id, currency, amount)
    SELECT * FROM unnest(%s::uuid[], %s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::numeric[])
    ON CONFLICT (day, channel, campaign, partner_id, currency) DO UPDATE
        SET amount = excluded.amount, updated_at = statement_timestamp() WHERE reports_spend.amount <> excluded.amount
    RETURNING id, xmax = 0"""


@dataclass(frozen=True)
class Outcome:
    """What became of one row: new, changed or neither, or the error that refuses it."""

    id: UUID | None = None
    is_new: bool = False
    is_changed: bool = False
    error: ValidationError | None = None


def save_spend(*, values: Mapping[str, Any]) -> tuple[Spend, bool]:
    """Store what was spent, in place of what was told of it before. True says that nothing was."""
    [outcome] = save_spends(rows=[values])
    if outcome.error:
        raise outcome.error
    assert outcome.id, "what is not refused is stored"
    return Spend.objects.get(pk=outcome.id), outcome.is_new


@transaction.atomic
def save_spends(*, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Store every row that can be, and tell of each what became of it, in the order given."""
    whole = [{"campaign": None, "partner_id": None, "currency": Spend().currency, **row} for row in rows]
    ids = [id_of(row) for row in whole]
    told, partners = Counter(ids), _known_partners(whole)
    errors = [_errors(row, told[pk], partners) for pk, row in zip(ids, whole, strict=True)]
    stored = _upsert([{**row, "id": pk} for pk, row, error in zip(ids, whole, errors, strict=True) if not error])
    return [
        Outcome(error=ValidationError(error))
        if error
        else Outcome(id=pk, is_new=stored.get(pk, False), is_changed=pk in stored)
        for pk, error in zip(ids, errors, strict=True)
    ]


def id_of(row: Mapping[str, Any]) -> UUID:
    """A UUID of version 7 whose time is the day and whose other bits follow from what the row is about."""
    day: dt.date = row["day"]
    # A day of long ago is refused, but has its id worked out before.
    milliseconds = max(0, (day - dt.date(1970, 1, 1)) // dt.timedelta(milliseconds=1))
    identity = json.dumps([str(row[name]) if row[name] is not None else None for name in Spend.KEY])
    chance = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:10])
    return UUID(int=milliseconds << 80 | 7 << 76 | (chance >> 68 & 0xFFF) << 64 | 0b10 << 62 | chance & (1 << 62) - 1)


def _upsert(rows: list[dict[str, Any]]) -> dict[UUID, bool]:
    """Of the rows that are new or changed, whether they are new.

    The lock is there because `ON CONFLICT` minds one of the table's two unique indexes: of two calls with one new row,
    one could fail by the other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('reports.spend is written'))")
        cursor.execute(UPSERT, [[row[name] for row in rows] for name in COLUMNS])
        return dict(cursor.fetchall())


def _known_partners(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    named = {row["partner_id"] for row in rows if row["partner_id"] is not None}
    return set(Partner.objects.filter(pk__in=named).values_list("pk", flat=True)) if named else set()


def _errors(row: Mapping[str, Any], times: int, partners: set[str]) -> dict[str, ValidationError]:
    errors = {}
    if not FIRST_DAY <= row["day"] <= timezone.now().astimezone(dt.UTC).date() + dt.timedelta(days=1):
        errors["day"] = ValidationError("Give a day from 2000-01-01 to tomorrow.", code="out_of_range")
    if not currencies.fits(row["amount"], row["currency"]):
        message = f"{row['currency']} has no amounts as small as that."
        errors["amount"] = ValidationError(message, code="too_precise")
    if row["partner_id"] is not None and row["partner_id"] not in partners:
        errors["partner_id"] = ValidationError(f"There is no partner {row['partner_id']}.", code="unknown")
    if times > 1:
        # Taking the last would lose the others in silence: such files are mostly to be added up.
        message = "Another item is about the same day, channel, campaign, partner and currency. Add them up."
        errors["amount"] = ValidationError(message, code="repeated")
    return errors
