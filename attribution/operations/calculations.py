"""One lead: what its conversions' touches earn, tried out or stored."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from attribution import announcing, holds, kept, one_conversion, reading, records, shards, store
from attribution.engine.models import MODELS
from attribution.models import AttributionRecord, with_net
from attribution.operations.configurations import WHAT_IS_STORED, known_rules, rules_at, rules_for, valid_parameters
from attribution_site.errors import DomainError
from conversions.models import Conversion, default_currency

CENT = Decimal("0.01")
CREDIT_UNIT = Decimal("1E-10")
PERCENTAGE_UNIT = Decimal("1E-8")
NOT_STORED = UUID(int=0)


class NothingToCalculate(DomainError):
    code = "nothing_to_calculate"


@dataclass(frozen=True)
class Share:
    touchpoint_id: UUID
    channel: str
    timestamp: dt.datetime
    credit: Decimal
    percentage: Decimal
    revenue: Decimal
    commission: Decimal
    partner_id: str | None
    broker_id: str | None
    campaign: str | None


@dataclass(frozen=True)
class Calculation:
    """What one conversion's touches earn under one model. Shares add up to the cent; `unattributed` is the whole
    value where there is no journey, else 0. `training_id` names whose effects a data-driven result comes from; it is
    None where there were none and the journey was shared by position."""

    lead_id: str
    model: str
    conversion_id: UUID | None
    conversion_value: Decimal
    currency: str
    commission_amount: Decimal
    attributions: list[Share]
    unattributed: Decimal
    config_version: int | None
    training_id: UUID | None
    calculated_at: dt.datetime


def calculate(
    *,
    lead_id: str,
    model: str,
    conversion_id: UUID | None = None,
    conversion_value: Decimal | None = None,
    commission_rate: Decimal | None = None,
    config: dict[str, Any] | None = None,
) -> Calculation:
    """What would be credited; nothing is stored.

    The conversion is the one named, or with a value given a hypothetical one now, or the lead's latest. `config`
    tries parameters that nobody saved. Raises ValidationError by field, NothingToCalculate without a conversion.
    """
    if model not in MODELS:
        raise ValidationError({"model": ValidationError(f"Cannot be calculated: {model}.", code="unknown_model")})
    find, values = _wanted(lead_id, conversion_id, conversion_value, commission_rate)
    stored, rules = known_rules(model) if config is None else (None, _trial(model, config))
    found = _read(find, values, rules)
    if found and config is None and found.beside != stored:
        # Something was stored since this process last looked.
        _, rules = rules_at(model, found.beside)
        found = _read(find, values, rules)
    if found is None:
        raise _nothing(lead_id, conversion_id)
    return _calculation(found, model, rules.versions[model], is_trial=config is not None)


def _wanted(
    lead_id: str, conversion_id: UUID | None, value: Decimal | None, rate: Decimal | None
) -> tuple[str, dict[str, Any]]:
    """How to find the conversion: a query of `one_conversion`, and its values."""
    if value is not None and conversion_id is None:
        return one_conversion.HYPOTHETICAL, {
            "id": NOT_STORED,
            "lead_id": lead_id,
            "type": "policy_bound",
            "currency": default_currency(),
            "value": value,
            "commission": (value * (rate or 0)).quantize(CENT, ROUND_HALF_EVEN),
            "occurred_at": timezone.now(),
        }
    if value is not None or rate is not None:
        name = "conversion_value" if value is not None else "commission_rate"
        raise ValidationError({name: "Only for a hypothetical conversion: give conversionValue, no conversionId."})
    if conversion_id is not None:
        return one_conversion.NAMED, {"lead_id": lead_id, "id": conversion_id}
    return one_conversion.LATEST, {"lead_id": lead_id}


def _read(find: str, values: dict[str, Any], rules: records.Rules) -> one_conversion.Found | None:
    return one_conversion.read(
        find,
        values,
        beside=WHAT_IS_STORED,
        lookback_days=rules.widest_lookback_days,
        with_previous=rules.restarts,
    )


def _nothing(lead_id: str, conversion_id: UUID | None) -> Exception:
    if conversion_id is not None:
        return ValidationError(
            {"conversion_id": ValidationError("This lead has no such conversion.", code="unknown_conversion")}
        )
    return NothingToCalculate(f"Lead {lead_id} has no conversion. Give conversionValue to see what one would credit.")


def _trial(model: str, config: dict[str, Any]) -> records.Rules:
    return records.Rules({model: [records.Version(0, 0, 0, valid_parameters(config, "config"))]}, [])


def _calculation(
    found: one_conversion.Found, model: str, versions: Sequence[records.Version], *, is_trial: bool
) -> Calculation:
    shares = records.shares_of(found.batch, model, versions)
    [conversion] = found.batch.conversions.to_pylist()
    value = conversion["value_cents"] * CENT
    conversion_id = UUID(bytes=conversion["id"])
    in_effect = [v for v in versions if v.effective_from <= found.batch.occurred_at[0]]
    return Calculation(
        lead_id=conversion["lead_id"],
        model=model,
        conversion_id=None if conversion_id == NOT_STORED else conversion_id,
        conversion_value=value,
        currency=conversion["currency"],
        commission_amount=conversion["commission_cents"] * CENT,
        attributions=list(_shares(found.touches, shares)),
        unattributed=Decimal("0.00") if shares.touch.size else value,
        config_version=in_effect[-1].number if in_effect and not is_trial else None,
        training_id=_training_id(shares, versions),
        calculated_at=timezone.now(),
    )


def _shares(touches: list[one_conversion.Touch], shares: records.Shares) -> Iterator[Share]:
    columns = (shares.touch, shares.credits, shares.values, shares.commissions)
    for place, credit, revenue, commission in zip(*(column.tolist() for column in columns), strict=True):
        touch = touches[place]
        yield Share(
            touchpoint_id=touch.id,
            channel=touch.channel,
            timestamp=touch.timestamp,
            credit=credit * CREDIT_UNIT,
            percentage=credit * PERCENTAGE_UNIT,
            revenue=revenue * CENT,
            commission=commission * CENT,
            partner_id=touch.partner_id,
            broker_id=touch.broker_id,
            campaign=touch.campaign,
        )


def _training_id(shares: records.Shares, versions: Sequence[records.Version]) -> UUID | None:
    if not shares.learnt.any():
        return None
    trained = versions[shares.version[0]].trained
    return trained.id if trained else None


@dataclass(frozen=True)
class Saved:
    """A lead's records as they now stand, and where frozen ones forbade the new result: one dict a conversion and
    model, with what each payee has (`stored`) and would have (`new`)."""

    records: list[AttributionRecord]
    disagreements: list[dict[str, Any]]


@transaction.atomic
def calculate_and_save(
    *,
    lead_id: str,
    model_names: list[str] | None = None,
    conversion_id: UUID | None = None,
) -> Saved:
    """Calculate a lead's stored conversion (all of them if none is named) and bring its records up to date.

    Waits for a batch that has the same lead. Raises RecordsMoved when a record is approved at the same moment.
    """
    source = reading.Selection(lead_ids=[lead_id], conversion_ids=None if conversion_id is None else [conversion_id])
    mine = Conversion.objects.filter(lead_id=lead_id)
    if conversion_id is not None:
        mine = mine.filter(pk=conversion_id)
        if not mine:
            raise ValidationError(
                {"conversion_id": ValidationError("This lead has no such conversion.", code="unknown_conversion")}
            )
    if not mine:
        raise NothingToCalculate(f"Lead {lead_id} has no conversion.")
    within = store.DjangoStore()
    [bucket] = mine.with_bucket().values_list("bucket", flat=True).distinct()
    shards.lock_buckets(within, bucket, bucket)
    # Only now: a run that was waited for may have known of a younger version.
    rules = rules_for(list(MODELS) if model_names is None else model_names)
    disagreements, changed = [], announcing.ChangedRecords()
    for batch in shards.batches_to_store(source, kept.reach(), within=within):
        planned = shards.plan(batch, rules, holds.stored(), within=within, run_id=None, at=timezone.now())
        changed.note(planned.changes, within=within)
        shards.write(planned, within=within)
        disagreements += [_readable(each) for each in planned.changes.disagreements]
    changed.announce(within=within, run_id=None)
    stored = AttributionRecord.objects.filter(conversion_id__in=mine.values("pk"), model__in=rules.models)
    return Saved(
        records=list(with_net(stored).order_by("occurred_at", "conversion_id", "model", "position")),
        disagreements=disagreements,
    )


def _readable(disagreement: dict[str, Any]) -> dict[str, Any]:
    return disagreement | {"conversion_id": UUID(bytes=disagreement["conversion_id"])}
