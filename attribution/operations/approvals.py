"""Which records may be approved, and approving many of them: what decides money is looked at a set at a time."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet, Sum

from attribution import announcing, states
from attribution.engine.parameters import Parameters
from attribution.models import Adjustment, AttributionModel, AttributionRecord, ModelConfig, Settlement, Status
from attribution.operations.configurations import trained
from attribution.schedule import Payments
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions.models import Conversion

AT_ONCE = 1000
APPROVED_AT_MOST = 20_000
KEPT_REFUSALS = 100

CHANGED = "Its conversion has changed since it was calculated. Calculate it again."
OTHER_VERSION = "The record was calculated under another version than is in effect. Calculate it again."
OTHER_MODEL = "Commission of its day is paid under another model by now. Calculate it again."
OTHER_TRAINING = "Another training is in effect for its conversion by now. Calculate it again."
Money = tuple[Decimal, Decimal]


class RecordOutdated(DomainError):
    """The record was calculated under what is no longer in effect for its conversion."""

    code = "record_outdated"


@dataclass
class Approved:
    """What an approval of many came to. `refused`: the first hundred, by record, and why."""

    count: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    refused_count: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)
    has_more: bool = False


def check_in_effect(record: AttributionRecord) -> None:
    """Refuse a record that is older than what now applies to its conversion: approving it would decide money by
    rules that are not in effect. Raises RecordOutdated."""
    if found := outdated([record]):
        raise RecordOutdated(found[record.pk])


def check_shares(record: AttributionRecord) -> None:
    """Refuse to freeze a record of a set that is not worth what is left of its conversion: nothing could put that
    right any more. Raises RecordOutdated."""
    if not _Sets([record]).shares_what_is_there(record):
        raise RecordOutdated(CHANGED)


def outdated(records: Sequence[AttributionRecord]) -> dict[UUID, str]:
    """Of records that are older than what now applies to their conversions: why. A set that a dispute settled was
    decided by a person, not a rule, and one with adjustments is not calculated again."""
    sets, rules = _Sets(records), _Rules()
    found = {}
    for record in records:
        if not sets.shares_what_is_there(record):
            found[record.pk] = CHANGED
        elif not sets.is_decided(record) and (why := rules.why_outdated(record)):
            found[record.pk] = why
    return found


def to_approve(records: QuerySet[AttributionRecord]) -> QuerySet[AttributionRecord]:
    """Those of the records that wait for approval, the oldest first."""
    waiting = records.filter(payable=True, status=Status.CALCULATED).exclude(payee_type=AttributionRecord.Payee.HOUSE)
    return waiting.order_by("occurred_at", "pk")


def approve_records(*, records: QuerySet[AttributionRecord], reason: str, by: Any) -> Approved:
    """Approve those of the records that may be, the oldest first, 20,000 at most; each thousand in a transaction of its
    own. `by` None: a rule of the house did. Raises ValidationError for a missing reason."""
    if not reason.strip():
        raise ValidationError({"reason": ValidationError("Say why: the audit log keeps it.", code="required")})
    ids = list(to_approve(records).values_list("pk", flat=True)[: APPROVED_AT_MOST + 1])
    done = Approved(has_more=len(ids) > APPROVED_AT_MOST)
    remaining = iter(ids[:APPROVED_AT_MOST])
    while some := list(islice(remaining, AT_ONCE)):
        with transaction.atomic(), because(reason=reason.strip(), user=by and by.pk):
            _approve(some, done)
    return done


def _approve(ids: list[UUID], done: Approved) -> None:
    """Those that are still to be approved under the lock."""
    locked = AttributionRecord.objects.select_for_update().filter(pk__in=ids, status=Status.CALCULATED).order_by("pk")
    records = [record for record in locked if record.payable]
    refused = outdated(records)
    good = [record for record in records if record.pk not in refused]
    AttributionRecord.objects.filter(pk__in=[record.pk for record in good]).update(status=Status.APPROVED)
    for record in good:
        record.status = Status.APPROVED
        done.sums[record.currency] = done.sums.get(record.currency, Decimal(0)) + record.commission_amount
    announcing.announce_statuses(good)
    done.count += len(good)
    done.refused_count += len(refused)
    done.refused.update(islice(refused.items(), KEPT_REFUSALS - len(done.refused)))


class _Sets:
    """What the sets that some records belong to are worth, and whether a person decided about them."""

    def __init__(self, records: Iterable[AttributionRecord]) -> None:
        ids = {record.conversion_id for record in records}
        self._conversions = Conversion.objects.in_bulk(ids)
        stored = AttributionRecord.objects.filter(conversion_id__in=ids).order_by()
        by_set = stored.values_list("conversion_id", "model").annotate(
            Sum("revenue_attributed"), Sum("commission_amount")
        )
        self._worth: dict[tuple[UUID, str], Money] = {
            (conversion_id, model): (revenue, commission) for conversion_id, model, revenue, commission in by_set
        }
        self._adjusted = self._add_adjustments(ids)
        settled = Settlement.objects.filter(conversion_id__in=ids)
        self._settled = set(settled.values_list("conversion_id", "model"))

    def _add_adjustments(self, ids: set[UUID]) -> set[UUID]:
        adjustments = Adjustment.objects.filter(conversion_id__in=ids).order_by()
        changes = list(adjustments.values_list("record_id", "conversion_id", "revenue_amount", "commission_amount"))
        adjusted = AttributionRecord.objects.filter(pk__in={record_id for record_id, *_ in changes})
        models = dict(adjusted.values_list("pk", "model"))
        for record_id, conversion_id, revenue, commission in changes:
            of_set = (conversion_id, models[record_id])
            before = self._worth[of_set]
            self._worth[of_set] = (before[0] + revenue, before[1] + commission)
        return {conversion_id for _, conversion_id, *_ in changes}

    def shares_what_is_there(self, record: AttributionRecord) -> bool:
        """Whether the records of its conversion and model, with adjustments, add up to what is left of it."""
        conversion = self._conversions.get(record.conversion_id)
        if conversion is None:
            return True
        worth = self._worth.get((record.conversion_id, record.model))
        left = (conversion.remaining_value, conversion.remaining_commission or Decimal(0))
        facts = (record.lead_id, record.currency, record.occurred_at)
        return worth == left and facts == (conversion.lead_id, conversion.currency, conversion.occurred_at)

    def is_decided(self, record: AttributionRecord) -> bool:
        return record.conversion_id in self._adjusted or (record.conversion_id, record.model) in self._settled


class _Rules:
    """Versions, trainings and payable models, each read once."""

    def __init__(self) -> None:
        self._configs: dict[str, list[ModelConfig]] = {}
        self._payments = Payments.stored()
        self._trainings: dict[int, list[tuple[dt.datetime, UUID]]] = {}

    def why_outdated(self, record: AttributionRecord) -> str | None:
        current = self._in_effect(record.model, record.occurred_at)
        if current is None or current.pk != record.config_id:
            return OTHER_VERSION
        if self._payments.model_at(record.occurred_at) != record.model:
            return OTHER_MODEL
        if record.model == AttributionModel.DATA_DRIVEN and not self._is_of_training_in_effect(record, current):
            return OTHER_TRAINING
        return None

    def _in_effect(self, model: str, moment: dt.datetime) -> ModelConfig | None:
        if model not in self._configs:
            self._configs[model] = list(ModelConfig.objects.filter(model=model).order_by("-effective_from"))
        return next((config for config in self._configs[model] if config.effective_from <= moment), None)

    def _is_of_training_in_effect(self, record: AttributionRecord, config: ModelConfig) -> bool:
        """A record without training is right where none is in effect, or the one in effect has no effect of its
        state."""
        if config.pk not in self._trainings:
            finished = config.trainings.finished().filter(effective_from__isnull=False).order_by("-effective_from")
            self._trainings[config.pk] = list(finished.values_list("effective_from", "pk"))
        before = (pk for since, pk in self._trainings[config.pk] if since <= record.occurred_at)
        latest = next(before, None)
        if record.training_id is not None or latest is None:
            return bool(record.training_id == latest)
        parameters = Parameters.from_json(config.parameters)
        column = states.BESIDE_CHANNEL[parameters.states]
        beside = "campaign_id" if column == "campaign" else column
        # By position is right only where training knows none of the journey's states.
        of_journey = AttributionRecord.objects.filter(conversion_id=record.conversion_id, model=record.model)
        effects = trained(latest, parameters.weigh_by).effects
        found = of_journey.values_list(*["channel", *([beside] if beside else [])])
        return not any(effects.get(states.key_of(list(state))) for state in found)
