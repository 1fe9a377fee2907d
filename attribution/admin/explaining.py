"""The page that explains one record."""

from decimal import Decimal
from typing import Any

from attribution.admin.journey_picture import picture
from attribution.engine.parameters import Parameters
from attribution.models import AttributionModel, ModelConfig, Settlement, Training
from attribution.plain_words import LEFT_OUT, SOURCES, amount, how_long, sentences, shortened
from attribution.wording import parameters_of
from conversions.models import Conversion
from partners.admin import NOTHING, moment, page_link, payee_link
from touchpoints.models import Channel, Touchpoint

REPLAYS = {
    True: ("same", "Calculated again just now: the same to the cent"),
    False: ("differs", "Calculated again just now: it comes out otherwise"),
    None: ("unknown", "Cannot be calculated again: no journey was kept"),
}
SETTLED = ("unknown", "Not calculated again: a dispute's settlement set these shares, no rule")
DIFFERENCES_SHOWN = 20


def context_of(told):
    record = told.record
    state, text = SETTLED if told.settlement and told.replays is None else REPLAYS[told.replays]
    return {
        "title": "Why this record is what it is",
        "record": record,
        "facts": _facts(told),
        "replay_state": state,
        "replay_text": text,
        "differences": told.differences[:DIFFERENCES_SHOWN],
        "sentences": sentences(told),
        "source_note": None if told.source == "kept_journey" else SOURCES[told.source],
        "picture": picture(told),
        "settlement": told.settlement and _settlement(told),
        "rows": _rows(told),
        "totals": _totals(told),
        "models": _models(told),
        "matrix": _matrix(told),
        "parameters": _parameters(told),
        "effects": _effects(told),
        "training": told.training,
        "currency": record.currency,
        "with_commission": bool(told.commission and told.commission.total),
    }


def _facts(told):
    record = told.record
    unit = told.revenue.unit if told.revenue else Decimal("0.01")
    training = (
        [("Training", page_link(Training, told.training.pk, f"No. {told.training.number}"))] if told.training else []
    )
    return [
        ("Credit", f"{record.percentage:.2f} %"),
        ("Revenue", f"{amount(record.revenue_attributed, unit)} {record.currency}"),
        ("Commission", f"{amount(record.commission_amount, unit)} {record.currency}"),
        *_adjusted(told, unit),
        ("Payee", payee_link(record.payee_type, record.payee_id)),
        ("Model", page_link(ModelConfig, record.config_id, str(told.config))),
        *training,
        ("Conversion", page_link(Conversion, record.conversion_id, record.conversion_type.replace("_", " "))),
        ("Converted at", moment(record.occurred_at)),
        ("Calculated at", moment(record.calculated_at)),
    ]


def _adjusted(told, unit):
    """What the explanation is of is what is left, the record's own amounts with these."""
    if not told.adjustments:
        return []
    sums = [sum(getattr(each, name) for each in told.adjustments) for name in ("revenue_amount", "commission_amount")]
    shown = [f"{'−' if each < 0 else ''}{amount(abs(each), unit)}" for each in sums]
    return [("Adjustments", f"{shown[0]} and {shown[1]} {told.record.currency}")]


def _settlement(told):
    settled, unit = told.settlement, told.revenue.unit if told.revenue else Decimal("0.01")
    return {
        "way": Settlement.Way(settled.way).label,
        "when": moment(settled.settled_at),
        "reason": settled.reason,
        "rows": [
            {
                "css": "here" if share.is_this else "",
                "number": share.number or None,
                "channel": Channel(share.channel).label if share.channel else "Nobody was credited",
                "payee": payee_link(share.payee_type, share.payee_id),
                "is_part": share.parts > 1 and share.credit_after > 0,
                "credits": [f"{each * 100:.4f} %" for each in (share.credit_before, share.credit_after)],
                "revenues": [amount(each, unit) for each in (share.revenue_before, share.revenue_after)],
                "commissions": [amount(each, unit) for each in (share.commission_before, share.commission_after)],
            }
            for share in settled.shares
        ],
    }


def _rows(told):
    """The table touch by touch, with a row where some are not shown."""
    rows: list[dict[str, Any]] = []
    for number, touch in enumerate(told.touches):
        before = told.touches[number - 1] if number else None
        if _gap(before, touch):
            rows.append({"gap": True, "first": not any(row.get("gap") for row in rows)})
        rows.append(_row(touch, told))
    return rows


def _gap(before, touch):
    return (
        before
        and before.position
        and touch.position
        and touch.position > before.position + 1
        and not (before.left_out_by or touch.left_out_by)
    )


def _row(touch, told):
    return {
        "css": " ".join(filter(None, ["here" if touch.is_this else "", "left-out" if touch.left_out_by else ""])),
        "position": touch.position,
        "when": page_link(Touchpoint, touch.touchpoint_id, moment(touch.timestamp)),
        "before": _when(touch, short=True),
        "channel": Channel(touch.channel).label,
        "beside": " · ".join(filter(None, [touch.source, touch.campaign])),
        "payee": payee_link(touch.payee_type, touch.payee_id),
        "left_out": LEFT_OUT.get(touch.left_out_by),
        "raw": None if touch.raw_weight is None else f"{touch.raw_weight:.4g}",
        "credit": f"{touch.credit * 100:.4f}",
        "revenue": touch.revenue and _part(touch.revenue, told.revenue.unit),
        "commission": touch.commission and _part(touch.commission, told.commission.unit),
    }


