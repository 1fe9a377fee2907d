"""Shapley values against the definition: every order in which players may come."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine.paths import Paths
from attribution.engine.shapley import MAX_PLAYERS, TooManyPlayers, rate_game, set_game
from tests.attribution.engine.chains import STATES, flat, paths_of, rows


def inside(drawn, coalition, column):
    return sum((Fraction(row[column]) for row in drawn if set(row[0]) <= coalition), Fraction(0))


def rate(drawn, coalition):
    journeys = inside(drawn, coalition, 1) + inside(drawn, coalition, 2)
    return inside(drawn, coalition, 1) / journeys if journeys else Fraction(0)


def brute_force(worth, players):
    """What each adds on average, over all orders of arrival."""
    values, orders = dict.fromkeys(players, Fraction(0)), list(permutations(players))
    for order in orders:
        for place, player in enumerate(order):
            values[player] += worth(set(order[: place + 1])) - worth(set(order[:place]))
    return [float(values.get(player, Fraction(0)) / len(orders)) for player in range(STATES)]


def playing(drawn):
    return sorted({code for path, conversions, nulls, _ in drawn if conversions + nulls for code in path})


@given(rows)
def test_the_set_game_is_an_even_split(drawn):
    game = set_game(paths_of(drawn), states=STATES)

    players = range(STATES)
    assert game.conversions == pytest.approx(brute_force(lambda c: inside(drawn, c, 1), players), abs=1e-9)
    assert game.values == pytest.approx(brute_force(lambda c: inside(drawn, c, 3), players), rel=1e-12, abs=1e-9)


@given(rows)
def test_the_rate_game_is_that_of_all_orders(drawn):
    game = rate_game(paths_of(drawn), states=STATES)

    assert game.effects == pytest.approx(brute_force(lambda c: rate(drawn, c), playing(drawn)), abs=1e-12)
    journeys = sum(row[1] + row[2] for row in drawn)
    assert game.conversions == pytest.approx(game.effects * journeys, abs=1e-9)


@given(rows)
def test_shares_add_up(drawn):
    paths = paths_of(drawn)
    converted, journeys = (sum(row[1] for row in drawn), sum(row[1] + row[2] for row in drawn))

    assert set_game(paths, states=STATES).conversions.sum() == pytest.approx(converted)
    assert set_game(paths, states=STATES).values.sum() == pytest.approx(sum(row[3] for row in drawn))
    game = rate_game(paths, states=STATES)
    assert game.probability == (converted / journeys if journeys else 0)
    assert game.effects.sum() == pytest.approx(game.probability, abs=1e-12)
    assert game.conversions.sum() == pytest.approx(converted, abs=1e-9)


@given(rows)
def test_players_who_are_alike_get_alike(drawn):
    # Every row again with 0 and 1 exchanged.
    swap = {0: 1, 1: 0}
    both = [*drawn, *((tuple(swap.get(code, code) for code in row[0]), *row[1:]) for row in drawn)]
    paths = paths_of(both)

    for shares in (set_game(paths, states=STATES).conversions, rate_game(paths, states=STATES).effects):
        assert shares[0] == pytest.approx(shares[1], abs=1e-9)


@given(st.data(), rows)
def test_the_order_of_rows_changes_no_byte(data, drawn):
    first, second = (paths_of(each) for each in (drawn, data.draw(st.permutations(drawn))))

    assert set_game(first, states=STATES).values.tobytes() == set_game(second, states=STATES).values.tobytes()
    assert rate_game(first, states=STATES).effects.tobytes() == rate_game(second, states=STATES).effects.tobytes()


def test_a_state_whose_journeys_convert_less_is_negative_and_shown_so():
    game = rate_game(paths_of([((0,), 5, 5, 0), ((0, 1), 1, 39, 0), ((1,), 0, 50, 0)]), states=2)

    # v(0) = .5, v(1) = 0, v(01) = .06.
    assert game.effects == pytest.approx([0.28, -0.22], abs=1e-15)
    assert game.conversions == pytest.approx([28.0, -22.0], abs=1e-12)


def test_a_state_met_twice_in_a_journey_has_one_share():
    assert set_game(paths_of([((0, 1, 0, 0), 4, 0, 100)]), states=3).conversions.tolist() == [2.0, 2.0, 0.0]


def test_twenty_players_are_exact_and_one_more_is_refused():
    def of(players):
        journeys = [(code, (code + 1) % players) for code in range(players)]
        ones = np.ones(players)
        return Paths.aggregate(*flat(journeys), conversions=ones, nulls=ones, values=ones)

    # A ring: all alike, so each has a twentieth of the rate.
    assert rate_game(of(MAX_PLAYERS), states=50).effects[:20] == pytest.approx([0.5 / 20] * 20, abs=1e-12)
    with pytest.raises(TooManyPlayers, match="21 different states occur"):
        rate_game(of(MAX_PLAYERS + 1), states=50)
    assert set_game(of(MAX_PLAYERS + 1), states=50).conversions[:21] == pytest.approx([1.0] * 21)


def test_no_data_is_no_share():
    nothing = paths_of([])
    assert set_game(nothing, states=2).conversions.tolist() == [0.0, 0.0]
    assert rate_game(nothing, states=2).effects.tolist() == [0.0, 0.0]
    assert rate_game(paths_of([((0, 1), 0, 3, 0)]), states=2).effects.tolist() == [0.0, 0.0]


def test_a_code_beyond_the_states_is_refused():
    for game in (set_game, rate_game):
        with pytest.raises(ValueError, match="below the number of states"):
            game(paths_of([((0, 3), 1, 1, 0)]), states=3)
