"""Which parameters apply when: immutable versions, and the model that commission is paid under."""

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from attribution import records
from attribution.engine.models import MODELS
from attribution.engine.parameters import InvalidParameters, Parameters
from attribution.models import ModelConfig, PayableModel


def rules_for(model_names: list[str]) -> records.Rules:
    """The stored configurations of these models, and which model is payable when."""
    unknown = [name for name in model_names if name not in MODELS]
    if unknown:
        raise ValidationError({"models": f"Cannot be calculated: {', '.join(unknown)}."}, code="unknown_model")
    versions: dict[str, list[records.Version]] = {name: [] for name in model_names}
    for config in ModelConfig.objects.filter(model__in=model_names).order_by("effective_from"):
        versions[config.model].append(
            records.Version(
                config_id=config.pk,
                number=config.version,
                effective_from=_microseconds(config.effective_from),
                parameters=Parameters.from_json(config.parameters),
            )
        )
    payable = PayableModel.objects.order_by("effective_from").values_list("effective_from", "model")
    return records.Rules(versions, [(_microseconds(since), model) for since, model in payable])


def _microseconds(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def valid_parameters(parameters: object, field: str) -> Parameters:
    try:
        return Parameters.from_json(parameters)
    except InvalidParameters as error:
        raise ValidationError(
            {field: [f"{name}: {message}" for name, message in error.errors.items()]},
            code="invalid_parameters",
        ) from error


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

    Raises ValidationError that names the field: unknown model, bad parameters, an instant that is taken.
    """
    if model not in MODELS:
        raise ValidationError({"model": f"Cannot be calculated: {model}."}, code="unknown_model")
    full = valid_parameters(parameters, "parameters").to_json()
    effective_from = effective_from or timezone.now()
    versions = ModelConfig.objects.filter(model=model)
    # Two at once would take one number: the second waits for the row of the first version.
    versions.select_for_update().order_by("version").first()
    if versions.filter(effective_from=effective_from).exists():
        raise ValidationError({"effective_from": "Another version takes effect at that instant."}, code="taken")
    if payable:
        if PayableModel.objects.filter(effective_from=effective_from).exists():
            raise ValidationError({"effective_from": "A payable model is set for that instant."}, code="taken")
        PayableModel.objects.create(model=model, effective_from=effective_from, created_by=by)
    return ModelConfig.objects.create(
        model=model,
        version=(versions.aggregate(last=Max("version"))["last"] or 0) + 1,
        parameters=full,
        effective_from=effective_from,
        created_by=by,
    )
