"""Answer a report, and keep the answer."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Value
from django.db.models.functions import Cast

from conversions.periods import check_period
from partners.models import Broker, Partner
from reports import queries, tables
from reports.models import Report
from reports.queries import Question

LONGEST_PERIOD = dt.timedelta(days=3660)
FILTERS = ("channel", "partner_id", "broker_id", "campaign", "conversion_type")


def ask(
    *,
    start: dt.datetime,
    end: dt.datetime,
    model: str | None = None,
    currency: str | None = None,
    **filters: str | None,
) -> Question:
    """A question with nothing open: the payable model at the period's end and the house's currency, if none
    is given. Refuses a period that makes no sense, by name."""
    check_period(start, end, longest=LONGEST_PERIOD, noun="A report")
    _check_payees(filters)
    return Question(
        start=start,
        end=end,
        model=model or queries.payable_model(as_of=end - dt.timedelta(microseconds=1)),
        currency=currency or settings.DEFAULT_CURRENCY,
        **filters,
    )


def _check_payees(filters: Mapping[str, str | None]) -> None:
    """A report of nobody would be one of noughts, and look like an answer."""
    unknown = {
        f"{kind}_id": ValidationError(f"There is no {kind} {pk}.", code="unknown")
        for kind, model in (("partner", Partner), ("broker", Broker))
        if (pk := filters.get(f"{kind}_id")) is not None and not model._default_manager.filter(pk=pk).exists()
    }
    if unknown:
        raise ValidationError(unknown)


def answer(question: Question) -> dict[str, Any]:
    """The report's tables, computed now and not kept."""
    parts: defaultdict[str, list[Any]] = defaultdict(list, queries.period_rows(question))
    parts["spend"] = [*queries.spend_rows(question)]
    versions = queries.config_versions({row.config_id for row in parts["payees"] if row.config_id is not None})
    currencies = {row.currency for row in parts["conversions"]}
    partners = queries.partner_names(_ids(parts, "partner_id"))
    brokers = queries.broker_names(_ids(parts, "broker_id"))
    return {
        "model": question.model,
        "config_version": versions[-1] if versions else None,
        "config_versions": versions,
        "currency": question.currency,
        "other_currencies": sorted(currencies - {question.currency}),
        "filters": {name: getattr(question, name) for name in FILTERS if getattr(question, name) is not None},
        "summary": tables.summary(parts, question.currency),
        "by_channel": tables.by_channel(parts),
        "by_partner": tables.by_payee(parts, "partner", partners),
        "by_broker": tables.by_payee(parts, "broker", brokers),
        "by_campaign": tables.by_campaign(parts),
        "trend": tables.trend(parts, question.days(), question.currency),
    }


def _ids(parts: Mapping[str, Sequence[Any]], name: str) -> set[str]:
    return {getattr(row, name) for part in ("payees", "touches") for row in parts[part]} - {None}


def generate_report(*, question: Question, period: dict[str, str], created_by: Any) -> Report:
    """Answer the question and keep the answer. `period` is repeated in it as it was asked for."""
    result = {"period": period, **answer(question)}
    parameters = {"start_date": period["start"], "end_date": period["end"]} | {
        name: getattr(question, name) for name in ("model", "currency", *FILTERS)
    }
    # As text, because the field's own encoder knows no Decimal and would need floats.
    kept = Cast(Value(exact_json(result), models.TextField()), models.JSONField())
    report = Report(parameters=parameters, result=kept, created_by=created_by)
    report.save(force_insert=True)
    report.result = result
    return report


def kept_result(report: Report) -> dict[str, Any]:
    """The answer as it was given, to the last digit: PostgreSQL keeps the numbers of a jsonb as numerics."""
    text = Report.objects.filter(pk=report.pk).values_list(Cast("result", models.TextField()), flat=True).get()
    result: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return result


def exact_json(value: Any) -> str:
    match value:
        case dict():
            pairs = [f"{json.dumps(key)}:{exact_json(each)}" for key, each in value.items()]
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(map(exact_json, value)) + "]"
        case Decimal():
            return f"{value:f}"
        case _:
            return json.dumps(value)
