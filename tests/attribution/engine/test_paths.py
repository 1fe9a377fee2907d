"""Counted paths: equal ones are one, and nothing about how they came changes a byte."""

import hashlib
import struct
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine.paths import Paths
from tests.attribution.engine.chains import flat, generated, paths_of, rows, rows_of

NAMES = ["direct", "e-mail", "paid > search", "Ünique", "broker"]
AMOUNTS = (1, 0, 0, 3, 5, 0)
FIELDS = ("offsets", "states", "conversions", "nulls", "values")


def as_bytes(paths):
    return [getattr(paths, name).tobytes() for name in FIELDS]


def part_of(raw, begin, end):
    first, last = raw["offsets"][[begin, end]]
    amounts = {name: raw[name][begin:end] for name in FIELDS[2:]}
    return {"offsets": raw["offsets"][begin : end + 1] - first, "states": raw["states"][first:last], **amounts}


@given(rows)
def test_equal_paths_are_added_up(drawn):
    expected = defaultdict(lambda: [0, 0, 0])
    for path, *amounts in drawn:
        expected[path] = [before + more for before, more in zip(expected[path], amounts, strict=True)]

    found = rows_of(paths_of(drawn))

    assert len(found) == len(expected)
    assert {path: amounts for path, *amounts in found} == expected


@given(st.data(), rows)
def test_the_order_of_rows_changes_no_byte(data, drawn):
    shuffled = data.draw(st.permutations(drawn))

    assert as_bytes(paths_of(shuffled)) == as_bytes(paths_of(drawn))
    assert paths_of(shuffled).digest(NAMES) == paths_of(drawn).digest(NAMES)


@given(st.data(), rows)
def test_the_order_of_rows_changes_no_byte_of_fractions_either(data, drawn):
    third = [(path, conversions / 3, nulls / 7, value / 9) for path, conversions, nulls, value in drawn * 3]

    assert as_bytes(paths_of(data.draw(st.permutations(third)))) == as_bytes(paths_of(third))


@pytest.mark.parametrize("shards", [1, 2, 7, 64])
def test_shards_merged_are_the_whole(shards):
    raw = generated(30_000, states=40, mean=4, seed=1)
    whole = Paths.aggregate(**raw)
    bounds = np.linspace(0, 30_000, shards + 1).astype(int)

    parts = [Paths.aggregate(**part_of(raw, begin, end)) for begin, end in pairwise(bounds)]

    assert as_bytes(Paths.merged(parts[::-1])) == as_bytes(whole)


def test_another_process_makes_the_same_digest():
    program = (
        "from attribution.engine.paths import Paths; from tests.attribution.engine.chains import generated;"
        "paths = Paths.aggregate(**generated(5_000, states=40, mean=4, seed=1));"
        "print(paths.digest([f'state {code}' for code in range(40)]))"
    )
    root = Path(__file__).resolve().parents[3]
    printed = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    paths = Paths.aggregate(**generated(5_000, states=40, mean=4, seed=1))
    assert printed.stdout.strip() == paths.digest([f"state {code}" for code in range(40)])


@given(st.permutations(range(5)), rows)
def test_the_digest_knows_names_and_not_codes(recoded, drawn):
    moved = [(tuple(recoded[code] for code in path), *amounts) for path, *amounts in drawn]
    names = [None] * 5
    for code, name in enumerate(NAMES):
        names[recoded[code]] = name

    assert paths_of(moved).digest(names) == paths_of(drawn).digest(NAMES)


@pytest.mark.parametrize(
    "other",
    [
        [((0, 1), 1, 0, 5), ((2,), 0, 4, 0)],
        [((0, 1), 1, 0, 6), ((2,), 0, 3, 0)],
        [((0, 1), 2, 0, 5), ((2,), 0, 3, 0)],
        [((1, 0), 1, 0, 5), ((2,), 0, 3, 0)],
        [((0,), 1, 0, 5), ((1, 2), 0, 3, 0)],
        [((0, 1), 1, 0, 5), ((3,), 0, 3, 0)],
    ],
)
def test_other_data_has_another_digest(other):
    assert paths_of(other).digest(NAMES) != paths_of([((0, 1), 1, 0, 5), ((2,), 0, 3, 0)]).digest(NAMES)


