"""The journey of one conversion with a touch more or less, credited anew by the rule that pays for it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.core.exceptions import ValidationError
from django.utils import timezone

from attribution import differences, kept, reading, records, replay, settling, store, taken_out
from attribution.models import AttributionRecord, SettlementLine
from attribution.operations.configurations import rules_for
from attribution.settling import Decision, Part, Payee, Touch, Way
from attribution_site.errors import DomainError
from conversions.models import Conversion
from touchpoints.models import Channel, Touchpoint

NO_CREDIT = "The payable model gives this touch no credit."


class OnlyTouch(DomainError):
    """Without this touch nobody would have credit."""

    code = "only_touch"


def without(conversion: Conversion, model: str, decision: Decision, parts: list[Part]) -> list[Part]:
    """By the rule that pays or, where somebody set sizes by hand, on top of those: here and below."""
    wanted = settling.without(parts, decision.touchpoint_id)
    if not taken_out.set_by_hand(conversion.pk):
        touches = _credited_anew(conversion, model, decision, parts)
        wanted = settling.as_before(touches, parts, _payees(touches))
    if not wanted:
        raise OnlyTouch("It is the only touch that counts. Give it to the house instead.")
    return wanted


def with_inserted(
    conversion: Conversion, model: str, decision: Decision, parts: list[Part], touchpoint: Touchpoint
) -> list[Part]:
    assert decision.payee
    touches = _credited_anew(conversion, model, decision, parts, _of_touchpoint(touchpoint))
    if not touches:
        message = "Outside of the journey: before its lookback, or left out by the model's rules."
        raise ValidationError({"touch.timestamp": ValidationError(message, code="outside_journey")})
    mine = next((touch for touch in touches if touch.like.touchpoint_id == touchpoint.pk), None)
    if mine is None:
        raise ValidationError({"touch": ValidationError(NO_CREDIT, code="no_credit")})
    return _with_added(conversion, touches, parts, [Part(mine.like, decision.payee, mine.units)])


def with_returned(
    conversion: Conversion, model: str, decision: Decision, parts: list[Part], back: list[Part]
) -> list[Part]:
    """`back`: see `returned`."""
    if not back:
        message = "No decision took a touch with this id out of the conversion."
        raise ValidationError({"touchpoint_id": ValidationError(message, code="unknown_touchpoint")})
    touches = _credited_anew(conversion, model, decision, parts, _of_record(back[0].like))
    return _with_added(conversion, touches, parts, back)


def returned(conversion: Conversion, parts: list[Part], touches: Iterable[UUID | None]) -> list[Part]:
    """Those of the touches that were taken out, as they were before."""
    out = taken_out.taken_out(conversion.pk)
    missing = [touch for touch in dict.fromkeys(touches) if touch in out]
    standing = {part.like.touchpoint_id for part in parts}
    return [part for touch in missing if touch not in standing for part in _as_it_was(out[touch], parts[0].like)]


def _with_added(conversion: Conversion, touches: list[Touch], parts: list[Part], added: list[Part]) -> list[Part]:
    likes = {touch.like.touchpoint_id: touch.like for touch in touches}
    if taken_out.set_by_hand(conversion.pk):
        return settling.beside(parts, added, likes)
    if added[0].like.touchpoint_id not in likes:
        raise ValidationError({"touchpoint_id": ValidationError(NO_CREDIT, code="no_credit")})
    return settling.as_before(touches, [*parts, *added], _payees(touches))


def _credited_anew(
    conversion: Conversion, model: str, decision: Decision, parts: list[Part], added: dict[str, Any] | None = None
) -> list[Touch]:
    """By the rule that pays, in the order of the changed journey."""
    rules = rules_for([model])
    batch = _changed_journey(conversion, rules, decision, parts, added)
    made = records.records_of(batch, rules, run_id=None, calculated_at=timezone.now()) if batch else None
    touches = map(_touch, made.to_pylist()) if made is not None else []
    return sorted(touches, key=lambda touch: touch.like.position)


def _payees(touches: list[Touch]) -> dict[UUID, Payee]:
    return {touch.like.touchpoint_id: (touch.like.payee_type, touch.like.payee_id) for touch in touches}


def _as_it_was(lines: list[SettlementLine], like: AttributionRecord) -> list[Part]:
    """One touch's parts, told by the lines that took it out; what they don't tell, by the touch if it is still stored.
    `like` is any record of the conversion."""
    first = lines[0]
    assert first.touchpoint_id
    assert first.touched_at
    stored = Touchpoint.objects.filter(pk=first.touchpoint_id, timestamp=first.touched_at).first()
    named = {line.payee_type: line.payee_id for line in lines}
    values = {field.attname: getattr(like, field.attname) for field in AttributionRecord._meta.concrete_fields}
    record = AttributionRecord(**values)
    record.touchpoint_id, record.touched_at = first.touchpoint_id, first.touched_at
    record.position, record.channel = first.number, first.channel
    record.source, record.campaign_id = (stored.source, stored.campaign) if stored else (None, None)
    record.partner_id = stored.partner_id if stored else named.get("partner")
    record.broker_id = stored.broker_id if stored else named.get("broker")
    # As calculated: whoever has a part by a decision is told from that by the part.
    record.payee_type, record.payee_id = _payee_by_rule(record)
    record.payee_pinned = False
    units: dict[Payee, int] = defaultdict(int)
    for line in lines:
        units[line.payee_type, line.payee_id] += int(line.credit_before.scaleb(10))
    return [Part(record, payee, amount) for payee, amount in units.items()]


def _payee_by_rule(touch: AttributionRecord) -> Payee:
    if touch.broker_id and (touch.channel == Channel.BROKER_REFERRAL or not touch.partner_id):
        return "broker", touch.broker_id
    return ("partner", touch.partner_id) if touch.partner_id else settling.HOUSE


def _touch(row: dict[str, Any]) -> Touch:
    values = {name: UUID(bytes=value) if isinstance(value, bytes) else value for name, value in row.items()}
    record = AttributionRecord(**values)
    return Touch(record, int(record.credit.scaleb(10)))


def _changed_journey(
    conversion: Conversion,
    rules: records.Rules,
    decision: Decision,
    parts: list[Part],
    added: dict[str, Any] | None,
) -> reading.Batch | None:
    batch = _journey(conversion, rules)
    if batch is None:
        return None
    known = set(batch.touches["id"].to_pylist())
    # The journey was kept before a touch was inserted that has credit since.
    rows = {like.touchpoint_id.bytes: _of_record(like) for like in (part.like for part in parts)}
    if added:
        rows[added["id"]] = added
    unknown = [row for pk, row in rows.items() if pk not in known]
    touches = _with(batch.touches, conversion, unknown) if unknown else batch.touches
    gone = {touch.bytes for touch in _gone(conversion.pk, decision, parts)}
    return reading.batch_of(
        batch.conversions,
        touches.filter(pa.array([each not in gone for each in touches["id"].to_pylist()], pa.bool_())),
    )


def _journey(conversion: Conversion, rules: records.Rules) -> reading.Batch | None:
    """As it was kept when the records were calculated; from the stored touches where none was."""
    within = store.DjangoStore()
    table = pa.table({"id": pa.array([conversion.pk.bytes], store.UUID)})
    stored = differences.stored_records(within, table, rules.models, replay.STORED)
    journeys = kept.of_conversions(within, [str(conversion.pk)])
    if stored.num_rows and journeys.num_rows:
        batch = kept.batch_of(replay.belonging(stored, journeys))
        # A kept journey does not know the lead.
        leads = pa.array([conversion.lead_id], pa.string())
        place = batch.conversions.schema.get_field_index("lead_id")
        return reading.batch_of(batch.conversions.set_column(place, "lead_id", leads), batch.touches)
    days = rules.widest_lookback_days
    source = reading.Selection(conversion_ids=[conversion.pk])
    return next(reading.read(source, within=within, lookback_days=days, with_previous=rules.restarts), None)


def _gone(conversion_id: UUID, decision: Decision, parts: list[Part]) -> set[UUID]:
    """Touches that don't count: this one, and those that were excluded before and nobody gave back."""
    before = taken_out.excluded(conversion_id) - {part.like.touchpoint_id for part in parts}
    touch = {decision.touchpoint_id} if decision.touchpoint_id else set()
    return before | touch if decision.way == Way.EXCLUDE else before - touch


def _of_touchpoint(touchpoint: Touchpoint) -> dict[str, Any]:
    names = ("timestamp", "channel", "source", "campaign", "partner_id", "broker_id")
    return {"id": touchpoint.pk.bytes, **{name: getattr(touchpoint, name) for name in names}}


def _of_record(like: AttributionRecord) -> dict[str, Any]:
    return {
        "id": like.touchpoint_id.bytes,
        "timestamp": like.touched_at,
        "campaign": like.campaign_id,
        **{name: getattr(like, name) for name in ("channel", "source", "partner_id", "broker_id")},
    }


def _with(touches: pa.Table, conversion: Conversion, rows: list[dict[str, Any]]) -> pa.Table:
    of_conversion = [{"conversion_id": conversion.pk.bytes, **row} for row in rows]
    added = pa.Table.from_pylist(of_conversion, schema=reading.TOUCHES)
    return pa.concat_tables([touches.select(reading.TOUCHES.names).cast(reading.TOUCHES), added]).sort_by(
        [("timestamp", "ascending"), ("id", "ascending")]
    )
