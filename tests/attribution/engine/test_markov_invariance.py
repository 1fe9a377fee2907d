"""What must change nothing in removal effects, and what must change them in a known way."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine.markov import ORDERS, train
from attribution.engine.paths import Paths
from tests.attribution.engine.chains import STATES, WAYS, generated, paths_of, rows, solved

NUMBERS = ("removal_effects", "removal_effects_value", "conversions", "values", "standard_errors")


def as_bytes(result):
    return [np.float64(result.probability).tobytes(), *(getattr(result, name).tobytes() for name in NUMBERS)]


@given(st.data(), rows)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_rows_changes_no_byte(order, way, data, drawn):
    shuffled = data.draw(st.permutations(drawn))

    with solved(way):
        first, second = (train(paths_of(each), states=STATES, order=order) for each in (drawn, shuffled))

    assert as_bytes(first) == as_bytes(second)


@given(rows)
@pytest.mark.parametrize("order", ORDERS)
def test_rows_that_were_not_added_up_give_the_same_bytes(order, drawn):
    paths = paths_of(drawn)
    halves = [paths_of(drawn[::2]), paths_of(drawn[1::2])]
    # A row a journey, as they come out of a database.
    single = [(path, 1, 0, 3) for path, conversions, *_ in drawn for _ in range(conversions)]
    single += [(path, 0, 1, 0) for path, _, nulls, _ in drawn for _ in range(nulls)]
    counted = [(path, conversions, nulls, 3 * conversions) for path, conversions, nulls, _ in drawn]

    assert as_bytes(train(Paths.merged(halves), states=STATES, order=order)) == as_bytes(
        train(paths, states=STATES, order=order)
    )
    assert as_bytes(train(paths_of(single), states=STATES, order=order)) == as_bytes(
        train(paths_of(counted), states=STATES, order=order)
    )


@given(rows, st.integers(2, 10**6))
@pytest.mark.parametrize("order", ORDERS)
def test_more_of_the_same_changes_no_effect(order, drawn, times):
    before = train(paths_of(drawn), states=STATES, order=order)
    more = [(path, *(amount * times for amount in amounts)) for path, *amounts in drawn]
    after = train(paths_of(more), states=STATES, order=order)

    for name in ("removal_effects", "removal_effects_value"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=2e-12)
    for name in ("conversions", "values"):
        assert getattr(after, name) == pytest.approx(getattr(before, name) * times, rel=1e-11, abs=1e-11)
    assert after.standard_errors * times**0.5 == pytest.approx(before.standard_errors, rel=1e-5, abs=1e-7)


@given(rows, st.integers(2, 10**6))
def test_another_unit_of_value_changes_no_effect(drawn, times):
    before = train(paths_of(drawn), states=STATES, order=2)
    after = train(paths_of([(*row[:3], row[3] * times) for row in drawn]), states=STATES, order=2)

    assert after.removal_effects_value == pytest.approx(before.removal_effects_value, abs=2e-12)
    assert after.removal_effects.tobytes() == before.removal_effects.tobytes()
    assert after.values == pytest.approx(before.values * times, rel=1e-11, abs=1e-11)


@given(st.permutations(range(STATES)), rows)
@pytest.mark.parametrize("order", ORDERS)
def test_other_codes_give_the_same_effects(order, recoded, drawn):
    moved = [(tuple(recoded[code] for code in path), *amounts) for path, *amounts in drawn]
    before, after = (train(paths_of(each), states=STATES, order=order) for each in (drawn, moved))

    for name in ("removal_effects", "conversions"):
        assert getattr(after, name)[list(recoded)] == pytest.approx(getattr(before, name), rel=1e-11, abs=2e-12)


@given(rows)
def test_states_that_only_others_have_never_met_stay_apart(drawn):
    # A dummy whose journeys touch nothing else and never convert: it earns nothing and takes nothing.
    with_dummy = [*drawn, ((STATES,), 0, 50, 0), ((STATES, STATES), 0, 9, 0)]
    before = train(paths_of(drawn), states=STATES + 1, order=1)
    after = train(paths_of(with_dummy), states=STATES + 1, order=1)

    assert after.removal_effects[STATES] == after.conversions[STATES] == 0
    assert after.removal_effects == pytest.approx(before.removal_effects, abs=2e-12)
    assert after.conversions == pytest.approx(before.conversions, rel=1e-11, abs=1e-11)


@given(rows)
def test_a_state_at_the_head_of_every_journey_is_needed_by_all(drawn):
    headed = [((STATES, *path), *amounts) for path, *amounts in drawn]
    before = train(paths_of(drawn), states=STATES + 1, order=1)
    after = train(paths_of(headed), states=STATES + 1, order=1)

    assert after.removal_effects[STATES] == (1.0 if any(row[1] for row in drawn) else 0.0)
    assert after.removal_effects[:STATES] == pytest.approx(before.removal_effects[:STATES], abs=2e-12)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("length", [2, 3, 6])
def test_repeats_collapse_only_as_windows(order, length):
    # A window that follows itself counts once: beyond the order, another repeat is nothing new.
    def effects(repeats):
        return train(
            paths_of([((0,) * repeats + (1,), 2, 1, 0), ((1, 2), 1, 2, 0), ((0,), 1, 9, 0)]), states=3, order=order
        )

    shorter, longer = effects(max(length, order)), effects(max(length, order) + 3)
    assert as_bytes(shorter) == as_bytes(longer)


@pytest.mark.parametrize("order", ORDERS)
def test_every_way_to_solve_gives_the_same_numbers(order):
    paths = Paths.aggregate(**generated(3_000, states=8, mean=5, seed=7))
    results = []
    for way in WAYS:
        with solved(way):
            results.append(train(paths, states=8, order=order))

    for name in NUMBERS:
        digits = 1e-5 if name == "standard_errors" else 1e-11
        for other in results[1:]:
            assert getattr(other, name) == pytest.approx(getattr(results[0], name), rel=digits)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", ["1", "2"])
def test_another_process_gets_the_same_bytes(way, threads):
    program = (
        "import hashlib; from attribution.engine.markov import ORDERS, train;"
        "from attribution.engine.paths import Paths; from tests.attribution.engine.chains import generated, solved;"
        "from tests.attribution.engine.test_markov_invariance import as_bytes;"
        "paths = Paths.aggregate(**generated(3_000, states=8, mean=5, seed=7));"
        f"way = solved({way!r}); way.__enter__();"
        "print([hashlib.sha256(b''.join(as_bytes(train(paths, states=8, order=k)))).hexdigest() for k in ORDERS])"
    )
    root = Path(__file__).resolve().parents[3]
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"OPENBLAS_NUM_THREADS": count, "PYTHONHASHSEED": count},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in ("1", threads)
    ]
    assert printed[0] == printed[1] != ""
