"""Which version of a model is in effect when, and under which model commission is paid when. Reads only."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery

from attribution.models import ModelConfig, PayableModel


@dataclass(frozen=True)
class Period:
    """From `since`, which is in, to `until`, which is not; None has no end."""

    since: dt.datetime
    until: dt.datetime | None

    def has(self, moment: dt.datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


def with_until(configs: Any) -> Any:
    """Adds `effective_until`: when the model's next version takes effect, None where there is none."""
    later = ModelConfig.objects.filter(model=OuterRef("model"), effective_from__gt=OuterRef("effective_from"))
    begins = later.order_by("effective_from").values("effective_from")[:1]
    return configs.annotate(effective_until=Subquery(begins))


def in_effect(model: str, moment: dt.datetime) -> ModelConfig | None:
    """The version that a conversion of this moment is calculated under."""
    return ModelConfig.objects.filter(model=model, effective_from__lte=moment).order_by("-effective_from").first()


def next_version(model: str, moment: dt.datetime) -> ModelConfig | None:
    """The version that takes effect next, after the moment."""
    return ModelConfig.objects.filter(model=model, effective_from__gt=moment).order_by("effective_from").first()


class Payments:
    """Under which model commission is paid when. Neighbouring rows that name one model are one period."""

    def __init__(self, rows: Iterable[tuple[dt.datetime, str]]) -> None:
        self._periods: list[tuple[str, Period]] = []
        for since, model in sorted(rows):
            if self._periods and self._periods[-1][0] == model:
                continue
            if self._periods:
                before, period = self._periods[-1]
                self._periods[-1] = (before, Period(period.since, since))
            self._periods.append((model, Period(since, None)))

    @classmethod
    def stored(cls) -> "Payments":
        return cls(PayableModel.objects.values_list("effective_from", "model"))

    def model_at(self, moment: dt.datetime) -> str | None:
        return next((model for model, period in self._periods if period.has(moment)), None)

    def of(self, model: str) -> list[Period]:
        return [period for name, period in self._periods if name == model]

    def within(self, model: str, outer: Period) -> list[Period]:
        """The parts of `outer` in which commission is paid under the model."""
        found = []
        for period in self.of(model):
            since = max(period.since, outer.since)
            ends = [end for end in (period.until, outer.until) if end is not None]
            until = min(ends) if ends else None
            if until is None or since < until:
                found.append(Period(since, until))
        return found

    def current_or_next(self, model: str, now: dt.datetime) -> Period | None:
        """The period the model pays in now or, if it does not, the next one."""
        return next((period for period in self.of(model) if period.until is None or period.until > now), None)
