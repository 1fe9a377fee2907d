"""What is taken back of what was earned: telescoping, never more than it, and by month under an earn-out."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.terms.clawback import Change, EarnOut, Whole, clawback, whole_months

CENT = Decimal("0.01")
SOLD = dt.date(2026, 1, 31)
money = st.decimals(0, 500, places=2)


@st.composite
def taken_in_steps(draw):
    """A share and cuts of it that take all of it in the end."""
    share = draw(st.decimals(CENT, 500, places=2))
    cuts = sorted(draw(st.lists(st.integers(0, int(share * 100)), max_size=6)))
    edges = [0, *cuts, int(share * 100)]
    return share, [-Decimal(b - a) / 100 for a, b in pairwise(edges)]


@given(money, taken_in_steps())
def test_taking_all_of_the_share_in_any_steps_gives_back_exactly_what_was_earned(earned, steps):
    share, changes = steps
    assert sum(clawback(earned, Whole(share), [Change(each) for each in changes])) == -earned


@given(money, taken_in_steps())
def test_after_each_change_the_payee_has_its_part_rounded_down(earned, steps):
    share, changes = steps
    amounts, left = clawback(earned, Whole(share), [Change(each) for each in changes]), share
    for number, change in enumerate(changes, 1):
        left += change
        cents = Fraction(earned) * Fraction(left) / Fraction(share) * 100 // 1
        assert earned + sum(amounts[:number]) == cents * CENT


@given(money, taken_in_steps())
def test_what_is_booked_of_earlier_changes_does_not_move_when_another_comes(earned, steps):
    share, changes = steps
    changes = [Change(each) for each in changes]
    whole = clawback(earned, Whole(share), changes)
    assert all(clawback(earned, Whole(share), changes[:n]) == whole[:n] for n in range(len(changes)))


def test_growth_earns_in_proportion_and_is_taken_back_in_whole():
    grown = [Change(Decimal(50)), Change(Decimal(-150))]
    assert clawback(Decimal(40), Whole(Decimal(100)), grown) == [Decimal(20), Decimal(-60)]


def test_without_commission_the_revenue_says_what_part_is_taken():
    whole = Whole(share=Decimal(0), revenue=Decimal(1000))
    [amount] = clawback(Decimal(25), whole, [Change(share=Decimal(0), revenue=Decimal(-400))])
    assert amount == Decimal(-10)


def test_without_revenue_either_the_credit_does():
    whole = Whole(share=Decimal(0), credit=Decimal("0.5"))
    assert clawback(Decimal(25), whole, [Change(Decimal(0), credit=Decimal("-0.5"))]) == [Decimal(-25)]


def test_yen_are_given_back_whole():
    amounts = clawback(Decimal(100), Whole(Decimal(3)), [Change(Decimal(-1))] * 3, unit=Decimal(1))
    assert amounts == [Decimal(-34), Decimal(-33), Decimal(-33)]


@pytest.mark.parametrize(
    ("on", "back"),
    [
        (dt.date(2026, 2, 27), -120),
        (dt.date(2026, 2, 28), -110),  # a month after the 31st of January
        (dt.date(2026, 7, 31), -60),
        (dt.date(2027, 1, 30), -10),
        (dt.date(2027, 1, 31), 0),
        (dt.date(2029, 1, 1), 0),
    ],
)
def test_a_lapse_takes_back_only_the_months_that_were_not_earned_yet(on, back):
    lapsed = [Change(Decimal(-500), reason="lapse", on=on)]
    assert clawback(Decimal(120), Whole(Decimal(500)), lapsed, earn_out=EarnOut(12, SOLD)) == [back]


def test_a_refund_takes_back_all_of_its_part_whatever_was_earned_out():
    refund = [Change(Decimal(-250), reason="refund", on=dt.date(2029, 1, 1))]
    assert clawback(Decimal(120), Whole(Decimal(500)), refund, earn_out=EarnOut(12, SOLD)) == [-60]


def test_months_are_whole_when_their_day_is_reached_or_the_month_is_shorter():
    assert whole_months(dt.date(2024, 2, 29), dt.date(2025, 2, 28)) == 12
    assert whole_months(dt.date(2026, 5, 15), dt.date(2026, 6, 14)) == 0
    assert whole_months(dt.date(2026, 5, 15), dt.date(2026, 4, 14)) == 0
