"""What is compared in the model lab: versions that are stored, parameters that are not, and what is paid now."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from attribution import records, states, training
from attribution.engine.models import MODELS
from attribution.engine.parameters import InvalidParameters, Parameters
from attribution.models import AttributionModel, ModelConfig, PayableModel
from attribution.operations.configurations import rules_for

# Before every conversion, in microseconds since 1970.
ALWAYS = 0
UNSTORED = UUID(int=0)


def checked(asked: Sequence[Mapping[str, Any]], *, first: int = 0) -> list[dict[str, Any]]:
    """The contenders with nothing open, as a comparison keeps them; ValidationError by place, counted from `first`."""
    compared: list[dict[str, Any]] = []
    errors: dict[str, Any] = {}
    for place, each in enumerate(asked, first):
        try:
            contender = _complete(**each)
        except ValidationError as error:
            errors |= {f"contenders.{place}.{name}": texts for name, texts in error.error_dict.items()}
            continue
        if contender in compared:
            errors[f"contenders.{place}"] = ValidationError("It is in the comparison already.", code="repeated")
        compared.append(contender)
    if errors:
        raise ValidationError(errors)
    return compared


def _complete(model: str | None = None, version: int | None = None, parameters: object = None) -> dict[str, Any]:
    if model is None:
        if version is not None or parameters is not None:
            raise ValidationError({"model": ValidationError("Of which model?", code="required")})
        return {"model": None, "version": None, "parameters": None}
    configs = ModelConfig.objects.filter(model=model)
    if model not in MODELS or not configs.exists():
        raise ValidationError({"model": ValidationError(f"Cannot be calculated: {model}.", code="unknown_model")})
    if version is not None and parameters is not None:
        raise ValidationError({"parameters": ValidationError("Give a version or parameters, not both.")})
    if version is not None and not configs.filter(version=version).exists():
        message = f"{AttributionModel(model).label} has no version {version}."
        raise ValidationError({"version": ValidationError(message, code="unknown_version")})
    tried = None if parameters is None else _parameters(parameters)
    return {"model": model, "version": version, "parameters": tried}


def _parameters(given: object) -> dict[str, Any]:
    try:
        return Parameters.from_json(given).to_json()
    except InvalidParameters as error:
        # What is wrong as a whole goes by the name of the whole.
        by_name = {name if name == "parameters" else f"parameters.{name}": text for name, text in error.errors.items()}
        raise ValidationError({name: ValidationError(text, code="invalid") for name, text in by_name.items()}) from None


def rules_of(
    contender: Mapping[str, Any], *, start: dt.datetime, end: dt.datetime, pinned: Mapping[str, list[Any]]
) -> tuple[records.Rules, dict[str, Any]]:
    """The rules, and what is to be told about how they came about: `learnt`, or a `note` why nothing was.

    pinned: see `versions_of`. What is learnt is learnt from the days up to `end`.
    """
    model, version, parameters = (contender[name] for name in ("model", "version", "parameters"))
    if model is None:
        return _as_paid(start, end, pinned), {}
    if parameters is not None:
        tried = Parameters.from_json(parameters)
        trained, told = _learnt(tried, end) if model == AttributionModel.DATA_DRIVEN else (None, {})
        return _always(model, [records.Version(0, 0, ALWAYS, tried, trained)]), told
    if version is None:
        return _always(model, rules_for([model], pinned=pinned).versions[model]), {}
    [config_id] = ModelConfig.objects.filter(model=model, version=version).values_list("pk", flat=True)
    of_version = rules_for([model], pinned={**pinned, "configs": [config_id]}).versions[model]
    return _always(model, _from_the_beginning(of_version)), {}


def _always(model: str, versions: Sequence[records.Version]) -> records.Rules:
    return records.Rules({model: versions}, [(ALWAYS, model)])


def _from_the_beginning(versions: Sequence[records.Version]) -> list[records.Version]:
    """As if the version had always been in effect, and its first training with it."""
    trained = [each for each in versions if each.trained] or list(versions)
    return [replace(trained[0], effective_from=ALWAYS), *trained[1:]]


def _as_paid(start: dt.datetime, end: dt.datetime, pinned: Mapping[str, list[Any]]) -> records.Rules:
    switches = PayableModel.objects.filter(pk__in=pinned["payable"], effective_from__lt=end).order_by("effective_from")
    models = list(switches.filter(effective_from__gt=start).values_list("model", flat=True))
    if before := switches.filter(effective_from__lte=start).last():
        models.insert(0, before.model)
    return rules_for(list(dict.fromkeys(models)), pinned=pinned)


def _learnt(parameters: Parameters, end: dt.datetime) -> tuple[records.Trained | None, dict[str, Any]]:
    start = end - dt.timedelta(days=parameters.training_days)
    try:
        learnt = training.learn(parameters, start=start, end=end)
    except training.TooLittleData as error:
        return None, {"note": str(error)}
    name = "removal_effect_value" if parameters.weigh_by == "value" else "removal_effect"
    effects = {states.key_of(each["state"]): each[name] for each in learnt.effects}
    told = {"order": learnt.order, "journeys": learnt.journeys, "conversions": learnt.conversions}
    return records.Trained(UNSTORED, effects), {"learnt": told}
