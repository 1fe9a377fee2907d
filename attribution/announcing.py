"""What webhooks are told of records: whose changed in a calculation, and what a person did to one."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.urls import reverse
from psycopg import sql

from attribution import differences, store
from attribution.models import AttributionRecord
from partners.webhooks import outbox
from partners.webhooks.events import RECORDS_CHANGED

# Conversions that a message names; there may have been more.
MOST_NAMED = 100
WHOSE = pa.schema({"conversion_id": store.UUID, "payee_type": pa.string(), "payee_id": pa.string()})
CONVERSIONS = "conversion_id"


class ChangedRecords:
    """The conversions of which records were made, replaced or taken away in one transaction, for each payee that
    wants to know. Where nobody does, nothing is looked at."""

    def __init__(self) -> None:
        for_house, payees = outbox.who_asks_for(RECORDS_CHANGED)
        self._of: dict[outbox.Payee | None, set[bytes]] = {payee: set() for payee in payees}
        if for_house:
            self._of[None] = set()

    def note(self, changes: differences.Changes, *, within: store.Store) -> None:
        """Before the changes are written: what will be gone is still there to ask."""
        if not self._of or not (changes.insert.num_rows or len(changes.delete)):
            return
        gone = sql.SQL("SELECT DISTINCT conversion_id, payee_type, payee_id FROM {} WHERE id = ANY({}::uuid[])").format(
            sql.Identifier(store.RECORDS), store.uuid_texts(changes.delete)
        )
        changed = [changes.insert.select(WHOSE.names).cast(WHOSE)]
        if len(changes.delete):
            changed.append(store.fetch(within, gone, WHOSE))
        together = pa.concat_tables(changed)
        for payee, conversions in self._of.items():
            mine = together
            if payee is not None:
                kind, pk = payee
                mine = together.filter(pc.and_(pc.equal(mine["payee_type"], kind), pc.equal(mine["payee_id"], pk)))
            conversions.update(pc.unique(mine[CONVERSIONS]).to_pylist())

    def announce(self, *, within: store.Store, run_id: bytes | None) -> None:
        """In the same transaction, once all is written."""
        for payee, conversions in self._of.items():
            if conversions:
                payees = [] if payee is None else [payee]
                data = _changed([UUID(bytes=each) for each in conversions], UUID(bytes=run_id) if run_id else None)
                statement = outbox.publishing(event=RECORDS_CHANGED, data=data, payees=payees, to_house=payee is None)
                if statement is not None:
                    within.count(statement)


def _changed(conversions: list[UUID], run_id: UUID | None) -> dict[str, Any]:
    asked = {"conversionId": conversions[0]} if len(conversions) == 1 else {"runId": run_id} if run_id else {}
    return {
        "run_id": run_id,
        "conversions": len(conversions),
        "conversion_ids": sorted(conversions)[:MOST_NAMED],
        "url": f"{reverse('attribution-list')}{'?' if asked else ''}{urlencode(asked)}",
    }


def announce_status(record: AttributionRecord) -> None:
    """A person moved it to this status."""
    data = {
        "record_id": record.pk,
        "conversion_id": record.conversion_id,
        "model": record.model,
        "status": record.status,
        "payee_type": record.payee_type,
        "payee_id": record.payee_id,
        "currency": record.currency,
        "revenue_attributed": record.revenue_attributed,
        "commission_amount": record.commission_amount,
        "url": reverse("attribution-detail", args=[record.pk]),
    }
    outbox.publish(event=f"record.{record.status}", data=data, payees=_payees((record.payee_type, record.payee_id)))


def announce_statuses(records: Sequence[AttributionRecord]) -> None:
    """Many were moved together, all to one status: each is told of, where anybody asks."""
    if not records:
        return
    for_house, payees = outbox.who_asks_for(f"record.{records[0].status}")
    for record in records:
        if for_house or (record.payee_type, record.payee_id) in payees:
            announce_status(record)


def announce_payee(record: AttributionRecord, *, before: outbox.Payee) -> None:
    """A person gave it to another: both are told that something changed, and neither of the other."""
    announce_changed(record.conversion_id, [before, (record.payee_type, record.payee_id)])


def announce_changed(conversion_id: UUID, payees: Iterable[outbox.Payee]) -> None:
    """Records of one conversion changed, these payees'."""
    outbox.publish(event=RECORDS_CHANGED, data=_changed([conversion_id], None), payees=_payees(*payees))


def _payees(*payees: outbox.Payee) -> list[outbox.Payee]:
    return [payee for payee in payees if payee[0] != AttributionRecord.Payee.HOUSE]
