"""What a decision about a conversion makes of its shares: whose they are and how large. Arithmetic only, nothing is
read or written. The decision comes from a dispute's resolution; `operations.settlements` carries it out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from attribution.models import AttributionRecord, Settlement
from attribution.standing import Standing

Payee = tuple[str, str]
Way = Settlement.Way

HOUSE: Payee = ("house", "")
WHOLE = 10**10  # units of credit
PERCENT = WHOLE // 100
# Of a part's size: finer than a credit has decimals.
MOST_DECIMALS = 8


@dataclass(frozen=True)
class NewTouch:
    """A touch that happened and was not recorded. It becomes a touchpoint when the decision is carried out."""

    channel: str
    timestamp: datetime
    source: str | None = None
    campaign: str | None = None


@dataclass(frozen=True)
class HandShare:
    """Of one touch, for one payee. `payee` None: who has the touch now."""

    touchpoint_id: UUID
    percentage: Decimal
    payee: Payee | None = None


@dataclass(frozen=True)
class Decision:
    """What shall be done. Which fields count is the way's: reassign (touchpoint_id, payee), split (and percentage, the
    part that the payee gets), insert (touch, payee), exclude and restore (touchpoint_id), by_hand (shares; with
    `spread` the touches that are not named share what is left as they share now, without they keep what they have)."""

    way: str
    touchpoint_id: UUID | None = None
    payee: Payee | None = None
    percentage: Decimal | None = None
    touch: NewTouch | None = None
    shares: Sequence[HandShare] = ()
    spread: bool = False

    def payees(self) -> list[tuple[str, Payee]]:
        """Those that it names, each with the field that does."""
        of_shares = [(f"shares.{number}.payee_id", each.payee) for number, each in enumerate(self.shares)]
        return [(name, payee) for name, payee in [("payee_id", self.payee), *of_shares] if payee is not None]


@dataclass(frozen=True)
class Part:
    """One payee's part of one touch, in units of credit. `like` is the record that tells of the touch."""

    like: AttributionRecord
    payee: Payee
    units: int

    @property
    def key(self) -> tuple[UUID, Payee]:
        return self.like.touchpoint_id, self.payee


@dataclass(frozen=True)
class Touch:
    """A touch as the engine credits it anew."""

    like: AttributionRecord
    units: int


@dataclass(frozen=True)
class Change:
    """What becomes of one payee's part of one touch. `standing` is None where there is no record of it yet, `like`
    None where the conversion had no records at all."""

    number: int
    like: AttributionRecord | None
    payee: Payee
    standing: Standing | None
    how: str
    credit_before: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    revenue_before: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    commission_before: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)

    @property
    def revenue_change(self) -> Decimal:
        return self.revenue - self.revenue_before

    @property
    def commission_change(self) -> Decimal:
        return self.commission - self.commission_before

    @property
    def changes(self) -> bool:
        return self.how != "same"


def parts_of(stands: Iterable[Standing]) -> list[Part]:
    """What stands, as parts; records of which nothing is left are none, and two of one payee are one."""
    return _merged(
        Part(each.record, (each.record.payee_type, each.record.payee_id), int(each.credit.scaleb(10)))
        for each in stands
        if each.credit > 0
    )


def reassigned(parts: Sequence[Part], decision: Decision) -> list[Part]:
    mine = parts_of_touch(parts, decision.touchpoint_id)
    payee = _named_payee(decision)
    return _merged([replace(part, payee=payee) if part in mine else part for part in parts])


def split(parts: Sequence[Part], decision: Decision) -> list[Part]:
    """The named part goes to the payee; who has the touch now keeps the rest, in the present proportions."""
    mine = parts_of_touch(parts, decision.touchpoint_id)
    payee, percentage = _named_payee(decision), decision.percentage
    if percentage is None or not 0 < percentage < 100:
        raise _refused("percentage", "How much of the touch goes to the payee: more than 0 and less than 100 percent.")
    whole = sum(part.units for part in mine)
    given = int((whole * _exact(percentage, "percentage") / 100).to_integral_value())
    if not 0 < given < whole:
        raise _refused("percentage", "So little is no part of the touch: give it to one of them.")
    kept = _in_proportion(whole - given, [part.units for part in mine])
    left = iter(kept)
    changed = [replace(part, units=next(left)) if part in mine else part for part in parts]
    at = max(index for index, part in enumerate(parts) if part in mine) + 1
    together = _merged([*changed[:at], Part(mine[0].like, payee, given), *changed[at:]])
    return [part for part in together if part.units]


