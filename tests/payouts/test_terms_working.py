"""What terms make of shares: the sums are exact, whatever the order of calls; caps hold; tiers are an income tax."""

import datetime as dt
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.terms.snapshot import BUILT_IN, TermsSnapshot
from payouts.terms.tiers import InvalidTiers, Tier, parsed
from payouts.terms.working import Share, SoFar, earn, earn_each, in_order

MONTH = dt.date(2026, 3, 1)
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
CENT, YEN = Decimal("0.01"), Decimal(1)
TYPES = ("sale", "policy_bound", "renewal")


def share(amount, *, at=0, record=None, conversion="c-1", kind="sale", credit=1):
    moment = START + dt.timedelta(hours=at)
    return Share(record or f"r-{at}", conversion, kind, moment, Decimal(credit), Decimal(amount))


def floor(amount, unit=CENT):
    return (amount / unit).to_integral_value(ROUND_FLOOR) * unit


def amounts(earned):
    return [each.amount for each in earned]


rates = st.decimals(0, 100, places=4)
caps = st.none() | st.decimals(0, 60, places=2)


@st.composite
def tiers_of(draw):
    ends = draw(st.lists(st.decimals(Decimal("0.01"), 400, places=2), max_size=4, unique=True).map(sorted))
    edges = [Decimal(0), *ends, None]
    return tuple(Tier(since, until, draw(rates)) for since, until in pairwise(edges))


@st.composite
def shares_of(draw, unit=CENT):
    places = 2 if unit == CENT else 0
    rows = draw(
        st.lists(
            st.tuples(
                st.decimals(0, 80, places=places),
                st.integers(0, 24 * 31 - 1),
                st.integers(1, 5),
                st.sampled_from(TYPES),
                st.decimals(Decimal("0.0000000001"), 1, places=10),
            ),
            max_size=25,
        )
    )
    return [
        share(amount, at=at, record=f"r-{number}", conversion=f"c-{conversion}", kind=kind, credit=credit)
        for number, (amount, at, conversion, kind, credit) in enumerate(rows)
    ]


terms_of = st.builds(
    TermsSnapshot,
    rate=rates,
    tiers=st.just(()) | tiers_of(),
    flats=st.dictionaries(st.sampled_from(TYPES), st.decimals(0, 30, places=2)),
    renewal_rate=st.none() | rates,
    cap_conversion=caps,
    cap_day=caps,
    cap_month=caps,
)


@given(terms_of, shares_of())
def test_a_months_amounts_add_up_to_its_exact_sum_rounded_down(terms, shares):
    earned = earn(terms, shares, SoFar(MONTH))
    assert sum(amounts(earned)) == floor(sum(each.exact for each in earned))


@given(terms_of, shares_of(unit=YEN))
def test_yen_are_whole_and_add_up_too(terms, shares):
    terms = TermsSnapshot(rate=terms.rate, tiers=terms.tiers, renewal_rate=terms.renewal_rate)
    earned = earn(terms, shares, SoFar(MONTH, unit=YEN))
    assert all(amount == amount.to_integral_value() for amount in amounts(earned))
    assert sum(amounts(earned)) == floor(sum(each.exact for each in earned), YEN)


@given(terms_of, shares_of(), st.integers(0, 25), st.integers(0, 25))
def test_any_split_into_calls_earns_the_same(terms, shares, first, second):
    shares = in_order(shares)
    one, two = sorted((first, second))
    so_far, split = SoFar(MONTH), []
    for part in (shares[:one], shares[one:two], shares[two:]):
        split += earn(terms, part, so_far)
    assert split == earn(terms, shares, SoFar(MONTH))


@given(terms_of, shares_of())
def test_the_order_in_which_shares_are_given_makes_no_difference(terms, shares):
    assert earn(terms, shares[::-1], SoFar(MONTH)) == earn(terms, shares, SoFar(MONTH))


@given(terms_of, shares_of(), st.randoms())
def test_caps_are_never_exceeded_even_when_shares_are_approved_in_any_order(terms, shares, chance):
    chance.shuffle(shares)
    earned = earn_each([(terms, each) for each in shares], SoFar(MONTH))
    for limit, key in (
        (terms.cap_conversion, lambda each: each.share.conversion),
        (terms.cap_day, lambda each: each.share.day),
        (terms.cap_month, lambda each: None),
    ):
        sums = {}
        for each in earned:
            sums[key(each)] = sums.get(key(each), 0) + each.amount
        assert limit is None or all(total <= limit for total in sums.values())
    assert all(each.amount >= 0 for each in earned)


@given(tiers_of(), st.lists(st.decimals(0, 80, places=2), max_size=20))
def test_tiers_are_an_income_tax_on_the_months_volume(tiers, shares):
    earned = earn(TermsSnapshot(tiers=tiers), [share(s, at=n) for n, s in enumerate(shares)], SoFar(MONTH))
    volume = sum(shares)
    tax = sum(t.rate * max(0, min(volume, volume if t.until is None else t.until) - t.since) for t in tiers) / 100
    assert sum(each.exact for each in earned) == tax
    assert sum(amounts(earned)) == floor(tax)


@given(shares_of())
def test_where_nothing_was_agreed_the_payee_has_its_share_to_the_cent(shares):
    shares = in_order(shares)
    assert amounts(earn(BUILT_IN, shares, SoFar(MONTH))) == [each.amount for each in shares]