def test_a_digest_stays_what_it_is():
    # Trained versions are stored with it: names in order, then where paths begin, their states and their amounts.
    paths = paths_of([((0, 1), 1, 0, 5), ((2,), 0, 3, 0)])
    told = b'["paths 1", ["direct", "e-mail", "paid > search"]]' + struct.pack("<3q3i6d", 0, 2, 3, 0, 1, 2, *AMOUNTS)
    assert paths.digest(NAMES) == hashlib.sha256(told).hexdigest()


def test_a_digest_needs_a_name_of_its_own_for_every_state():
    paths = paths_of([((0, 2), 1, 0, 5)])
    assert paths.digest(["a", "unused", "b"]) == paths.digest(["a", "a", "b"])
    for names in (["a", "b"], ["a", "b", "a"]):
        with pytest.raises(ValueError, match="state"):
            paths.digest(names)


def test_long_paths_and_large_codes_keep_one_order():
    journeys = [(7,) * 500, (7,) * 499 + (8,), (2**31 - 2,), (0,), (7,) * 500, (2**31 - 2, 0)]
    amounts = {name: np.ones(6) for name in FIELDS[2:]}

    paths = Paths.aggregate(*flat(journeys), **amounts)

    assert sorted(path for path, *_ in rows_of(paths)) == sorted(set(journeys))
    assert as_bytes(Paths.aggregate(*flat(journeys[::-1]), **amounts)) == as_bytes(paths)


def test_no_journeys_are_no_paths():
    nothing = paths_of([])
    assert (nothing.count, nothing.touches) == (0, 0)
    assert Paths.merged([]).count == Paths.merged([nothing, nothing]).count == 0
    assert nothing.digest([]) == Paths.merged([nothing]).digest(NAMES)


@pytest.mark.parametrize("name", ["conversions", "nulls", "values"])
@pytest.mark.parametrize("wrong", [-1.0, -1e-300, np.nan, np.inf, -np.inf])
def test_an_amount_that_is_none_is_refused(name, wrong):
    amounts = {"conversions": [1.0, 1.0], "nulls": [1.0, 1.0], "values": [1.0, 1.0], name: [1.0, wrong]}
    with pytest.raises(ValueError, match=name):
        Paths.aggregate(*flat([(0,), (0,)]), **amounts)


@pytest.mark.parametrize(
    ("offsets", "states", "match"),
    [
        ([0, 1, 1], [0], "at least one touch"),
        ([0, 2], [0], "offsets"),
        ([1, 2], [0, 0], "offsets"),
        ([], [], "offsets"),
        ([0, 2, 1, 3], [0, 0, 0], "offsets"),
        ([0, 1], [-1], "codes"),
    ],
)
def test_a_layout_that_is_none_is_refused(offsets, states, match):
    count = max(len(offsets) - 1, 0)
    amounts = dict.fromkeys(FIELDS[2:], np.ones(count))
    with pytest.raises(ValueError, match=match):
        Paths.aggregate(np.array(offsets, dtype=np.int64), np.array(states, dtype=np.int32), **amounts)


def test_amounts_of_another_length_or_dtype_and_value_from_nowhere_are_refused():
    offsets, states = flat([(0,), (1,)])
    with pytest.raises(ValueError, match="nulls must have one entry a path"):
        Paths.aggregate(offsets, states, conversions=[1, 1], nulls=[1], values=[0, 0])
    with pytest.raises(ValueError, match="without conversions"):
        Paths.aggregate(offsets, states, conversions=[1, 0], nulls=[0, 1], values=[1, 1])
    with pytest.raises(TypeError, match="states"):
        Paths.aggregate(offsets, states.astype(np.int64), conversions=[1, 1], nulls=[1, 1], values=[0, 0])
    with pytest.raises(TypeError, match="conversions"):
        Paths(offsets, states, np.ones(2, dtype=np.int64), np.ones(2), np.ones(2))