def by_hand(parts: Sequence[Part], decision: Decision, out: Sequence[Part] = ()) -> list[Part]:
    """`out`: of touches that were taken out, which may be named too."""
    if not decision.shares:
        raise _refused("shares", "Name at least one touch and its share.", "required")
    nameable = [*out, *parts]
    named = {_hand_key(nameable, number, share): share for number, share in enumerate(decision.shares)}
    if len(named) < len(decision.shares):
        raise _refused("shares", "One touch and payee is named twice.")
    units = {key: _hand_units(share.percentage, f"shares.{n}") for n, (key, share) in enumerate(named.items())}
    rest = [part for part in parts if part.key not in units]
    left = WHOLE - sum(units.values())
    if left < 0:
        raise _refused("shares", f"Together {_percent(-left)} % more than there is.", "exceeds_conversion")
    if decision.spread and rest:
        rest = [replace(p, units=u) for p, u in zip(rest, _in_proportion(left, [p.units for p in rest]), strict=True)]
    off = sum(units.values()) + sum(part.units for part in rest) - WHOLE
    if off:
        how = f"{_percent(abs(off))} % {'more' if off > 0 else 'less'}"
        raise _refused("shares", f"All shares together are {how} than 100.", "unbalanced")
    like = {part.like.touchpoint_id: part.like for part in nameable}
    chosen = [Part(like[touch], payee, amount) for (touch, payee), amount in units.items()]
    return [part for part in sorted([*chosen, *rest], key=_place) if part.units]


def as_before(touches: Sequence[Touch], parts: Sequence[Part], payees: Mapping[UUID, Payee]) -> list[Part]:
    """Touches that the engine credited anew, each shared among its payees as it is now. `payees`: of the touches that
    have no part yet."""
    of_touch: dict[UUID, list[Part]] = defaultdict(list)
    for part in parts:
        of_touch[part.like.touchpoint_id].append(part)
    result = []
    for touch in touches:
        pk = touch.like.touchpoint_id
        now = of_touch[pk] or [Part(touch.like, payees.get(pk, HOUSE), 1)]
        units = _in_proportion(touch.units, [part.units for part in now])
        result += [Part(touch.like, part.payee, each) for part, each in zip(now, units, strict=True) if each]
    return result


def without(parts: Sequence[Part], touchpoint_id: UUID | None) -> list[Part]:
    """The others share the touch's credit as they share now; nothing where there are none."""
    parts_of_touch(parts, touchpoint_id)
    rest = [part for part in parts if part.like.touchpoint_id != touchpoint_id]
    return beside(rest, [], {}) if rest else []


def beside(parts: Sequence[Part], added: Sequence[Part], likes: Mapping[UUID, AttributionRecord]) -> list[Part]:
    """What is added has its size; the others share what is left as they share now. `likes`: touches by their place in
    the changed journey."""
    left = WHOLE - sum(part.units for part in added)
    units = _in_proportion(left, [part.units for part in parts])
    sized = [replace(part, units=each) for part, each in zip(parts, units, strict=True)]
    together = [replace(p, like=likes.get(p.like.touchpoint_id, p.like)) for p in [*sized, *added] if p.units]
    return sorted(together, key=_place)


def changes(
    stands: Sequence[Standing], parts: Sequence[Part], shares: Sequence[tuple[Decimal, Decimal]]
) -> list[Change]:
    """How the parts, each with its revenue and commission, come about from what stands: in the journey's order.

    What is not decided yet gets a new version; beside what is decided an adjustment is booked. A payee new to a touch
    takes over a record that another loses, where that one is not decided, and gets one of its own elsewhere."""
    wanted = {part.key: (part, *share) for part, share in zip(parts, shares, strict=True)}
    by_key: dict[tuple[UUID, Payee], Standing] = {}
    # A payee may have been given a second part of a touch by hand: one record is enough.
    doubled = [each for each in stands if by_key.setdefault(_key_of(each), each) is not each]
    lost = [*(each for key, each in by_key.items() if key not in wanted), *doubled]
    given_up = [each for each in lost if not each.is_decided]
    found: list[Change] = []
    taken: set[UUID] = set()
    for key, (part, revenue, commission) in wanted.items():
        standing = by_key.get(key)
        if standing is None:
            found += _newcomer(part, revenue, commission, given_up, taken)
        else:
            found.append(_changed(part, standing, revenue, commission))
    found += [_left(each) for each in lost if each.record.pk not in taken]
    # A record that changed hands is told once as the loss and once as the gain.
    found.sort(key=lambda each: (each.number, each.standing is None or each.how == "new", each.payee))
    return found


def _key_of(standing: Standing) -> tuple[UUID, Payee]:
    record = standing.record
    return record.touchpoint_id, (record.payee_type, record.payee_id)


