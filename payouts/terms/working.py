"""What terms make of shares, to the smallest unit of the currency, with the working of each. No database, no clock.

Amounts are rounded by running sums: each is the month's exact sum so far, rounded down, less what the month has paid
before. So a month's amounts add up to its exact sum rounded down, however it is split into calls and however small the
shares are; no payee loses more than a part of one unit a month, and none ever gets more than it earned.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import cached_property
from typing import Any

from payouts.terms.snapshot import HUNDRED, RENEWAL, TermsSnapshot, plain
from payouts.terms.tiers import parts_of

NOTHING = Decimal(0)
# Enough that no product of an amount, a credit and a rate is ever rounded by the arithmetic itself.
DIGITS = 60


@dataclass(frozen=True)
class Share:
    """A record's part of a conversion's commission. `sold_on`: of a renewal that follows the terms it was sold under,
    the day of the sale."""

    record: str
    conversion: str
    conversion_type: str
    occurred_at: dt.datetime
    credit: Decimal
    amount: Decimal
    sold_on: dt.date | None = None

    @cached_property
    def day(self) -> dt.date:
        return self.occurred_at.astimezone(dt.UTC).date()


@dataclass(frozen=True)
class Earned:
    share: Share
    amount: Decimal
    working: dict[str, Any]

    @property
    def exact(self) -> Decimal:
        """Before rounding: what the running sum of the month is made of."""
        return Decimal(self.working["exact"])


@dataclass
class SoFar:
    """One payee's month in one currency before the shares at hand, whatever the terms: `earn` moves it on.

    `volume`: its shares; `exact`: what they earned before rounding; `day`, `conversion`: earned by day and by
    conversion, rounded, for the caps. A conversion's is of all months: it has one day."""

    month: dt.date
    unit: Decimal = Decimal("0.01")
    volume: Decimal = NOTHING
    exact: Decimal = NOTHING
    amount: Decimal = NOTHING
    by_day: dict[dt.date, Decimal] = field(default_factory=dict)
    by_conversion: dict[str, Decimal] = field(default_factory=dict)

    def add(self, share: Share, exact: Decimal, amount: Decimal) -> None:
        day = share.day
        self.volume += share.amount
        self.exact += exact
        self.amount += amount
        self.by_day[day] = self.by_day.get(day, NOTHING) + amount
        self.by_conversion[share.conversion] = self.by_conversion.get(share.conversion, NOTHING) + amount

    def room(self, cap: str, limit: Decimal, share: Share) -> Decimal:
        earned = {
            "conversion": self.by_conversion.get(share.conversion, NOTHING),
            "day": self.by_day.get(share.day, NOTHING),
            "month": self.amount,
        }[cap]
        return max(NOTHING, limit - earned)


def in_order(shares: Iterable[Share]) -> list[Share]:
    """Tiers and caps take what occurred first, first."""
    return sorted(shares, key=lambda share: (share.occurred_at, share.record))


def earn(terms: TermsSnapshot, shares: Sequence[Share], so_far: SoFar) -> list[Earned]:
    """What the payee earns by the shares of one month, in order; `so_far` is moved on by them."""
    return earn_each([(terms, share) for share in in_order(shares)], so_far)


def earn_each(shares: Iterable[tuple[TermsSnapshot, Share]], so_far: SoFar) -> list[Earned]:
    """The same for shares in order, each under terms of its own: they may change within a month."""
    with localcontext(prec=DIGITS):
        return [_earned(terms, share, so_far) for terms, share in shares]


def _earned(terms: TermsSnapshot, share: Share, so_far: SoFar) -> Earned:
    if share.day.replace(day=1) != so_far.month:
        raise ValueError(f"{share.day} is not in the month of {so_far.month}.")
    working: dict[str, Any] = {"terms": terms.told}
    exact = share.amount if terms.is_whole_share else _by_rates(terms, share, so_far.volume, working)
    rooms = [(name, limit, so_far.room(name, limit, share)) for name, limit in terms.caps]
    exact = _capped(exact, rooms, working)
    carried = so_far.exact - so_far.amount
    amount = _rounded_down(carried + exact, so_far.unit)
    amount = min([amount, *(room for _, _, room in rooms)])
    if share.sold_on:
        working["sold_on"] = share.sold_on.isoformat()
    if carried:
        working["carried"] = plain(carried)
    working["exact"] = plain(exact)
    so_far.add(share, exact, amount)
    return Earned(share, amount, working)


def _by_rates(terms: TermsSnapshot, share: Share, volume: Decimal, working: dict[str, Any]) -> Decimal:
    if terms.renewal_rate is not None and share.conversion_type == RENEWAL:
        parts = [(share.amount, terms.renewal_rate)]
    elif terms.tiers:
        working["volume"] = plain(volume)
        parts = [(part.of, part.rate) for part in parts_of(terms.tiers, volume, share.amount)]
    else:
        parts = [(share.amount, terms.rate)]
    made = [of * rate / HUNDRED for of, rate in parts]
    working["parts"] = [
        {"of": plain(of), "rate": plain(rate), "makes": plain(makes)}
        for (of, rate), makes in zip(parts, made, strict=True)
    ]
    flat = terms.flats.get(share.conversion_type)
    if flat is None:
        return sum(made, NOTHING)
    makes = flat * share.credit
    working["flat"] = {"of": plain(flat), "credit": plain(share.credit), "makes": plain(makes)}
    return sum(made, makes)


def _capped(exact: Decimal, rooms: list[tuple[str, Decimal, Decimal]], working: dict[str, Any]) -> Decimal:
    """No more than there is room for under each cap; what one takes, the next cannot."""
    taken = []
    for name, limit, room in rooms:
        if exact > room:
            taken.append({"cap": name, "limit": plain(limit), "room": plain(room), "took": plain(exact - room)})
            exact = room
    if taken:
        working["caps"] = taken
    return exact


def _rounded_down(amount: Decimal, unit: Decimal) -> Decimal:
    return (amount / unit).to_integral_value(ROUND_FLOOR) * unit
