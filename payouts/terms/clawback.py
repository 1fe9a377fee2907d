"""What a payee gives back of what it earned when its share changes, or gets when it grows. No database, no clock.

Each change sets a target: what was earned, less the part of it that was taken so far, rounded down to the smallest
unit. A change's amount is the step from the target before to its own, so that any number of changes adds up to one,
and taking everything gives back exactly what was earned.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LAPSE = "lapse"


@dataclass(frozen=True)
class Whole:
    """What a record's payee had before any change. Of a record without commission, its revenue says what a part is,
    and without that its credit."""

    share: Decimal
    revenue: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)


@dataclass(frozen=True)
class Change:
    """An adjustment of a record: below zero is taken. `reason` as of a reversal."""

    share: Decimal
    revenue: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    reason: str = ""
    on: dt.date | None = None


@dataclass(frozen=True)
class EarnOut:
    """A lapse takes back only what was not earned yet: by month, from the conversion on."""

    months: int
    since: dt.date

    def unearned(self, on: dt.date) -> Fraction:
        return max(Fraction(0), Fraction(self.months - whole_months(self.since, on), self.months))


def clawback(
    earned: Decimal,
    whole: Whole,
    changes: Sequence[Change],
    *,
    unit: Decimal = Decimal("0.01"),
    earn_out: EarnOut | None = None,
) -> list[Decimal]:
    """One amount a change, in their order; all of the record's changes, those included that are booked."""
    taken, before, amounts = Fraction(0), earned, []
    for change in changes:
        taken += taken_by(change, whole, earn_out)
        target = _rounded_down(Fraction(earned) * (1 - taken), unit)
        amounts.append(target - before)
        before = target
    return amounts


def taken_by(change: Change, whole: Whole, earn_out: EarnOut | None = None) -> Fraction:
    """The part of what was earned that the change takes; below zero where the share grows."""
    pairs = ((change.share, whole.share), (change.revenue, whole.revenue), (change.credit, whole.credit))
    part = next((-Fraction(changed) / Fraction(of) for changed, of in pairs if of), Fraction(0))
    if part > 0 and earn_out and change.reason == LAPSE and change.on:
        part *= earn_out.unearned(change.on)
    return part


def whole_months(since: dt.date, until: dt.date) -> int:
    """Since the 31st a month has passed on the last day of a shorter one."""
    months = (until.year - since.year) * 12 + until.month - since.month
    last = calendar.monthrange(until.year, until.month)[1]
    return max(0, months - (until.day < min(since.day, last)))


def _rounded_down(amount: Fraction, unit: Decimal) -> Decimal:
    return (amount // Fraction(unit)) * unit
