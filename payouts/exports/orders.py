"""What a bank is told: whom to pay how much, from where, when."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from attribution_site.errors import DomainError


class CannotExport(DomainError):
    """An order that the format has no place for. Nothing of its file is written."""

    code = "cannot_export"


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One payment. It is the one place where the whole number of an account is in the clear: no log shows it."""

    end_to_end_id: str
    payee: str
    holder: str
    method: str
    amount: Decimal
    currency: str
    text: str = ""
    is_company: bool = False
    iban: str = field(default="", repr=False)
    bic: str = ""
    routing: str = ""
    account: str = field(default="", repr=False)
    account_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Originator:
    """Who pays. `ach_origin` and `ach_company` are as its bank gave them."""

    name: str
    iban: str = field(default="", repr=False)
    bic: str = ""
    ach_routing: str = ""
    ach_bank: str = ""
    ach_origin: str = ""
    ach_company: str = ""
    ach_description: str = "COMMISSION"


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The file itself: its number among all of the house's, when it was made, and when the bank is asked to pay."""

    number: int
    made_at: dt.datetime
    execute_on: dt.date

    @property
    def reference(self) -> str:
        return f"EXPORT-{self.number}"


@dataclass(frozen=True)
class Control:
    """What must come out again when the file is read."""

    count: int
    totals: dict[str, Decimal]


def control_of(instructions: Sequence[Instruction]) -> Control:
    totals: dict[str, Decimal] = {}
    for each in instructions:
        totals[each.currency] = totals.get(each.currency, Decimal(0)) + each.amount
    return Control(len(instructions), dict(sorted(totals.items())))


def cents(instruction: Instruction) -> int:
    """Of a currency with cents, which both formats are for."""
    scaled = instruction.amount.scaleb(2)
    if not instruction.amount.is_finite() or scaled != scaled.to_integral_value() or scaled <= 0:
        raise CannotExport(f"{instruction.end_to_end_id}: {instruction.amount} is no amount of whole cents above zero.")
    return int(scaled)


def check(instructions: Sequence[Instruction], *, method: str, currency: str) -> None:
    """What every format asks for. Raises CannotExport."""
    if not instructions:
        raise CannotExport("There is nothing to pay.")
    for each in instructions:
        if each.method != method or each.currency != currency:
            raise CannotExport(f"{each.end_to_end_id}: {each.method} in {each.currency} is not for this file.")
    [(name, times)] = Counter(each.end_to_end_id for each in instructions).most_common(1)
    if times > 1:
        raise CannotExport(f"{name} is in the file {times} times.")
