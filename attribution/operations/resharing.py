"""The journey of one conversion with a touch more or less, credited anew by the rule that pays for it."""

from typing import Any
from uuid import UUID

import pyarrow as pa
from django.core.exceptions import ValidationError
from django.utils import timezone

from attribution import differences, kept, reading, records, replay, settling, store
from attribution.models import AttributionRecord, Settlement
from attribution.operations.configurations import rules_for
from attribution.settling import Decision, Part, Touch, Way
from attribution_site.errors import DomainError
from conversions.models import Conversion
from touchpoints.models import Touchpoint


class OnlyTouch(DomainError):
    """Without this touch nobody would have credit."""

    code = "only_touch"


def reshared(
    conversion: Conversion, model: str, decision: Decision, parts: list[Part], touchpoint: Touchpoint | None
) -> list[Part]:
    """With the missing touch, without the excluded one, or with one again that was taken out: by the rule that pays or,
    where somebody set sizes by hand, on top of those."""
    sizes_are_set = taken_out.set_by_hand(conversion.pk) is not None
    if decision.way == Way.EXCLUDE:
        rest = settling.without(parts, decision.touchpoint_id)
        wanted = rest if sizes_are_set else _credited_anew(conversion, model, decision, parts, [])
        if not wanted:
            raise OnlyTouch("It is the only touch that counts. Give it to the house instead.")
        return wanted
    if touchpoint is not None and decision.payee is not None:
        row, added = _of_touchpoint(touchpoint), [Part(_told_by(_of_touchpoint(touchpoint), parts), decision.payee, 1)]
    return []


def _touch(row: dict[str, Any]) -> Touch:
    values = {name: UUID(bytes=value) if isinstance(value, bytes) else value for name, value in row.items()}
    record = AttributionRecord(**values)
    return Touch(record, int(record.credit.scaleb(10)))


def _changed_journey(
    conversion: Conversion,
    rules: records.Rules,
    decision: Decision,
    parts: list[Part],
    touchpoint: Touchpoint | None,
) -> reading.Batch | None:
    batch = _journey(conversion, rules)
    if batch is None:
        return None
    known = set(batch.touches["id"].to_pylist())
    # The journey was kept before a touch was inserted that has credit since.
    since = {part.like.touchpoint_id: part.like for part in parts if part.like.touchpoint_id.bytes not in known}
    added = [_of_record(like) for like in since.values()]
    if touchpoint is not None:
        added.append(_of_touchpoint(touchpoint))
    touches = _with(batch.touches, conversion, added) if added else batch.touches
    gone = [each.bytes for each in _excluded(conversion.pk, decision)]
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


def _excluded(conversion_id: UUID, decision: Decision) -> list[UUID]:
    """This one, and those that were excluded before."""
    before = Settlement.objects.filter(conversion_id=conversion_id, way=Way.EXCLUDE)
    touches = [UUID(question["touchpoint_id"]) for question in before.values_list("question", flat=True)]
    return [*touches, *([decision.touchpoint_id] if decision.way == Way.EXCLUDE and decision.touchpoint_id else [])]


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
