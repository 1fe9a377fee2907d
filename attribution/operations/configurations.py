"""Which parameters apply when: immutable versions, and the model that commission is paid under."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection

from attribution import records, states
from attribution.engine.models import MODELS
from attribution.engine.parameters import InvalidParameters, Parameters
from attribution.models import ModelConfig, PayableModel, Training


def rules_for(model_names: list[str], *, pinned: Mapping[str, list[Any]] | None = None) -> records.Rules:
    """The stored configurations of these models with their trainings, and which model is payable when.

    pinned: only the versions of that list (see `versions_of`), so that what is stored meanwhile changes nothing.
    """
    unknown = [name for name in model_names if name not in MODELS]
    if unknown:
        raise ValidationError(
            {"models": ValidationError(f"Cannot be calculated: {', '.join(unknown)}.", code="unknown_model")}
        )
    configs = ModelConfig.objects.filter(model__in=model_names).order_by("effective_from")
    trainings = Training.objects.finished().filter(config__in=configs).order_by("effective_from")
    payable = PayableModel.objects.order_by("effective_from")
    if pinned:
        configs = configs.filter(pk__in=pinned["configs"])
        trainings = trainings.filter(pk__in=pinned["trainings"])
        payable = payable.filter(pk__in=pinned["payable"])
    of_config = defaultdict(list)
    for training_id, config_id, since in trainings.values_list("pk", "config", "effective_from"):
        of_config[config_id].append((since, training_id))
    versions: dict[str, list[records.Version]] = {name: [] for name in model_names}
    for config in configs:
        versions[config.model] += _segments(config, of_config[config.pk])
    return records.Rules(
        {name: _in_order(each) for name, each in versions.items()},
        [(_microseconds(each.effective_from), each.model) for each in payable],
    )


# All three are only ever added to, a training from when it is finished.
WHAT_IS_STORED = """SELECT (SELECT max(id) FROM attribution_modelconfig) AS configs,
    (SELECT max(id) FROM attribution_payablemodel) AS payable, count(*) AS trainings, max(finished_at) AS finished_at
    FROM attribution_training WHERE status = 'finished'"""


_known_rules: dict[str, tuple[tuple[Any, ...], records.Rules]] = {}


def known_rules(model: str) -> tuple[tuple[Any, ...], records.Rules]:
    """What `WHAT_IS_STORED` answered when this process last looked, and the model's rules as they were then."""
    if model not in _known_rules:
        with connection.cursor() as cursor:
            cursor.execute(WHAT_IS_STORED)
            return rules_at(model, cursor.fetchone())
    return _known_rules[model]


def rules_at(model: str, stored: tuple[Any, ...]) -> tuple[tuple[Any, ...], records.Rules]:
    """The same, read anew: for whoever was just answered something else."""
    _known_rules[model] = stored, rules_for([model])
    return _known_rules[model]


def versions_of(rules_models: list[str]) -> dict[str, list[Any]]:
    """What `rules_for` would read now, as ids, to pin it."""
    configs = ModelConfig.objects.filter(model__in=rules_models)
    trainings = Training.objects.finished().filter(config__in=configs)
    return {
        "configs": sorted(configs.values_list("pk", flat=True)),
        "trainings": sorted(str(each) for each in trainings.values_list("pk", flat=True)),
        "payable": sorted(PayableModel.objects.values_list("pk", flat=True)),
    }


def _segments(config: ModelConfig, trainings: list[tuple[dt.datetime, UUID]]) -> Iterator[records.Version]:
    """The configuration as it is before its first training, then with each."""
    parameters = Parameters.from_json(config.parameters)
    for since, training_id in [(config.effective_from, None), *trainings]:
        yield records.Version(
            config_id=config.pk,
            number=config.version,
            effective_from=_microseconds(max(since, config.effective_from)),
            parameters=parameters,
            trained=None if training_id is None else trained(training_id, parameters.weigh_by),
        )


def _in_order(versions: list[records.Version]) -> list[records.Version]:
    """By time; a training that takes effect when the next configuration already has is never in effect."""
    starts = {version.config_id: version.effective_from for version in reversed(versions)}
    moments = sorted(starts.values())
    ends = dict(zip(moments, [*moments[1:], math.inf], strict=True))
    return [each for each in versions if each.effective_from < ends[starts[each.config_id]]]


# A finished training never changes.
@lru_cache(maxsize=256)
def trained(training_id: UUID, weigh_by: str) -> records.Trained:
    """The effects that the configuration wants conversions to be credited by."""
    name = "removal_effect_value" if weigh_by == "value" else "removal_effect"
    [effects] = Training.objects.filter(pk=training_id).values_list("effects", flat=True)
    return records.Trained(training_id, {states.key_of(each["state"]): each[name] for each in effects})


def _microseconds(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def valid_parameters(parameters: object, field: str) -> Parameters:
    try:
        return Parameters.from_json(parameters)
    except InvalidParameters as error:
        raise ValidationError(
            {
                field: [
                    ValidationError(f"{name}: {message}", code="invalid_parameters")
                    for name, message in error.errors.items()
                ]
            }
        ) from error
