"""What a finished comparison says, as tables in exact decimals, for the API, the back office and spreadsheets."""

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from attribution.engine.parameters import Parameters
from attribution.models import AttributionModel, Comparison
from attribution_site.spreadsheets import harmless
from partners.models import Broker, Partner

CENT = Decimal("0.01")
CREDIT_UNIT = Decimal("1E-10")
PERCENT = Decimal("0.0001")
# What the parts of a group's name are called.
PARTS = {
    "channel": ("channel",),
    "source": ("channel", "source"),
    "campaign": ("campaign",),
    "payee": ("payee_type", "payee_id"),
}
AS_PAID = "As paid"
OTHERS = "others"
HOUSE = "The house"


@dataclass(frozen=True)
class Cell:
    """What one group earns under one contender; deltas are against the first. `percentage`: of the revenue that the
    contender attributes, 0 to 100."""

    conversions: Decimal
    revenue: Decimal
    commission: Decimal
    percentage: Decimal
    conversions_delta: Decimal
    revenue_delta: Decimal
    commission_delta: Decimal


@dataclass(frozen=True)
class Row:
    """One group. `name` has the texts of PARTS; None where this row stands for so many `others`."""

    name: list[str] | None
    others: int
    cells: list[Cell]

    @property
    def most_changed(self) -> Decimal:
        return max(abs(cell.commission_delta) for cell in self.cells)


def period(comparison: Comparison) -> tuple[dt.datetime, dt.datetime]:
    start, end = (dt.datetime.fromisoformat(comparison.question[name]) for name in ("start", "end"))
    return start, end


def rows(result: Mapping[str, Any], grouping: str) -> list[Row]:
    """Those whose commission changes most come first, the one for all others last."""
    totals = [each["revenue"] for each in result["contenders"]]
    return [
        Row(each["name"], each.get("groups", 0), _cells(each["sums"], totals)) for each in result["groups"][grouping]
    ]


def _cells(sums: list[list[int]], totals: list[int]) -> list[Cell]:
    (credits_before, revenue_before, commission_before), *_ = sums
    return [
        Cell(
            conversions=credits * CREDIT_UNIT,
            revenue=revenue * CENT,
            commission=commission * CENT,
            percentage=(Decimal(100 * revenue) / total if total else Decimal(0)).quantize(PERCENT),
            conversions_delta=(credits - credits_before) * CREDIT_UNIT,
            revenue_delta=(revenue - revenue_before) * CENT,
            commission_delta=(commission - commission_before) * CENT,
        )
        for (credits, revenue, commission), total in zip(sums, totals, strict=True)
    ]


def result_of(comparison: Comparison) -> dict[str, Any]:
    """Of one that is finished."""
    assert comparison.result is not None, "there is no result yet"
    result: dict[str, Any] = comparison.result
    return result


def totals(comparison: Comparison) -> list[dict[str, Any]]:
    """A contender each: who it is, what it attributes and leaves, and what would change."""
    result = result_of(comparison)
    return [
        {
            **asked,
            "label": label(asked),
            "attributed_conversions": earned["attributed"],
            "revenue": earned["revenue"] * CENT,
            "commission": earned["commission"] * CENT,
            "unattributed_conversions": result["conversions"] - earned["attributed"],
            "unattributed_revenue": (result["revenue"] - earned["revenue"]) * CENT,
            "unattributed_commission": (result["commission"] - earned["commission"]) * CENT,
            "shared_by_position": earned["by_position"],
            "commission_moved": earned["moved"] * CENT,
            "payees_gaining": earned["gain"],
            "payees_losing": earned["lose"],
            "learnt": told.get("learnt"),
            "note": told.get("note"),
        }
        for asked, earned, told in zip(
            comparison.question["contenders"], result["contenders"], result["told"], strict=True
        )
    ]


def label(contender: Mapping[str, Any]) -> str:
    """Different for any two contenders of one comparison."""
    if contender["model"] is None:
        return AS_PAID
    name = str(AttributionModel(contender["model"]).label)
    if contender["version"] is not None:
        return f"{name} v{contender['version']}"
    if contender["parameters"] is None:
        return f"{name} (as in effect)"
    return f"{name} ({_changed(contender['parameters']) or 'defaults'})"


def _changed(parameters: Mapping[str, Any]) -> str:
    defaults = Parameters().to_json()
    changed = {name: value for name, value in parameters.items() if value != defaults.get(name)}
    return ", ".join(_said(name, value) for name, value in changed.items())


def _said(name: str, value: Any) -> str:
    of_days = name.removesuffix("_days")
    words = f"{of_days.replace('_', ' ')} {_short(value)}"
    return words if of_days == name else f"{words} days"


def _short(value: Any) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case list():
            return "/".join(map(_short, value))
        case dict():
            return " ".join(f"{key}={each}" for key, each in value.items())
        case _:
            return str(value).replace("_", " ")


def payee_names(payees: list[Row]) -> dict[tuple[str, str], str]:
    """Names as they are today, by kind and id."""
    names: dict[tuple[str, str], str] = {("house", ""): HOUSE}
    for kind, model in (("partner", Partner), ("broker", Broker)):
        ids = [row.name[1] for row in payees if row.name and row.name[0] == kind]
        names |= {(kind, pk): name for pk, name in model.objects.filter(pk__in=ids).values_list("pk", "name")}
    return names


CSV_COLUMNS = (
    *("table", "channel", "source", "campaign", "payee_type", "payee_id", "payee_name", "contender", "currency"),
    *Cell.__dataclass_fields__,
)


def as_csv(comparison: Comparison) -> str:
    """One line a group and contender, and the totals first: what a spreadsheet can filter and pivot."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    currency = comparison.question["currency"]
    for line in _lines(comparison):
        writer.writerow({name: harmless(value) for name, value in (line | {"currency": currency}).items()})
    return text.getvalue()


def csv_name(comparison: Comparison) -> str:
    question = comparison.question
    return f"comparison-{question['start'][:10]}-{question['currency']}-{comparison.pk}.csv"


def _lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    contenders = totals(comparison)
    for each in contenders:
        attributed = {"conversions": each["attributed_conversions"]} | {n: each[n] for n in ("revenue", "commission")}
        left = {name: each[f"unattributed_{name}"] for name in ("conversions", "revenue", "commission")}
        yield {"table": "attributed", "contender": each["label"], **attributed}
        yield {"table": "unattributed", "contender": each["label"], **left}
    for grouping, parts in PARTS.items():
        table = rows(result_of(comparison), grouping)
        names = payee_names(table) if grouping == "payee" else {}
        for row in table:
            named = dict(zip(parts, row.name, strict=True)) if row.name else {parts[0]: f"{row.others} {OTHERS}"}
            if row.name and grouping == "payee":
                named["payee_name"] = names.get((row.name[0], row.name[1]), "")
            for each, cell in zip(contenders, row.cells, strict=True):
                yield {"table": grouping, "contender": each["label"], **named, **vars(cell)}
