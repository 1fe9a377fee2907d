"""The answer of `GET /attributions/:id/explain`."""

from dataclasses import asdict
from decimal import Decimal

from attribution.engine.parameters import Parameters
from attribution.explained import Explanation
from attribution.plain_words import SOURCES, WHY_PAYEE, sentences
from attribution_site.api.wire import camel

RECORD = [
    "id",
    "conversion_id",
    "touchpoint_id",
    "model",
    "status",
    "payable",
    "credit",
    "percentage",
    "currency",
    "revenue_attributed",
    "commission_amount",
    "payee_type",
    "payee_id",
    "payee_pinned",
    "position",
    "journey_length",
    "run_id",
    "calculated_at",
]


def answer(told: Explanation):
    record = told.record
    return {
        "record": {name: getattr(record, name) for name in RECORD},
        "in_words": sentences(told),
        "source": told.source,
        "source_in_words": SOURCES[told.source],
        "conversion": told.conversion,
        "rule": _rule(told),
        "journey": {
            "touches_known": told.touches_known,
            "touches_counted": told.touches_counted,
            "not_shown": told.hidden,
            "touches": [_touch(touch) for touch in told.touches],
        },
        "rounding": {
            "revenue": told.revenue and asdict(told.revenue),
            "commission": told.commission and asdict(told.commission),
        },
        "payee": {
            "type": record.payee_type,
            "id": record.payee_id,
            "reason": told.payee_reason,
            "in_words": WHY_PAYEE[told.payee_reason],
        },
        "settlement": told.settlement and asdict(told.settlement),
        "stored_totals": told.stored_totals,
        "replays": told.replays,
        # As verification keeps them: the names are those of the table.
        "differences": [{"what": each["what"], "detail": each} for each in told.differences[:100]],
        "other_models": [asdict(each) for each in told.others],
    }


def _rule(told):
    parameters = Parameters.from_json(told.config.parameters).to_json()
    return {
        "model": told.record.model,
        "config_version": told.config.version,
        "effective_from": told.config.effective_from,
        "parameters": {camel(name): value for name, value in parameters.items()},
        "fallback": told.fallback,
        "training": _training(told.training),
    }


def _training(training):
    if training is None:
        return None
    return {
        "id": training.pk,
        "number": training.number,
        "start_date": training.start,
        "end_date": training.end,
        "order": training.order,
        "journeys": training.journeys,
        "conversions": training.conversions,
        "effective_from": training.effective_from,
        "data_hash": training.data_hash,
    }


def _touch(touch):
    effect = touch.effect
    names = ("state", "removal_effect", "removal_effect_value", "low", "high")
    return asdict(touch) | {
        "percentage": (touch.credit * 100).quantize(Decimal("1E-8")),
        "effect": {name: effect.get(name) for name in names} if effect else None,
    }