def _when(touch, *, short=False):
    return f"{how_long(touch.seconds_before, short=short)} before" if touch.seconds_before else "at the conversion"


def _part(part, unit):
    return {
        "exact": shortened(part.quota),
        "rank": part.rank,
        "cent": f"{'+' if part.remainder > 0 else '−'} {abs(part.remainder):f}" if part.remainder else "",
        "share": amount(part.share, unit),
    }


def _totals(told):
    if not told.revenue:
        return None
    return {
        "counted": told.touches_counted,
        "hidden": told.hidden if told.hidden["touches"] else None,
        "revenue": amount(told.revenue.total, told.revenue.unit),
        "revenue_left": told.revenue.left_over,
        "commission": amount(told.commission.total, told.commission.unit),
        "commission_left": told.commission.left_over,
        "tie_out": told.stored_totals["revenue"] == told.revenue.total
        and told.stored_totals["commission"] == told.commission.total,
        "stored_revenue": amount(told.stored_totals["revenue"], told.revenue.unit),
        "stored_commission": amount(told.stored_totals["commission"], told.commission.unit),
        "stored_records": told.stored_totals["records"],
    }


def _models(told):
    """What each model gives this touch: the record's own first."""
    if not told.touches or not told.revenue:
        return []
    unit = told.revenue.unit
    others = [
        _given(
            _label(other),
            payable=other.payable,
            version=other.config_version,
            credit=other.this.credit,
            money=[amount(each, unit) for each in (other.this.revenue, other.this.commission)],
            is_own=False,
        )
        for other in told.others
        if other.this
    ]
    return [*_own_model(told, unit), *others]


def _own_model(told, unit):
    """As it is stored; of what was settled, also what the rule gives the touch."""
    record, settled, label = told.record, told.settlement, str(AttributionModel(told.record.model).label)
    given = {"payable": record.payable, "version": told.config.version}
    if settled is None:
        money = [amount(each, unit) for each in (record.revenue_attributed, record.commission_amount)]
        return [_given(label, **given, credit=record.credit, money=money, is_own=True)]
    money = [amount(each, unit) for each in (settled.revenue, settled.commission)]
    own = _given(f"{label}, as settled", **given, credit=settled.credit, money=money, is_own=True)
    touch = next((each for each in told.touches if each.is_this and each.revenue), None)
    if touch is None:
        return [own]
    money = [amount(each.share, unit) for each in (touch.revenue, touch.commission)]
    return [own, _given(f"{label}, by its rule", **given, credit=touch.credit, money=money, is_own=False)]


def _label(other):
    return str(AttributionModel(other.model).label) + (" (by position)" if other.fallback else "")


def _given(label, *, payable, version, credit, money, is_own):
    return {
        "label": label,
        "payable": payable,
        "version": version,
        "percent": f"{credit * 100:.2f}",
        "revenue": money[0],
        "commission": money[1],
        "is_own": is_own,
    }


def _matrix(told):
    """Percent of credit by touch and model, for the touches that are shown."""
    names = [str(AttributionModel(told.record.model).label), *(_label(other) for other in told.others)]
    rows = [
        {
            "css": "here" if touch.is_this else "",
            "name": f"{Channel(touch.channel).label}, {_when(touch)}",
            "cells": [
                f"{credit * 100:.2f}" for credit in (touch.credit, *(o.shares[place].credit for o in told.others))
            ],
        }
        for place, touch in enumerate(told.touches)
    ]
    return {"names": names, "rows": rows}


def _parameters(told):
    values = Parameters.from_json(told.config.parameters).to_json()
    return [(name.replace("_", " ").capitalize(), _value(values[name])) for name in parameters_of(told.record.model)]


def _value(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')}: {each}" for name, each in value.items()) or NOTHING
    if isinstance(value, list):
        return ", ".join(str(each).replace("_", " ") for each in value) or NOTHING
    return NOTHING if value is None else str(value).replace("_", " ")


def _effects(told):
    """The states of this journey, each once, as training knows them."""
    found = {}
    for touch in told.touches:
        if touch.effect:
            channel, *beside = touch.effect["state"]
            name = " · ".join([str(Channel(channel).label), *(part or NOTHING for part in beside)])
            found[name] = {
                "name": name,
                "effect": f"{100 * touch.effect['removal_effect']:.2f}",
                "effect_value": f"{100 * touch.effect['removal_effect_value']:.2f}",
                "interval": _interval(touch.effect),
            }
    return sorted(found.values(), key=lambda each: -float(each["effect"]))


def _interval(effect):
    if effect.get("low") is None or effect.get("high") is None:
        return NOTHING
    return f"{100 * effect['low']:.2f} – {100 * effect['high']:.2f} %"
