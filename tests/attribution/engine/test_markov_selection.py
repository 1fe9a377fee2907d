"""Which order the data supports, by a penalised criterion."""

from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine.markov import ORDERS, TooManyWindows, best_order, chain
from tests.attribution.engine.chains import generated, paths_of, rows


def simulated(memory, journeys, seed):
    """Journeys over three states that depend on the last `memory` touches."""
    random = np.random.default_rng(seed)
    habits = random.dirichlet([0.3] * 5, size=3**memory)
    drawn = []
    for _ in range(journeys):
        path = list(random.integers(0, 3, memory))
        while (touch := random.choice(5, p=habits[int("".join(map(str, path[-memory:])), 3)])) < 3 and len(path) < 40:
            path.append(touch)
        drawn.append((tuple(path), int(touch == 4), int(touch != 4), 0))
    return drawn


def criterion(drawn, order):
    """By the definition: every path told touch by touch, its end as one more."""
    seen, transitions = {}, 0
    for path, conversions, nulls, _ in drawn:
        for outcome, weight in (("conversion", conversions), ("null", nulls)):
            if not weight:
                continue
            told = [*path, outcome]
            transitions += weight * len(told)
            for place, symbol in enumerate(told):
                # The beginning is part of a history that is shorter than the order.
                history = (place < order, *path[max(place - order, 0) : place])
                counts = seen.setdefault(history, {})
                counts[symbol] = counts.get(symbol, 0) + weight
    likelihood = sum(n * log(n / sum(counts.values())) for counts in seen.values() for n in counts.values())
    free = len(seen) * (len(set().union(*seen.values())) - 1)
    return -2 * likelihood + free * log(max(transitions, 1))


@given(rows)
def test_the_criterion_is_that_of_its_definition(drawn):
    selection = best_order(paths_of(drawn))

    assert selection.criteria.keys() == set(ORDERS)
    for order, found in selection.criteria.items():
        assert found == pytest.approx(criterion(drawn, order), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("memory", [1, 2, 3])
def test_data_with_a_memory_is_given_its_order(memory):
    assert best_order(paths_of(simulated(memory, 1_500, seed=memory))).order == memory


def test_little_data_supports_a_low_order():
    # Of 60 journeys most histories of three touches were seen once.
    assert best_order(paths_of(simulated(3, 60, seed=5))).order == 1


@given(st.data(), rows)
def test_the_order_of_rows_changes_nothing(data, drawn):
    assert best_order(paths_of(data.draw(st.permutations(drawn)))) == best_order(paths_of(drawn))


def test_of_equal_orders_the_lowest_is_taken():
    # Paths of one touch tell nothing about memory: every order tells them alike.
    selection = best_order(paths_of([((0,), 3, 4, 0), ((1,), 1, 9, 0)]), orders=(4, 2, 3))

    assert selection.order == 2
    assert len(set(selection.criteria.values())) == 1
    assert best_order(paths_of([])).order == 1


def test_orders_beyond_the_bound_are_left_out(monkeypatch):
    raw = generated(500, states=6, mean=5, seed=3)
    paths = paths_of(
        [
            (tuple(raw["states"][begin:end].tolist()), int(converted), 1, 0)
            for (begin, end), converted in zip(pairwise(raw["offsets"].tolist()), raw["conversions"], strict=True)
        ]
    )
    monkeypatch.setattr(chain, "MAX_WINDOWS", 100)
    assert best_order(paths).criteria.keys() == {1, 2}

    monkeypatch.setattr(chain, "MAX_WINDOWS", 3)
    with pytest.raises(TooManyWindows):
        best_order(paths)


@pytest.mark.parametrize("orders", [(), (0,), (1, 5), (9,)])
def test_orders_that_are_none_are_refused(orders):
    with pytest.raises(ValueError, match="Orders must be"):
        best_order(paths_of([((0,), 1, 1, 0)]), orders=orders)