def _newcomer(
    part: Part, revenue: Decimal, commission: Decimal, given_up: list[Standing], taken: set[UUID]
) -> list[Change]:
    mine = [each for each in given_up if each.record.touchpoint_id == part.like.touchpoint_id]
    free = next((each for each in mine if each.record.pk not in taken), None)
    gain = Change(
        part.like.position, part.like, part.payee, free, "new" if free is None else "version",
        credit=_credit(part.units), revenue=revenue, commission=commission,
    )  # fmt: skip
    if free is None:
        return [gain]
    taken.add(free.record.pk)
    return [replace(_left(free), how="version"), gain]


def _changed(part: Part, standing: Standing, revenue: Decimal, commission: Decimal) -> Change:
    before = (standing.credit, standing.revenue, standing.commission)
    same = before == (_credit(part.units), revenue, commission)
    moved = (part.like.position, part.like.journey_length) != (standing.record.position, standing.record.journey_length)
    how = "adjustment" if standing.is_decided else "version"
    return Change(
        part.like.position, part.like, part.payee, standing,
        "same" if same and (standing.is_decided or not moved) else how,
        *_pairs(before, (_credit(part.units), revenue, commission)),
    )  # fmt: skip


def _left(standing: Standing) -> Change:
    """The payee has nothing of it afterwards."""
    record, nothing = standing.record, (Decimal(0),) * 3
    before = (standing.credit, standing.revenue, standing.commission)
    how = "same" if before == nothing else "adjustment" if standing.is_decided else "removed"
    payee = (record.payee_type, record.payee_id)
    return Change(record.position, record, payee, standing, how, *_pairs(before, nothing))


def _pairs(before: Sequence[Decimal], after: Sequence[Decimal]) -> list[Decimal]:
    return [amount for pair in zip(before, after, strict=True) for amount in pair]


def _percent(units: int) -> str:
    return f"{Decimal(units) / PERCENT:.8f}".rstrip("0").rstrip(".")


def _credit(units: int) -> Decimal:
    return Decimal(units).scaleb(-10)


def parts_of_touch(parts: Sequence[Part], touchpoint_id: UUID | None) -> list[Part]:
    mine = [part for part in parts if part.like.touchpoint_id == touchpoint_id]
    if not mine:
        raise _refused("touchpoint_id", "No touch with credit in this conversion has this id.", "unknown_touchpoint")
    return mine


def _named_payee(decision: Decision) -> Payee:
    if decision.payee is None:
        raise _refused("payee_id", "Who shall get it?", "required")
    return decision.payee


def _hand_key(parts: Sequence[Part], number: int, share: HandShare) -> tuple[UUID, Payee]:
    mine = [part for part in parts if part.like.touchpoint_id == share.touchpoint_id]
    if not mine:
        raise _refused(f"shares.{number}.touchpoint_id", "No touch with credit has this id.", "unknown_touchpoint")
    if share.payee is not None:
        return share.touchpoint_id, share.payee
    if len(mine) > 1:
        raise _refused(f"shares.{number}.payee_id", "Several payees share this touch: name one.", "required")
    return mine[0].key


def _hand_units(percentage: Decimal, name: str) -> int:
    if not 0 <= percentage <= 100:
        raise _refused(f"{name}.percentage", "From 0 to 100 percent.", "exceeds_conversion")
    return int(_exact(percentage, f"{name}.percentage").scaleb(MOST_DECIMALS))


def _exact(percentage: Decimal, name: str) -> Decimal:
    exponent = percentage.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > MOST_DECIMALS:
        raise _refused(name, f"At most {MOST_DECIMALS} decimals.", "too_precise")
    return percentage


def _in_proportion(total: int, weights: Sequence[int]) -> list[int]:
    """Whole numbers that sum to `total`, by largest remainder; of equal remainders the earlier gets more."""
    whole = sum(weights)
    if not whole:
        raise _refused("shares", "Nobody is left to share what remains.", "unbalanced")
    shares = [total * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda place: -(total * weights[place] % whole))
    for place in by_rest[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _merged(parts: Iterable[Part]) -> list[Part]:
    """One part a touch and payee."""
    by_key: dict[Any, Part] = {}
    for part in parts:
        before = by_key.get(part.key)
        by_key[part.key] = replace(before, units=before.units + part.units) if before else part
    return list(by_key.values())


def _place(part: Part) -> tuple[int, int, Payee]:
    return part.like.position, part.like.part, part.payee


def _refused(name: str, message: str, code: str = "invalid") -> ValidationError:
    return ValidationError({name: ValidationError(message, code=code)})
