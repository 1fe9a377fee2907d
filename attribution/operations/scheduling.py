"""New versions of configurations: from when they apply, whether commission is paid under them, and what
money that is decided already forbids."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg.errors
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Max, Min
from django.utils import timezone

from attribution.engine.models import MODELS
from attribution.engine.parameters import Parameters
from attribution.models import (
    FROZEN,
    Adjustment,
    AttributionRecord,
    ModelConfig,
    PayableModel,
    Settlement,
)
from attribution.operations.configurations import valid_parameters
from attribution.schedule import Payments, Period, in_effect, next_version
from attribution_site.errors import DomainError

# No touch and no conversion is older: an earlier version would never be in effect.
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# A guard against slips: 2206 for 2026.
FURTHEST = dt.timedelta(days=3653)
LONGEST_WAIT = "10s"
SECOND = dt.timedelta(seconds=1)


class RecordsAreWritten(DomainError):
    """A calculation holds the records, so that nobody can say which of them are approved."""

    code = "records_are_written"


@dataclass(frozen=True)
class Plan:
    """What a new version would be and do. `paid`: the parts of its period in which commission is paid under it."""

    model: str
    version: int
    parameters: dict[str, Any]
    period: Period
    replaces: ModelConfig | None
    paid: list[Period]
    becomes_payable: bool
    paid_before: str | None


@transaction.atomic
def create_model_config(
    *,
    model: str,
    parameters: object,
    payable: bool = False,
    effective_from: dt.datetime | None = None,
    by: Any = None,
) -> ModelConfig:
    """The model's next version; with `payable`, commission is paid under the model from that instant on.

    Raises ValidationError that names the field: an unknown model, bad parameters, a version that changes nothing,
    an instant that is taken or would price approved commission anew. Raises RecordsAreWritten while a batch
    keeps the records to itself for longer than one should wait.
    """
    since = effective_from or timezone.now()
    _one_at_a_time()
    hold_approvals(model, since, payable=payable)
    plan = plan_model_config(model=model, parameters=parameters, payable=payable, effective_from=since)
    if plan.becomes_payable:
        PayableModel.objects.create(model=model, effective_from=since, created_by=by)
    return ModelConfig.objects.create(
        model=model, version=plan.version, parameters=plan.parameters, effective_from=since, created_by=by
    )


def plan_model_config(
    *, model: str, parameters: object, payable: bool = False, effective_from: dt.datetime | None = None
) -> Plan:
    """What `create_model_config` would do, with the refusals that it has. Writes nothing, locks nothing."""
    if model not in MODELS:
        raise _refusal("model", f"Cannot be calculated: {model}.", "unknown_model")
    full = valid_parameters(parameters, "parameters")
    since = effective_from or timezone.now()
    _check_range(since)
    payments = Payments.stored()
    paid_before = payments.model_at(since)
    becomes_payable = payable and paid_before != model
    _check_taken(model, since, becomes_payable)
    before = in_effect(model, since)
    if before and not becomes_payable and Parameters.from_json(before.parameters) == full:
        text = f"Nothing would change: version {before.version}, in effect then, says the same."
        raise _refusal("parameters", text, "nothing_changes")
    _check_decided(model, since, payable)
    follows = next_version(model, since)
    period = Period(since, follows.effective_from if follows else None)
    if becomes_payable:
        payments = Payments([*PayableModel.objects.values_list("effective_from", "model"), (since, model)])
    return Plan(
        model=model,
        version=(ModelConfig.objects.filter(model=model).aggregate(last=Max("version"))["last"] or 0) + 1,
        parameters=full.to_json(),
        period=period,
        replaces=before,
        paid=payments.within(model, period),
        becomes_payable=becomes_payable,
        paid_before=paid_before,
    )


def _check_range(since: dt.datetime) -> None:
    if since < EARLIEST:
        raise _refusal("effective_from", f"Must not be before {EARLIEST:%Y-%m-%d}.", "min_value")
    if since > timezone.now() + FURTHEST:
        raise _refusal("effective_from", "Must be within the next ten years.", "max_value")


def _check_taken(model: str, since: dt.datetime, becomes_payable: bool) -> None:
    if taken := ModelConfig.objects.filter(model=model, effective_from=since).first():
        raise _refusal("effective_from", f"Version {taken.version} takes effect at that instant.", "taken")
    if becomes_payable and (other := PayableModel.objects.filter(effective_from=since).first()):
        text = f"Commission is paid under {other.get_model_display()} from that instant on."
        raise _refusal("effective_from", text, "taken")


def _check_decided(model: str, since: dt.datetime, payable: bool) -> None:
    if _last_decided(model, since, payable) is None:
        return
    found = [
        records.aggregate(count=Count("pk"), first=Min("occurred_at")) for records in _decided(model, since, payable)
    ]
    count = sum(each["count"] for each in found)
    first = min(each["first"] for each in found if each["count"])
    possible = _first_possible(model, since, payable)
    raise _refusal(
        "effective_from",
        f"{count:,} approved, disputed or paid {'record' if count == 1 else 'records'} since {_shown(first)} would be"
        f" priced anew. The earliest moment that leaves them alone is {_shown(possible)}.",
        "reprices_approved",
    )


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(text, code=code)})


def _decided(model: str, since: dt.datetime, payable: bool) -> list[Any]:
    """Frozen records that the new version, or the switch of the payable model, would be in effect for. A query a
    model, so that each can walk along the index of model and time."""
    decided = _frozen(model, since, next_version(model, since))
    if payable and Payments.stored().model_at(since) != model:
        switch = PayableModel.objects.filter(effective_from__gt=since).order_by("effective_from").first()
        decided += [each for name in MODELS if name != model for each in _frozen(name, since, switch)]
    return decided


def _frozen(model: str, since: dt.datetime, following: ModelConfig | PayableModel | None) -> list[Any]:
    """And what else calculation leaves alone, as the money would be decided by two models: sets that were settled or
    adjusted, whatever their status."""
    records = AttributionRecord.objects.filter(model=model, occurred_at__gte=since)
    if following:
        records = records.filter(occurred_at__lt=following.effective_from)
    others = records.exclude(status__in=FROZEN)
    settled = Settlement.objects.filter(model=model).order_by().values("conversion_id")
    adjusted = Adjustment.objects.exclude(conversion_id__in=settled).order_by().values("record_id")
    return [records.frozen(), others.filter(conversion_id__in=settled), others.filter(pk__in=adjusted)]


def _last_decided(model: str, since: dt.datetime, payable: bool) -> dt.datetime | None:
    # An aggregate: with ORDER BY and LIMIT the plan would walk the model's records, for what is settled is rare.
    lasts = [records.aggregate(last=Max("occurred_at"))["last"] for records in _decided(model, since, payable)]
    return max((last for last in lasts if last is not None), default=None)


def _first_possible(model: str, since: dt.datetime, payable: bool) -> dt.datetime:
    """The first whole second after the given moment that prices no frozen record anew and is free."""
    while last := _last_decided(model, since, payable):
        since = last.replace(microsecond=0) + SECOND
    taken = {*ModelConfig.objects.filter(model=model).values_list("effective_from", flat=True)}
    taken |= {*PayableModel.objects.values_list("effective_from", flat=True)}
    while since in taken:
        since += SECOND
    return since


def _shown(moment: dt.datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def _one_at_a_time() -> None:
    """Two at once would take one number, or each decide by a payable model that the other replaces."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('attribution.configurations'))")


def hold_approvals(model: str, since: dt.datetime, *, payable: bool = False) -> None:
    """Until this transaction ends nobody approves a record that the new version could be in effect for.

    Approving begins with the record's row, `FOR UPDATE`: the one mode of the table's lock that excludes this leaves
    reading alone, whoever approves, by whatever statement. Without records in the period there is nothing to hold.
    """
    names = list(MODELS) if payable else [model]
    if not AttributionRecord.objects.filter(model__in=names, occurred_at__gte=since).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
        try:
            cursor.execute(f'LOCK TABLE "{AttributionRecord._meta.db_table}" IN EXCLUSIVE MODE')
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            raise RecordsAreWritten("A calculation is writing records of that time. Try again in a moment.") from error
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
