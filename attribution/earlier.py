"""What earlier decisions set about a conversion's touches, and what of it a new one would change. Read only."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from attribution.models import Settlement, SettlementLine
from attribution.settling import PERCENT, Decision, Part, Payee, Way
from attribution_site.errors import DomainError
from touchpoints.models import Channel

# Units of credit that sharing in proportion may lose on the way there and back.
ROUNDING = 10
LONGEST_REASON = 200

Units = Mapping[UUID, Mapping[Payee, int]]


class UndoesDecisions(DomainError):
    """It would change what an earlier decision set, and nobody confirmed that it may."""

    code = "undoes_decisions"


class Kind(StrEnum):
    SIZE = "size"
    WHOSE = "whose"
    IN = "in"
    OUT = "out"


@dataclass(frozen=True)
class Ruling:
    """One thing that a decision set about one touch; `payee`: of a size, whose part's, None for the touch's."""

    kind: Kind
    touchpoint_id: UUID
    payee: Payee | None = None


@dataclass(frozen=True)
class Undone:
    """What of an earlier decision would change, in words. `is_asked`: the new one says so itself, by giving back what
    that one took out."""

    settlement: Settlement
    told: Sequence[str]
    is_asked: bool


def undone(conversion_id: UUID, decision: Decision, before: Sequence[Part], after: Sequence[Part]) -> list[Undone]:
    """`before`, `after`: the parts as they stand and as they would be. In the order of the decisions."""
    was, becomes = _units(before), _units(after)
    names = {part.like.touchpoint_id: _name(part) for part in [*before, *after]}
    changed: dict[UUID, list[tuple[Ruling, str]]] = defaultdict(list)
    settlements = {}
    for ruling, (settlement, units) in _standing_rulings(conversion_id).items():
        if _changes(ruling, units, was, becomes):
            settlements[settlement.pk] = settlement
            told = _told(ruling, names[ruling.touchpoint_id], was, becomes)
            changed[settlement.pk].append((ruling, told))
    return [
        Undone(settlements[pk], list(dict.fromkeys(told for _, told in mine)), _is_asked(decision, mine))
        for pk, mine in sorted(changed.items())
    ]


def check_confirmed(found: Sequence[Undone], confirmed: Collection[UUID]) -> None:
    """Raises UndoesDecisions."""
    missing = [each for each in found if not each.is_asked and each.settlement.pk not in confirmed]
    if missing:
        raise UndoesDecisions(
            f"It changes what was decided before. {' '.join(map(in_words, missing))} Nothing was done: confirm that it"
            " may, or decide otherwise."
        )


def in_words(each: Undone) -> str:
    reason = each.settlement.reason
    reason = reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"
    return f"On {each.settlement.created_at:%Y-%m-%d}, “{reason}”: {'; '.join(each.told)}."


def _is_asked(decision: Decision, changed: Sequence[tuple[Ruling, str]]) -> bool:
    return decision.way == Way.RESTORE and all(ruling.touchpoint_id == decision.touchpoint_id for ruling, _ in changed)


def _standing_rulings(conversion_id: UUID) -> dict[Ruling, tuple[Settlement, int]]:
    """What each decision set that no later one set otherwise; of a size, in units of credit."""
    found: dict[Ruling, tuple[Settlement, int]] = {}
    for settlement in Settlement.objects.filter(conversion_id=conversion_id).order_by("id"):
        for ruling, units in _rulings(settlement):
            found = {each: told for each, told in found.items() if not _supersedes(ruling, each)}
            found[ruling] = settlement, units
    return found


def _rulings(settlement: Settlement) -> Iterator[tuple[Ruling, int]]:
    question = settlement.question
    match settlement.way:
        case Way.REASSIGN | Way.SPLIT:
            yield Ruling(Kind.WHOSE, UUID(question["touchpoint_id"])), 0
        case Way.EXCLUDE:
            yield Ruling(Kind.OUT, UUID(question["touchpoint_id"])), 0
        case Way.RESTORE:
            yield Ruling(Kind.IN, UUID(question["touchpoint_id"])), 0
        case Way.INSERT:
            at = datetime.fromisoformat(question["touch"]["timestamp"])
            lines = settlement.lines.filter(how=SettlementLine.How.NEW, touched_at=at, payee_id=question["payee"][1])
            touch = lines.values_list("touchpoint_id", flat=True).first()
            if touch is not None:
                yield Ruling(Kind.IN, touch), 0
        case Way.BY_HAND:
            for share in question["shares"]:
                touch, payee = UUID(share["touchpoint_id"]), share.get("payee")
                if payee:
                    yield Ruling(Kind.WHOSE, touch), 0
                size = Ruling(Kind.SIZE, touch, tuple(payee) if payee else None)
                yield size, int(Decimal(share["percentage"]) * PERCENT)


def _supersedes(later: Ruling, earlier: Ruling) -> bool:
    if later.touchpoint_id != earlier.touchpoint_id:
        return False
    match later.kind:
        case Kind.IN | Kind.OUT:
            return True
        case Kind.WHOSE:
            # A touch's whole size stays whoever gets it; a payee's part of it does not.
            return earlier.kind == Kind.WHOSE or earlier.payee is not None
        case Kind.SIZE:
            is_other_part = later.payee is not None and earlier.payee not in {None, later.payee}
            return earlier.kind in {Kind.IN, Kind.OUT} or (earlier.kind == Kind.SIZE and not is_other_part)


def _changes(ruling: Ruling, units: int, was: Units, becomes: Units) -> bool:
    before, after = (each.get(ruling.touchpoint_id, {}) for each in (was, becomes))
    match ruling.kind:
        case Kind.IN:
            return bool(before) and not after
        case Kind.OUT:
            return bool(after) and not before
        case Kind.WHOSE:
            return bool(before) and not _in_the_same_proportion(before, after)
        case Kind.SIZE:
            now, then = _size(ruling, before), _size(ruling, after)
            return abs(then - now) > ROUNDING and abs(then - units) > ROUNDING


def _in_the_same_proportion(before: Mapping[Payee, int], after: Mapping[Payee, int]) -> bool:
    whole, then = sum(before.values()), sum(after.values())
    payees = {*before, *after}
    return bool(then) and all(abs(after.get(p, 0) * whole - before.get(p, 0) * then) <= whole for p in payees)


def _size(ruling: Ruling, of_touch: Mapping[Payee, int]) -> int:
    return sum(of_touch.values()) if ruling.payee is None else of_touch.get(ruling.payee, 0)


def _units(parts: Sequence[Part]) -> Units:
    found: dict[UUID, dict[Payee, int]] = defaultdict(lambda: defaultdict(int))
    for part in parts:
        found[part.like.touchpoint_id][part.payee] += part.units
    return {touch: dict(of_touch) for touch, of_touch in found.items()}


def _name(part: Part) -> str:
    return f"{Channel(part.like.channel).label.lower()} of {part.like.touched_at:%Y-%m-%d}"


def _told(ruling: Ruling, name: str, was: Units, becomes: Units) -> str:
    before, after = (each.get(ruling.touchpoint_id, {}) for each in (was, becomes))
    if not after:
        return f"{name} counts no more"
    if ruling.kind == Kind.OUT:
        return f"{name} counts again"
    if ruling.kind == Kind.WHOSE:
        return f"{name} is shared otherwise"
    of = f", {ruling.payee[1] or 'the house'}" if ruling.payee else ""
    now, then = (f"{Decimal(_size(ruling, each)) / PERCENT:.2f} %" for each in (before, after))
    return f"{name}{of}: {now} becomes {then}"
