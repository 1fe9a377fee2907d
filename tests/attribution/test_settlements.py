"""What a decision makes of shares: whatever they are, the whole stays the whole, and every share is accounted for."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from attribution import settling
from attribution.models import AttributionRecord
from attribution.settling import HOUSE, WHOLE, Decision, HandShare, Part, Touch, Way
from attribution.standing import Standing, shared
from conversions.models import Conversion

PAYEES = [("partner", "a"), ("partner", "b"), ("broker", "c"), HOUSE]
CENT = Decimal("0.01")


def touch_id(number):
    return UUID(int=number + 1)


def record(number, payee, *, part=0, **values):
    return AttributionRecord(
        id=UUID(int=1000 * (number + 1) + part),
        touchpoint_id=touch_id(number),
        payee_type=payee[0],
        payee_id=payee[1],
        position=number + 1,
        part=part,
        touched_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        **{"journey_length": 5, "status": "calculated", "credit": 0} | values,
    )


@st.composite
def keys(draw):
    """Of parts: touches of one payee each, or of several."""
    touches = draw(st.integers(1, 4))
    sets = st.lists(st.sampled_from(PAYEES), min_size=1, max_size=3, unique=True)
    return [(number, payee, part) for number in range(touches) for part, payee in enumerate(draw(sets))]


@st.composite
def standings(draw):
    """Records with what stands of each: units of credit that sum to the whole, some of it nothing."""
    found = draw(keys())
    cuts = sorted(draw(st.lists(st.integers(0, WHOLE), min_size=len(found) - 1, max_size=len(found) - 1)))
    units = [end - begin for begin, end in zip([0, *cuts], [*cuts, WHOLE], strict=True)]
    statuses = draw(
        st.lists(st.sampled_from(["calculated", "approved", "paid"]), min_size=len(found), max_size=len(found))
    )
    stands = []
    for (number, payee, part), amount, status in zip(found, units, statuses, strict=True):
        # What has no credit is only there because it was decided once.
        is_decided = status != "calculated" or not amount
        credit = Decimal(amount).scaleb(-10)
        stands.append(Standing(record(number, payee, part=part, status=status), is_decided, credit, credit, credit))
    return stands


def touches_with_credit(parts):
    return sorted({part.like.touchpoint_id for part in parts})


@st.composite
def decided(draw):
    """What stands, a valid decision about it, and the parts that come of it."""
    stands = draw(standings())
    parts = settling.parts_of(stands)
    touch = draw(st.sampled_from(touches_with_credit(parts)))
    payee = draw(st.sampled_from(PAYEES))
    way = draw(st.sampled_from(["reassigned", "split", "by_hand"]))
    if way == "reassigned":
        decision = Decision(Way.REASSIGN, touch, payee)
    elif way == "split":
        decision = Decision(Way.SPLIT, touch, payee, percentage=Decimal(draw(st.integers(1, 10**10 - 1))).scaleb(-8))
    else:
        share = HandShare(touch, Decimal(draw(st.integers(0, 10**10))).scaleb(-8), payee)
        decision = Decision(Way.BY_HAND, shares=[share], spread=True)
    try:
        return stands, parts, decision, getattr(settling, way)(parts, decision)
    except ValidationError:  # a touch too small to be split, nobody left to share with
        return stands, parts, decision, parts


def units_of(parts, touch=None):
    return sum(part.units for part in parts if touch in {None, part.like.touchpoint_id})


@given(decided())
def test_whatever_is_decided_the_parts_are_the_whole_and_one_a_touch_and_payee(case):
    _, _, _, wanted = case
    assert units_of(wanted) == WHOLE
    assert all(part.units > 0 for part in wanted)
    assert len({part.key for part in wanted}) == len(wanted)


@given(decided())
def test_giving_and_splitting_a_touch_leaves_the_other_touches_alone(case):
    _, parts, decision, wanted = case
    if decision.way == Way.BY_HAND:
        return
    for touch in touches_with_credit(parts):
        assert units_of(wanted, touch) == units_of(parts, touch)
        if touch != decision.touchpoint_id:
            assert [p for p in wanted if p.like.touchpoint_id == touch] == [
                p for p in parts if p.like.touchpoint_id == touch
            ]


@given(decided())
def test_who_is_not_named_keeps_the_present_proportions_to_one_unit(case):
    _, parts, decision, wanted = case
    if decision.way == Way.REASSIGN:
        return
    named = decision.shares[0].touchpoint_id if decision.shares else decision.touchpoint_id
    payee = decision.shares[0].payee if decision.shares else decision.payee
    before = {p.key: p.units for p in parts if p.key != (named, payee)}
    if decision.way == Way.SPLIT:
        before = {key: units for key, units in before.items() if key[0] == named}
    after = {part.key: part.units for part in wanted}
    now = {key: after.get(key, 0) for key in before}
    if decision.way == Way.SPLIT and (named, payee) in {p.key for p in parts}:
        return  # the payee has a part of what is split, and keeps of it as the others do
    for key, units in before.items():
        exact = Decimal(sum(now.values())) * units / sum(before.values())
        assert abs(now[key] - exact) < 1


@given(st.lists(st.integers(0, WHOLE), min_size=1, max_size=8), st.integers(0, WHOLE))
def test_what_is_shared_in_proportion_sums_to_the_total(weights, total):
    if not sum(weights):
        return
    shares = settling._in_proportion(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Decimal(total) * weight / sum(weights)) < 1
        assert share == 0 or weight > 0


def test_of_equal_remainders_the_earlier_gets_more():
    assert settling._in_proportion(10, [1, 1, 1]) == [4, 3, 3]


@given(decided(), st.integers(0, 10**9), st.integers(0, 10**7), st.sampled_from(["USD", "JPY"]))
def test_money_follows_by_largest_remainder_and_every_share_is_told_once(case, value, commission, currency):
    stands, _, _, wanted = case
    unit = 1 if currency == "JPY" else CENT
    conversion = Conversion(value=value * unit, commission_amount=commission * unit, currency=currency)
    shares = shared(conversion, [Decimal(part.units).scaleb(-10) for part in wanted])
    for place, total in enumerate([value, commission]):
        amounts = [share[place] / unit for share in shares]
        assert sum(amounts) == total
        exact = [Decimal(total) * part.units / WHOLE for part in wanted]
        assert all(amount == int(amount) and abs(amount - e) < 1 for amount, e in zip(amounts, exact, strict=True))
    check_changes(stands, wanted, shares)


def check_changes(stands, wanted, shares):
    found = settling.changes(stands, wanted, shares)
    told = [each for each in found if each.credit]
    assert sorted((each.like.touchpoint_id, each.payee) for each in told) == sorted(part.key for part in wanted)
    assert sum(each.credit for each in found) == 1
    assert sum(each.credit_before for each in found) == 1
    assert sum(each.revenue for each in found) == sum(revenue for revenue, _ in shares)
    lost = [
        each.standing.record.pk for each in found if each.standing and not (each.how == "version" and not each.credit)
    ]
    assert sorted(lost) == sorted(each.record.pk for each in stands)
    for each in found:
        if each.standing is None:
            assert each.how == "new"
        elif each.standing.is_decided:
            # Its own amounts are fixed: a change is booked beside it, for the payee that it has.
            assert each.how in {"same", "adjustment"}
            assert each.payee == (each.standing.record.payee_type, each.standing.record.payee_id)
        else:
            assert each.how in {"same", "version", "removed"}


@given(standings())
def test_deciding_what_is_already_so_changes_nothing(stands):
    parts = settling.parts_of(stands)
    shares = [(Decimal(part.units).scaleb(-10),) * 2 for part in parts]
    assert not any(each.changes for each in settling.changes(stands, parts, shares))


@given(standings(), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_touches_that_are_credited_anew_are_shared_among_their_payees_as_before(stands, weights):
    parts = settling.parts_of(stands)
    sizes = settling._in_proportion(WHOLE, weights)
    touches = [Touch(record(number, PAYEES[0]), units) for number, units in enumerate(sizes)]
    wanted = settling.as_before(touches, parts, {touch_id(n): ("partner", "new") for n in range(len(weights))})
    assert units_of(wanted) == WHOLE
    for number, units in enumerate(sizes):
        mine = [part for part in wanted if part.like.touchpoint_id == touch_id(number)]
        before = {part.payee: part.units for part in parts if part.like.touchpoint_id == touch_id(number)}
        assert sum(part.units for part in mine) == units
        assert {part.payee for part in mine} <= (set(before) or {("partner", "new")})
        for part in mine:
            exact = Decimal(units) * before.get(part.payee, 1) / (sum(before.values()) or 1)
            assert abs(part.units - exact) < 1


def test_two_records_of_one_payee_and_touch_become_one():
    """A calculated part that was given by hand to who has the touch already, as an adjusted record."""
    half = Decimal("0.5")
    first = Standing(record(0, PAYEES[0], status="paid"), True, half, half, half)
    second = Standing(record(0, PAYEES[0], part=1), False, half, half, half)
    [part] = settling.parts_of([first, second])
    assert part.units == WHOLE
    found = settling.changes([first, second], [part], [(Decimal(1), Decimal(1))])
    assert [(each.how, each.credit_before, each.credit) for each in found] == [
        ("adjustment", half, 1),
        ("removed", half, 0),
    ]


def test_a_payee_with_next_to_nothing_of_a_touch_keeps_no_empty_part_of_it():
    """A record has credit: one with none could not be stored."""
    parts = [Part(record(0, PAYEES[0]), PAYEES[0], 1), Part(record(0, PAYEES[1], part=1), PAYEES[1], WHOLE - 1)]
    wanted = settling.split(parts, Decision(Way.SPLIT, touch_id(0), PAYEES[2], percentage=Decimal("99.99999999")))
    assert [part.payee for part in wanted] == [PAYEES[1], PAYEES[2]]


PARTS = [Part(record(0, PAYEES[0]), PAYEES[0], WHOLE // 2), Part(record(1, PAYEES[1]), PAYEES[1], WHOLE // 2)]


def hand(*shares, spread=False):
    named = [HandShare(touch_id(number), Decimal(percentage), payee) for number, percentage, payee in shares]
    return settling.by_hand(PARTS, Decision(Way.BY_HAND, shares=named, spread=spread))


@pytest.mark.parametrize(
    ("shares", "field", "code", "message"),
    [
        ([], "shares", "required", "Name at least one"),
        ([(0, 20, None)], "shares", "unbalanced", "All shares together are 30 % less than 100."),
        ([(0, 50, None), (1, "50.00000001", None)], "shares", "exceeds_conversion", "0.00000001 % more"),
        ([(0, "50.00000001", None)], "shares", "unbalanced", "are 0.00000001 % more than 100."),
        ([(0, 60, None), (1, 60, None)], "shares", "exceeds_conversion", "20 % more than there is"),
        ([(0, 101, None)], "shares.0.percentage", "exceeds_conversion", "From 0 to 100"),
        ([(0, -1, None)], "shares.0.percentage", "exceeds_conversion", "From 0 to 100"),
        ([(0, "0.000000001", None)], "shares.0.percentage", "too_precise", "At most 8 decimals"),
        ([(1, 50, None), (7, 50, None)], "shares.1.touchpoint_id", "unknown_touchpoint", "No touch with credit"),
        ([(0, 50, None), (0, 50, PAYEES[0])], "shares", "invalid", "named twice"),
    ],
)
def test_shares_by_hand_say_exactly_what_is_wrong(shares, field, code, message):
    with pytest.raises(ValidationError) as refused:
        hand(*shares)
    [error] = refused.value.error_dict[field]
    assert error.code == code
    assert message in str(error)


def test_shares_by_hand_of_a_touch_of_several_payees_name_one():
    parts = [*PARTS[:1], Part(record(0, PAYEES[1], part=1), PAYEES[1], WHOLE // 2)]
    with pytest.raises(ValidationError) as refused:
        settling.by_hand(parts, Decision(Way.BY_HAND, shares=[HandShare(touch_id(0), Decimal(50))]))
    assert refused.value.error_dict["shares.0.payee_id"][0].code == "required"


def test_what_is_not_named_shares_what_is_left_or_keeps_what_it_has():
    assert [part.units for part in hand((0, 80, None), spread=True)] == [8 * WHOLE // 10, 2 * WHOLE // 10]
    assert [part.payee for part in hand((0, 100, None), spread=True)] == [PAYEES[0]]
    by_payee = {part.payee: part.units for part in hand((0, 10, None), (0, 40, PAYEES[2]))}
    assert by_payee == {PAYEES[0]: WHOLE // 10, PAYEES[2]: 4 * WHOLE // 10, PAYEES[1]: WHOLE // 2}


@pytest.mark.parametrize("percentage", ["0", "100", "-1", "0.000000001"])
def test_a_split_is_of_a_part(percentage):
    with pytest.raises(ValidationError) as refused:
        settling.split(PARTS, Decision(Way.SPLIT, touch_id(0), PAYEES[1], percentage=Decimal(percentage)))
    assert "percentage" in refused.value.error_dict
