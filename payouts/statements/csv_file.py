"""A statement as CSV: the opening balance of a currency, its lines, its closing balance; then the next currency.

The amounts of a currency add up to its closing balance: that row has a balance and no amount."""

import json
from collections.abc import Iterator
from typing import Any

from attribution_site.api.wire import camel, camelized
from attribution_site.spreadsheets import csv_lines
from partners.models import Payee
from payouts.models import Entry
from payouts.statements.periods import Period
from payouts.statements.reading import Balance, balances, checked_lines, figure_of, lines_of, one_moment

ALWAYS = ("payee_type", "payee_id", "period_start", "period_end", "currency")
COLUMNS = (
    *("line", "figure", "booked_at", "amount", "balance", "lead_id", "policy_number", "conversion_id"),
    *("conversion_type", "occurred_at", "model", "credit", "share", "attribution_id", "payout_number", "note"),
    "working",
)


def csv_chunks(payee: Payee, period: Period) -> Iterator[str]:
    """Line by line, so that a long one need not be in memory. Raises DoesNotBalance rather than end as if it did."""
    kind = payee._meta.model_name
    own = Entry.objects.of(kind, payee.pk)
    asked = [kind, payee.pk, period.first.isoformat(), period.last.isoformat()]

    def rows() -> Iterator[list[Any]]:
        for balance, lines in checked_lines(lines_of(own, period), balances(own, period)):
            of_all = [*asked, balance.currency]
            yield [*of_all, *_edge("opening", balance)]
            for line in lines:
                yield [*of_all, *_cells(line)]
            yield [*of_all, *_edge("closing", balance)]

    with one_moment():
        yield from csv_lines(map(camel, ALWAYS + COLUMNS), rows())


def _edge(name: str, balance: Balance) -> list[Any]:
    amount = getattr(balance, name)
    values = {"line": name, "figure": name, "amount": amount if name == "opening" else None, "balance": amount}
    return [values.get(column) for column in COLUMNS]


def _cells(line: Any) -> list[Any]:
    values = {name: getattr(line, name, None) for name in COLUMNS} | {
        "line": line.kind,
        "figure": figure_of(line.kind),
        "booked_at": _moment(line.booked_at),
        "occurred_at": _moment(line.occurred_at),
        "attribution_id": line.record_id,
        "working": json.dumps(camelized(line.working), ensure_ascii=False) if line.working else None,
    }
    return [values[column] for column in COLUMNS]


def _moment(value: Any) -> str | None:
    return value and value.isoformat().replace("+00:00", "Z")