@given(shares_of())
def test_zero_percent_earns_nothing_and_a_hundred_the_share(shares):
    shares = in_order(shares)
    assert not any(amounts(earn(TermsSnapshot(rate=Decimal(0)), shares, SoFar(MONTH))))
    whole = TermsSnapshot(tiers=(Tier(Decimal(0), None, Decimal(100)),))
    assert amounts(earn(whole, shares, SoFar(MONTH))) == [each.amount for each in shares]


def test_half_cents_of_a_thousand_payees_are_never_paid_and_never_over():
    terms = TermsSnapshot(rate=Decimal(50))
    paid = sum(earn(terms, [share("0.01")], SoFar(MONTH))[0].amount for _ in range(1000))
    assert paid == 0, "each has half a cent, which is no cent yet"
    assert amounts(earn(terms, [share("0.01", at=1), share("0.01", at=2)], SoFar(MONTH))) == [0, CENT]


def test_a_thousand_half_cents_of_one_payee_are_five_dollars():
    shares = [share("0.01", record=f"r-{n:04}") for n in range(1000)]
    assert sum(amounts(earn(TermsSnapshot(rate=Decimal(50)), shares, SoFar(MONTH)))) == Decimal("5.00")


def test_a_flat_is_for_the_whole_conversion_and_each_record_has_its_credits_part():
    terms = TermsSnapshot(rate=Decimal(0), flats={"sale": Decimal(25)})
    [sale, other] = earn(terms, [share(0, at=1, credit="0.4"), share(10, at=2, kind="signup")], SoFar(MONTH))
    assert (sale.amount, other.amount) == (Decimal(10), 0)
    assert sale.working["flat"] == {"of": "25", "credit": "0.4", "makes": "10"}


def test_a_renewal_has_a_rate_of_its_own_and_counts_to_the_volume():
    terms = TermsSnapshot(tiers=parsed([{"from": 0, "to": 100, "rate": 10}, {"from": 100, "rate": 20}]),
                          renewal_rate=Decimal(1))  # fmt: skip
    renewal, sale = earn(terms, [share(100, at=1, kind="renewal"), share(50, at=2)], SoFar(MONTH))
    assert (renewal.amount, sale.amount) == (Decimal(1), Decimal(10))


def test_the_working_tells_each_tier_and_what_each_cap_took():
    terms = TermsSnapshot(
        tiers=parsed([{"from": 0, "to": 100, "rate": 10}, {"from": 100, "rate": 20}]),
        cap_conversion=Decimal(25),
        cap_day=Decimal(20),
    )
    [earned] = earn(terms, [share(200)], SoFar(MONTH))
    assert earned.working["parts"] == [
        {"of": "100", "rate": "10", "makes": "10"},
        {"of": "100", "rate": "20", "makes": "20"},
    ]
    assert earned.working["caps"] == [
        {"cap": "conversion", "limit": "25", "room": "25", "took": "5"},
        {"cap": "day", "limit": "20", "room": "20", "took": "5"},
    ]
    assert (earned.amount, earned.working["exact"]) == (Decimal(20), "20")


def test_terms_that_change_within_a_month_go_on_from_the_same_volume_and_rounding():
    tiers = parsed([{"from": 0, "to": 10, "rate": 0}, {"from": 10, "rate": 100}])
    shares = [(TermsSnapshot(rate=Decimal(50)), share("10.01", at=1)), (TermsSnapshot(tiers=tiers), share(5, at=2))]
    assert amounts(earn_each(shares, SoFar(MONTH))) == [Decimal("5.00"), Decimal("5.00")]


def test_a_share_of_another_month_is_refused():
    with pytest.raises(ValueError, match="2026-04-01"):
        earn(BUILT_IN, [share(1, at=31 * 24)], SoFar(MONTH))


@pytest.mark.parametrize(
    ("tiers", "told"),
    [
        ([{"from": 1, "rate": 10}], "The first tier starts at 0, not at 1"),
        ([{"from": 0, "to": 10, "rate": 1}, {"from": 11, "rate": 2}], "a hole between tier 1, up to 10, and 11"),
        ([{"from": 0, "to": 10, "rate": 1}, {"from": 9, "rate": 2}], "Tiers 1 and 2 overlap at 9"),
        ([{"from": 0, "to": 10, "rate": 1}], "no tier from 10 on"),
        ([{"from": 0, "rate": 1}, {"from": 9, "rate": 2}], "Tier 1 has no end"),
        ([{"from": 0, "rate": 101}], "0 to 100"),
        ([{"from": 0, "rate": -1}], "from 0 up"),
        ([{"from": 0, "to": 0, "rate": 1}], "ends at 0"),
        ([{"from": 0, "rate": True}], "rate is a number"),
        ([{"from": 0, "rate": 0.1}], "rate is a number"),
        ([{"from": 0, "rate": "NaN"}], "from 0 up"),
        ([{"from": 0, "rate": "1e30"}], "from 0 up"),
        ([{"from": 0, "rate": 1, "rte": 2}], "give from, to and rate"),
        ([{"from": 0}], "give from, to and rate"),
        ({"from": 0}, "a list of tiers"),
    ],
)  # fmt: skip
def test_tiers_that_make_no_sense_are_refused_by_what_is_wrong(tiers, told):
    with pytest.raises(InvalidTiers, match=told):
        parsed(tiers)
