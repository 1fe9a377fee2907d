from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine.cents import CREDIT, MAX_TOTAL, credits, largest_remainder, share
from attribution.engine.credit import UnknownModel, attribute
from attribution.engine.models import MODELS
from attribution.engine.parameters import Parameters
from tests.attribution.engine import strategies
from tests.attribution.engine.strategies import HOUR, journeys_of

totals = st.integers(-MAX_TOTAL, MAX_TOTAL) | st.integers(-1000, 1000)
small_parts = st.lists(st.integers(0, 12), min_size=1, max_size=9).filter(any)


def offsets_of(*lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def alone(total, weights):
    """One journey's total shared by its weights."""
    return largest_remainder(np.array([total]), np.array(weights, float), offsets_of(len(weights))).tolist()


def by_hand(total, parts):
    """Largest remainder in exact fractions, ties to the earlier."""
    quotas = [Fraction(abs(total)) * part / sum(parts) for part in parts]
    shares = [int(quota) for quota in quotas]
    order = sorted(range(len(parts)), key=lambda place: (shares[place] - quotas[place], place))
    for place in order[: abs(total) - sum(shares)]:
        shares[place] += 1
    return [-part for part in shares] if total < 0 else shares


@given(st.lists(st.tuples(totals, small_parts), max_size=20))
def test_shares_are_those_of_exact_arithmetic(journeys):
    offsets = offsets_of(*[len(parts) for _, parts in journeys])
    given_credits = [by_hand(CREDIT, parts) for _, parts in journeys]
    flat = np.array([credit for journey in given_credits for credit in journey], dtype=np.int64)

    shares = share(np.array([total for total, _ in journeys], dtype=np.int64), flat, offsets)

    assert shares.tolist() == [
        cent for (total, _), journey in zip(journeys, given_credits, strict=True) for cent in by_hand(total, journey)
    ]


@given(st.lists(small_parts, max_size=20))
def test_credits_are_those_of_exact_arithmetic(journeys):
    weights = [part / sum(parts) for parts in journeys for part in parts]

    result = credits(np.array(weights, float), offsets_of(*map(len, journeys)))

    assert result.tolist() == [credit for parts in journeys for credit in by_hand(CREDIT, parts)]


@pytest.mark.parametrize("model", MODELS)
@given(data=st.data(), batch=strategies.batches, parameters=strategies.parameters)
def test_credit_value_and_commission_add_up_exactly(model, data, batch, parameters):
    journeys = journeys_of(*batch)
    values, commissions = (
        np.array(data.draw(st.lists(totals, min_size=len(batch), max_size=len(batch))), dtype=np.int64)
        for _ in range(2)
    )

    result = attribute(journeys, model, parameters, values=values, commissions=commissions)

    for index, ages in enumerate(batch):
        touches = slice(journeys.offsets[index], journeys.offsets[index + 1])
        sums = [int(part[touches].sum()) for part in result]
        assert sums == ([CREDIT, values[index], commissions[index]] if ages else [0, 0, 0])
    assert (result.credits >= 0).all()
    assert not result.values[result.credits == 0].any()
    assert not result.commissions[result.credits == 0].any()


@given(totals, small_parts)
def test_no_share_is_a_cent_or_more_away_from_its_quota(total, parts):
    credit = credits(np.array(parts) / sum(parts), offsets_of(len(parts)))

    shares = share(np.array([total]), credit, offsets_of(len(parts)))

    for cents, own in zip(shares.tolist(), credit.tolist(), strict=True):
        assert abs(cents - Fraction(total * own, CREDIT)) < 1


def test_a_hundred_over_three_gives_the_earliest_the_odd_cent():
    assert alone(100_00, [1 / 3] * 3) == [33_34, 33_33, 33_33]
    assert credits(np.full(3, 1 / 3), offsets_of(3)).tolist() == [3333333334, 3333333333, 3333333333]


def test_ties_go_to_the_earlier_touch():
    assert alone(1, [0.5, 0.5]) == [1, 0]
    assert alone(5, [0.25] * 4) == [2, 1, 1, 1]
    assert alone(11, [0.125] * 8) == [2, 2, 2, 1, 1, 1, 1, 1]


def test_the_largest_fraction_comes_before_the_earlier_touch():
    assert alone(10, [0.32, 0.34, 0.34]) == [3, 4, 3]
    assert alone(1, [0.4, 0.2, 0.4]) == [1, 0, 0]
    assert alone(3, [0.4, 0.2, 0.4]) == [1, 1, 1]


def test_a_reversal_is_shared_like_the_sale_it_undoes():
    sale = alone(100_01, [0.3, 0.4, 0.3])

    assert alone(-100_01, [0.3, 0.4, 0.3]) == [-cents for cents in sale]


def test_of_nothing_everybody_gets_nothing():
    assert alone(0, [1 / 7] * 7) == [0] * 7


def test_a_single_cent_among_a_thousand_goes_to_one():
    assert alone(1, [1 / 1000] * 1000) == [1] + [0] * 999


def test_empty_journeys_share_nothing_and_shift_nothing():
    offsets = offsets_of(0, 2, 0, 0, 1, 0)

    shares = largest_remainder(np.array([5, 7, 5, 5, 3, 5]), np.array([0.5, 0.5, 1.0]), offsets)

    assert shares.tolist() == [4, 3, 3]
    assert largest_remainder(np.array([5, 5]), np.array([]), offsets_of(0, 0)).tolist() == []
    assert largest_remainder(np.array([], np.int64), np.array([]), offsets_of()).tolist() == []


def test_a_hundred_billion_is_shared_to_the_cent():
    total = 10**13 + 1

    assert alone(total, [0.4, 0.2, 0.4]) == [4 * 10**12 + 1, 2 * 10**12, 4 * 10**12]
    assert sum(alone(total, [1 / 7] * 7)) == total


def test_a_hundred_thousand_touches_share_a_cent_each_and_the_rest():
    journeys = journeys_of([age * HOUR for age in reversed(range(100_000))])

    result = attribute(journeys, "linear", Parameters(), values=np.array([100_003]), commissions=np.array([7]))

    assert result.credits.tolist() == [CREDIT // 100_000] * 100_000
    assert result.values.tolist() == [2] * 3 + [1] * 99_997
    assert result.commissions.tolist() == [1] * 7 + [0] * 99_993


def test_a_touch_without_weight_is_never_credited():
    # A unit of credit made of dust, each speck far too small to tell from nothing.
    weights = np.array([0.0] + [5e-16] * 200_000 + [1 - 1e-10])

    credit = credits(weights, offsets_of(weights.size))

    assert credit[:3].tolist() == [0, 1, 0]
    assert share(np.array([10**12]), credit, offsets_of(weights.size))[:3].tolist() == [0, 100, 0]


@pytest.mark.parametrize("weights", [[0.5, 0.4], [0.5, 0.6], [-0.5, 1.5], [float("nan"), 1], [float("inf"), 0]])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(ValueError, match=r"Weights must|sum to the whole"):
        credits(np.array(weights), offsets_of(2))


@pytest.mark.parametrize("bad", [[CREDIT - 1, 0], [CREDIT + 1, -1], [CREDIT, CREDIT]])
def test_credits_that_are_no_shares_are_refused(bad):
    with pytest.raises(ValueError, match="must sum to 1"):
        share(np.array([100]), np.array(bad), offsets_of(2))


@pytest.mark.parametrize("total", [MAX_TOTAL + 1, -MAX_TOTAL - 1, -(2**63)])
def test_a_total_beyond_exact_arithmetic_is_refused(total):
    with pytest.raises(ValueError, match="must lie within"):
        share(np.array([total]), np.array([CREDIT]), offsets_of(1))


def test_there_must_be_a_total_for_each_journey():
    with pytest.raises(ValueError, match="one total a journey"):
        share(np.array([1, 2]), np.array([CREDIT]), offsets_of(1))


def test_money_in_floating_point_is_refused():
    with pytest.raises(TypeError, match="int64"):
        share(np.array([10.5]), np.array([CREDIT]), offsets_of(1))


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(UnknownModel, match="guesswork"):
        attribute(journeys_of([1]), "guesswork", Parameters(), values=np.array([1]), commissions=np.array([1]))
