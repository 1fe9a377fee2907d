"""What a settlement writes: records in new versions, lines that tell of them, adjustments beside what is decided."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from django.utils import timezone

from attribution.engine import ids
from attribution.models import Adjustment, AttributionRecord, Settlement, SettlementLine, Status
from attribution.settling import Change, Payee


def write(changes: Sequence[Change], settlement: Settlement) -> None:
    """Records that go make way first, so that their parts are free."""
    changed = [change for change in changes if change.changes]
    doomed = [change.standing.record.pk for change in changed if change.how == "removed" and change.standing]
    AttributionRecord.objects.filter(pk__in=doomed).delete()
    stands = [each.standing.record for each in changes if each.standing]
    written = {id(change): _written(change, stands, settlement) for change in changed}
    SettlementLine.objects.bulk_create(_line(change, settlement, written.get(id(change))) for change in changes)
    Adjustment.objects.bulk_create(_adjustment(c, settlement) for c in changed if c.how == "adjustment")


def _written(change: Change, stands: list[AttributionRecord], settlement: Settlement) -> UUID | None:
    """The id of the record that holds the share now, where one was made or rewritten."""
    if change.how == "version" and change.credit:
        assert change.standing
        assert change.like
        record = change.standing.record
        if (record.payee_type, record.payee_id) != change.payee:
            _hand_over(record, change.payee)
        record.position, record.journey_length = change.like.position, change.like.journey_length
        _set_money(record, change, settlement)
        record.save(
            update_fields=[
                *("credit", "revenue_attributed", "commission_amount", "settlement_id", "position", "journey_length"),
                *("payee_type", "payee_id", "payee_pinned", "partner_id", "broker_id"),
            ]
        )
        return record.pk
    if change.how == "new":
        record = _new_record(change, stands)
        _set_money(record, change, settlement)
        record.save(force_insert=True)
        return record.pk
    return change.standing.record.pk if change.standing else None


def _set_money(record: AttributionRecord, change: Change, settlement: Settlement) -> None:
    record.credit, record.revenue_attributed, record.commission_amount = (
        change.credit,
        change.revenue,
        change.commission,
    )
    record.settlement_id = settlement.pk


def _hand_over(record: AttributionRecord, payee: Payee) -> None:
    """Whose the touch is was wrong: the record's copy of that follows the decision, so that reports do too."""
    record.payee_type, record.payee_id, record.payee_pinned = *payee, True
    record.partner_id = payee[1] if payee[0] == "partner" else None
    record.broker_id = payee[1] if payee[0] == "broker" else None


def _new_record(change: Change, stands: list[AttributionRecord]) -> AttributionRecord:
    like = change.like
    assert like
    record = AttributionRecord(**{f.attname: getattr(like, f.attname) for f in AttributionRecord._meta.concrete_fields})
    if (like.payee_type, like.payee_id) != change.payee:
        _hand_over(record, change.payee)
    taken = AttributionRecord.objects.filter(
        conversion_id=like.conversion_id, model=like.model, touchpoint_id=like.touchpoint_id
    )
    parts = set(taken.values_list("part", flat=True))
    record.part = next(number for number in range(len(parts) + 1) if number not in parts)
    record.id = _id(record)
    # In its hold a conversion is nobody's money yet, whoever gets a part of it. Where nothing stands that would tell,
    # it may be in one.
    in_hold = not stands or any(each.status == Status.PENDING for each in stands)
    record.status, record.run_id = Status.PENDING if in_hold else Status.CALCULATED, None
    # The set stays with the journey that it was made from: see `kept`.
    record.calculated_at = max((each.calculated_at for each in stands), default=timezone.now())
    return record


def _id(record: AttributionRecord) -> UUID:
    """As the calculation makes it, so that it begins with the conversion's time too."""
    words = [*ids.words_of(ids.bytes_of([record.conversion_id])), *ids.words_of(ids.bytes_of([record.touchpoint_id]))]
    milliseconds = np.array([int(record.occurred_at.timestamp() * 1000)], dtype=np.int64)
    last = ids.word_of_text(f"{record.model} {record.part}" if record.part else record.model)
    return ids.uuid_of(ids.uuid7_from(milliseconds, *words, last)[0])


def _line(change: Change, settlement: Settlement, written: UUID | None) -> SettlementLine:
    like, record = change.like, change.standing.record if change.standing else None
    return SettlementLine(
        settlement=settlement,
        number=change.number,
        record_id=written or (record.pk if record else None),
        touchpoint_id=like.touchpoint_id if like else None,
        channel=like.channel if like else "",
        touched_at=like.touched_at if like else None,
        payee_type=change.payee[0],
        payee_id=change.payee[1],
        how=change.how,
        status_before=record.status if record else "",
        credit_before=change.credit_before,
        credit_after=change.credit,
        revenue_before=change.revenue_before,
        revenue_after=change.revenue,
        commission_before=change.commission_before,
        commission_after=change.commission,
    )


def _adjustment(change: Change, settlement: Settlement) -> Adjustment:
    assert change.standing
    record = change.standing.record
    return Adjustment(
        kind=Adjustment.Kind.SETTLEMENT,
        settlement=settlement,
        record_id=record.pk,
        conversion_id=record.conversion_id,
        payee_type=record.payee_type,
        payee_id=record.payee_id,
        currency=record.currency,
        credit=change.credit - change.credit_before,
        revenue_amount=change.revenue_change,
        commission_amount=change.commission_change,
        created_by=settlement.created_by,
    )
