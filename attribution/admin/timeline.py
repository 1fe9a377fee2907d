"""A conversion's journey as a timeline: one lane a payee, true times from left to right, credit by area, and what every
model would give. The page of a conversion, of a record, of a lead and of a dispute show the same one."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.template.loader import render_to_string

from attribution import operations
from attribution.admin import timeline_facts, timeline_html, timeline_layout
from attribution.models import AttributionModel, AttributionRecord, with_net
from attribution.plain_words import LEFT_OUT
from touchpoints.models import Touchpoint

# A longer journey is drawn in parts: its beginning, its end and what is around the marked touch.
MOST = 400
TEMPLATE = "admin/attribution/timeline.html"
BY_DECISION = "taken out by a decision"


@dataclass
class Touch:
    """`records`: what stands of it under the model that is shown, one a payee. `shares`: credit by model."""

    pk: Any
    at: Any
    channel: str
    source: str | None
    campaign: str | None
    payee: tuple[str, str]
    position: int | None = None
    left_out: str | None = None
    records: list[Any] = field(default_factory=list)
    shares: dict[str, Decimal] = field(default_factory=dict)
    is_marked: bool = False
    is_inserted: bool = False

    @property
    def credit(self):
        return sum((record.net_credit for record in self.records), Decimal(0))


def of_conversion(conversion, *, model=None, marked=None, first=None):
    """Everything that the template needs. `marked`: the id of the touch that it is about. `first`: the payee whose lane
    comes first."""
    records = standing_records(conversion, model)
    told = operations.explain(record_id=_told_of(records, marked), at_once=MOST) if records else None
    touches = _touches(conversion, records, told)
    for touch in touches:
        touch.is_marked = touch.pk == marked
    rows = timeline_facts.rows_of(conversion, touches)
    for touch in touches:
        row = rows.get(touch.pk)
        # Whoever inserted it did so by a decision: `attribution.operations.settle` names that as its medium.
        touch.is_inserted = bool(row and row.medium == "dispute" and any(r.settlement_id for r in touch.records))
    models = _models(records, told)
    drawn = timeline_layout.of_journey(conversion, touches, models, first=first)
    timeline_facts.add_sums(drawn["lanes"], touches, told, models)
    return _shown(
        f"timeline-{conversion.pk}",
        drawn,
        touches,
        models,
        timeline_facts.of_touches(conversion, touches, models, rows),
    ) | {
        "conversion": conversion,
        "told": told,
        "hidden": told.hidden.get("touches", 0) if told and told.hidden else 0,
        "is_settled": any(record.settlement_id for record in records),
        "marked": next((number for number, touch in enumerate(touches) if touch.is_marked), None),
    }


def rendered(conversion, **options):
    return render_to_string(TEMPLATE, {"timeline": of_conversion(conversion, **options)})


def standing_records(conversion, model=None):
    """What stands under a model, adjustments included; of the one that pays, if no model is named."""
    records = with_net(AttributionRecord.objects.filter(conversion_id=conversion.pk)).order_by("position", "part", "pk")
    if model is not None:
        return list(records.filter(model=model))
    found = list(records.filter(payable=True))
    if found:
        return found
    by_model = [list(each) for _, each in groupby(records.order_by("model", "position", "part"), lambda r: r.model)]
    return by_model[0] if by_model else []


def _told_of(records, marked):
    return next((record.pk for record in records if record.touchpoint_id == marked), records[0].pk)


def _touches(conversion, records, told):
    """In order of time: those of the explained journey, and those that only records know of."""
    by_id = {each.touchpoint_id: _of_journey(each) for each in (told.touches if told else [])}
    for record in records:
        by_id.setdefault(record.touchpoint_id, _of_record(record)).records.append(record)
    if not records:
        by_id = {each.pk: _of_row(each) for each in _before(conversion)}
    for other in told.others if told else []:
        for share in other.shares:
            by_id[share.touchpoint_id].shares[other.model] = share.credit
    if any(record.settlement_id for record in records):
        _mark_excluded(by_id.values())
    return sorted(by_id.values(), key=lambda touch: (touch.at, str(touch.pk)))


def _of_journey(each):
    return Touch(
        pk=each.touchpoint_id,
        at=each.timestamp,
        channel=each.channel,
        source=each.source,
        campaign=each.campaign,
        payee=(each.payee_type, each.payee_id),
        position=each.position,
        left_out=LEFT_OUT.get(each.left_out_by),
        shares={"rule": each.credit},
    )


def _of_record(record):
    return Touch(
        pk=record.touchpoint_id,
        at=record.touched_at,
        channel=record.channel,
        source=record.source,
        campaign=record.campaign_id,
        payee=(record.payee_type, record.payee_id),
        position=record.position,
    )


def _of_row(row):
    kind = "broker" if row.broker_id and (row.channel == "broker_referral" or not row.partner_id) else "partner"
    pk = row.broker_id if kind == "broker" else row.partner_id
    payee = (kind, pk) if pk else ("house", "")
    return Touch(row.pk, row.timestamp, row.channel, row.source, row.campaign, payee)


def _before(conversion):
    """Of a conversion that nobody was credited for."""
    since = conversion.occurred_at - timeline_facts.LOOKED_BACK
    touches = Touchpoint.objects.filter(
        lead_id=conversion.lead_id, timestamp__gte=since, timestamp__lte=conversion.occurred_at
    )
    return list(touches.order_by("-timestamp", "-id")[:MOST])


def _mark_excluded(touches):
    for touch in touches:
        if not touch.records and not touch.left_out and touch.shares.get("rule"):
            touch.left_out = BY_DECISION


def _models(records, told):
    """What stands first, then every other model; the rule's own, where a decision changed what it gave."""
    if not records:
        return []
    own = AttributionModel(records[0].model)
    found = [{"key": "stands", "label": str(own.label), "payable": records[0].payable}]
    if told and told.touches and any(record.settlement_id for record in records):
        found.append({"key": "rule", "label": f"{own.label} as calculated", "payable": False})
    others = told.others if told else []
    return found + [
        {"key": each.model, "label": str(AttributionModel(each.model).label), "payable": each.payable}
        for each in others
    ]


def of_lead(lead_id, conversions, rows):
    """A lead's touches, in order of time as they are given, with all its conversions; nothing is credited in it."""
    touches = [_of_row(row) for row in rows]
    drawn = timeline_layout.of_lead(conversions, touches)
    if drawn is None:
        return None
    facts = timeline_facts.of_touches(None, touches, [], {row.pk: row for row in rows})
    return _shown("timeline-lead", drawn, touches, [], facts)


def _shown(name, drawn, touches, models, facts):
    return drawn | {
        "id": name,
        "models": models,
        "count": len(touches),
        "marks": timeline_html.marks(name, drawn["marks"], drawn["signs"]),
        "rows": timeline_html.rows(name, timeline_facts.table(touches, models)),
        "facts": facts,
    }
