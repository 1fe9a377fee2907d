"""What an inserted touch does beside what was decided: it lies in the journeys of the lead's other conversions too."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.utils import timezone

from attribution import differences, reading, records, store
from attribution.engine.models import MODELS
from attribution.models import FROZEN
from attribution.operations.configurations import rules_for
from attribution.settling import Payee
from conversions.models import Conversion
from touchpoints.models import Touchpoint

Sums = dict[Payee, tuple[Decimal, Decimal]]
NOTHING = (Decimal(0), Decimal(0))


class Outcome(StrEnum):
    CALCULATED = "calculated"
    PROPOSED = "proposed"
    STAYS = "stays"


@dataclass(frozen=True)
class OtherConversion:
    """`before` and `after`: revenue and commission by payee. `outcome`: nobody decided its records and they are
    calculated anew; some are decided, so that the difference is proposed and nothing happens to money until somebody
    accepts it; or a dispute settled it, and it stays as it is."""

    conversion: Conversion
    outcome: Outcome
    before: Sums
    after: Sums

    def by_payee(self) -> dict[Payee, tuple[Decimal, Decimal, Decimal, Decimal]]:
        """Revenue before and after, commission before and after."""
        of = {payee: (self.before.get(payee, NOTHING), self.after.get(payee, NOTHING)) for payee in self._payees()}
        return {payee: (was[0], becomes[0], was[1], becomes[1]) for payee, (was, becomes) in of.items()}

    def _payees(self) -> list[Payee]:
        return list(dict.fromkeys([*self.before, *self.after]))


def other_conversions(conversion: Conversion, touchpoint: Touchpoint) -> list[OtherConversion]:
    """Those that it changes, or would if they were not settled, in order of time. Nothing is written."""
    rules = rules_for(list(MODELS))
    since, lookback = touchpoint.timestamp, dt.timedelta(days=rules.widest_lookback_days)
    of_lead = Conversion.objects.filter(lead_id=conversion.lead_id, occurred_at__range=(since, since + lookback))
    reached = of_lead.exclude(pk=conversion.pk).in_bulk()
    if not reached:
        return []
    within = store.DjangoStore()
    source = reading.Selection(conversion_ids=list(reached))
    found: list[OtherConversion] = []
    for batch in reading.read(
        source, within=within, lookback_days=rules.widest_lookback_days, with_previous=rules.restarts
    ):
        found += _of_batch(batch, rules, touchpoint, reached, within)
    return sorted(found, key=lambda each: (each.conversion.occurred_at, each.conversion.pk))


def _of_batch(
    batch: reading.Batch,
    rules: records.Rules,
    touchpoint: Touchpoint,
    reached: dict[UUID, Conversion],
    within: store.Store,
) -> Iterator[OtherConversion]:
    with_it = reading.batch_of(batch.conversions, _with_touch(batch, touchpoint))
    new = records.records_of(with_it, rules, run_id=None, calculated_at=timezone.now())
    stored = differences.stored_records(within, batch.conversions, rules.models)
    new, stored = new.filter(new["payable"]), stored.filter(stored["payable"])
    new = differences.with_pinned_payees(new, stored, pc.index_in(stored["id"], value_set=new["id"]))
    rows, rows_after = _by_conversion(stored), _by_conversion(new)
    for pk in batch.conversions["id"].to_pylist():
        was, becomes = rows[pk], rows_after[pk]
        before, after = _sums(was), _sums(becomes)
        counts = any(row["touchpoint_id"] == touchpoint.pk.bytes for row in becomes)
        if counts or before != after:
            outcome = _outcome(was)
            kept = before if outcome == Outcome.STAYS else after
            yield OtherConversion(reached[UUID(bytes=pk)], outcome, before, kept)


def _with_touch(batch: reading.Batch, touchpoint: Touchpoint) -> pa.Table:
    """In each journey; the rules say where it counts."""
    names = ("timestamp", "channel", "source", "campaign", "partner_id", "broker_id")
    touch = {"id": touchpoint.pk.bytes, **{name: getattr(touchpoint, name) for name in names}}
    rows = [{"conversion_id": pk, **touch} for pk in batch.conversions["id"].to_pylist()]
    added = pa.Table.from_pylist(rows, schema=reading.TOUCHES)
    both = pa.concat_tables([batch.touches.select(reading.TOUCHES.names).cast(reading.TOUCHES), added])
    return both.sort_by([("conversion_id", "ascending"), ("timestamp", "ascending"), ("id", "ascending")])


def _by_conversion(table: pa.Table) -> dict[bytes, list[dict[str, Any]]]:
    rows: dict[bytes, list[dict[str, Any]]] = defaultdict(list)
    for row in table.sort_by([("position", "ascending"), ("id", "ascending")]).to_pylist():
        rows[row["conversion_id"]].append(row)
    return rows


def _sums(rows: list[dict[str, Any]]) -> Sums:
    sums: dict[Payee, tuple[Decimal, Decimal]] = defaultdict(lambda: NOTHING)
    for row in rows:
        revenue, commission = sums[row["payee_type"], row["payee_id"]]
        sums[row["payee_type"], row["payee_id"]] = (
            revenue + row["revenue_attributed"],
            commission + row["commission_amount"],
        )
    return {payee: sum_ for payee, sum_ in sums.items() if sum_ != NOTHING}


def _outcome(stored: list[dict[str, Any]]) -> Outcome:
    if any(row["settled"] for row in stored):
        return Outcome.STAYS
    is_decided = any(row["adjusted"] or row["status"] in FROZEN for row in stored)
    return Outcome.PROPOSED if is_decided else Outcome.CALCULATED
