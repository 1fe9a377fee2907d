"""Volume tiers: each part of a month's volume at the rate of the tier that it falls into, as with an income tax."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import pairwise
from typing import Any

MOST_TIERS = 20
NAMES = {"from", "to", "rate"}


class InvalidTiers(ValueError):
    """In words for whoever wrote the tiers."""


@dataclass(frozen=True)
class Tier:
    """From `since` up to `until`; None: without end."""

    since: Decimal
    until: Decimal | None
    rate: Decimal

    @cached_property
    def told(self) -> dict[str, str | None]:
        until = None if self.until is None else f"{self.until:f}"
        return {"from": f"{self.since:f}", "to": until, "rate": f"{self.rate:f}"}


@dataclass(frozen=True)
class Part:
    """What of a share falls into one tier."""

    of: Decimal
    rate: Decimal


def parts_of(tiers: Sequence[Tier], volume: Decimal, share: Decimal) -> list[Part]:
    """How the tiers divide the share that brings the month's volume from `volume` to `volume` + `share`."""
    end = volume + share
    found = []
    for tier in tiers:
        top = end if tier.until is None else min(end, tier.until)
        if (of := top - max(volume, tier.since)) > 0:
            found.append(Part(of, tier.rate))
    return found


def parsed(rows: object) -> tuple[Tier, ...]:
    """The tiers of a JSON list of {from, to, rate}; InvalidTiers says what is wrong. `to` null or left out: no end."""
    if not isinstance(rows, list | tuple):
        raise InvalidTiers("Give a list of tiers.")
    if len(rows) > MOST_TIERS:
        raise InvalidTiers(f"Give at most {MOST_TIERS} tiers.")
    tiers = tuple(_tier(number, row) for number, row in enumerate(rows, 1))
    _check(tiers)
    return tiers


def _tier(number: int, row: Any) -> Tier:
    if not isinstance(row, dict) or not {"from", "rate"} <= row.keys() <= NAMES:
        raise InvalidTiers(f"Tier {number}: give from, to and rate.")
    since, rate = (_number(number, name, row[name]) for name in ("from", "rate"))
    until = None if row.get("to") is None else _number(number, "to", row["to"])
    if not 0 <= rate <= 100:
        raise InvalidTiers(f"Tier {number}: rate is a percentage, 0 to 100.")
    if rate != round(rate, 4):
        raise InvalidTiers(f"Tier {number}: rate has at most 4 decimals.")
    if until is not None and until <= since:
        raise InvalidTiers(f"Tier {number} ends at {until:f}, where it starts or before.")
    return Tier(since, until, rate)


def _number(number: int, name: str, value: object) -> Decimal:
    """Exactly as written: a float has lost that already."""
    if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
        raise InvalidTiers(f"Tier {number}: {name} is a number.")
    try:
        read = Decimal(value)
    except InvalidOperation:
        raise InvalidTiers(f"Tier {number}: {name} is a number.") from None
    if not read.is_finite() or read.adjusted() > 11 or read < 0:
        raise InvalidTiers(f"Tier {number}: {name} is a number from 0 up.")
    return read


def _check(tiers: Sequence[Tier]) -> None:
    if not tiers:
        return
    if tiers[0].since != 0:
        raise InvalidTiers(f"The first tier starts at 0, not at {tiers[0].since:f}.")
    for number, (tier, following) in enumerate(pairwise(tiers), 1):
        if tier.until is None:
            raise InvalidTiers(f"Tier {number} has no end, but is not the last.")
        if following.since > tier.until:
            raise InvalidTiers(f"There is a hole between tier {number}, up to {tier.until:f}, and {following.since:f}.")
        if following.since < tier.until:
            raise InvalidTiers(f"Tiers {number} and {number + 1} overlap at {following.since:f}.")
    if tiers[-1].until is not None:
        raise InvalidTiers(f"There is no tier from {tiers[-1].until:f} on: the last one has no end.")
