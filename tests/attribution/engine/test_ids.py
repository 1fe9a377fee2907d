import uuid

import numpy as np
import pytest

from attribution.engine import ids

NOW = 1_795_000_000_123


def random_words(rows, columns, seed=1):
    return np.random.default_rng(seed).integers(0, 2**64, (columns, rows), dtype=np.uint64)


def test_an_id_is_a_version_7_uuid_with_its_milliseconds_in_front():
    times = np.array([0, NOW, 2**48 - 1])

    made = [ids.uuid_of(row) for row in ids.uuid7_from(times, *random_words(3, 2))]

    assert [each.version for each in made] == [7, 7, 7]
    assert {each.variant for each in made} == {uuid.RFC_4122}
    assert [each.int >> 80 for each in made] == times.tolist()


def test_the_same_row_gets_the_same_id_alone_or_among_many():
    times, words = NOW + np.arange(40_000), random_words(40_000, 3)

    together = ids.uuid7_from(times, *words)

    assert np.array_equal(ids.uuid7_from(times, *words), together)
    for row in (0, 16_383, 16_384, 39_999):
        assert np.array_equal(ids.uuid7_from(times[[row]], *words[:, [row]])[0], together[row])


def test_the_layout_will_not_change_under_stored_rows():
    words = [np.array([word], dtype=np.uint64) for word in (1, 2**64 - 1)]

    made = ids.uuid7_from(np.array([NOW]), *words, ids.word_of_text("linear"))

    assert str(ids.uuid_of(made[0])) == "01a1ee56-5e7b-732f-a69c-2e184a9d21bf"


def test_a_million_ids_of_one_millisecond_are_distinct():
    words = np.arange(1_000_000, dtype=np.uint64)

    made = ids.uuid7_from(np.full(1_000_000, NOW), words, ids.word_of_text("linear"))

    assert len(np.unique(made.view("V16"))) == 1_000_000


def test_every_bit_of_every_word_counts():
    base = [np.zeros(1, dtype=np.uint64)] * 3
    made = {ids.uuid7_from(np.array([NOW]), *base).tobytes()}
    for column in range(3):
        for bit in range(64):
            words = list(base)
            words[column] = np.array([1 << bit], dtype=np.uint64)
            made.add(ids.uuid7_from(np.array([NOW]), *words).tobytes())

    assert len(made) == 1 + 3 * 64


def test_one_changed_bit_changes_about_half_of_the_others():
    words = random_words(5000, 2)
    changed = words ^ np.array([[0], [1]], dtype=np.uint64)

    before, after = (ids.uuid7_from(np.full(5000, NOW), *each) for each in (words, changed))

    flips = np.unpackbits(before ^ after, axis=1).mean(axis=0)
    chance = np.delete(flips, [*range(52), 64, 65])
    assert chance.size == 74
    assert ((chance > 0.45) & (chance < 0.55)).all()


def test_the_order_of_the_words_matters():
    one, other = random_words(1, 2)

    assert not np.array_equal(ids.uuid7_from(np.array([NOW]), one, other), ids.uuid7_from(np.array([NOW]), other, one))


def test_a_word_may_stand_for_all_rows():
    words, model = random_words(3, 1)[0], ids.word_of_text("linear")

    assert np.array_equal(
        ids.uuid7_from(np.full(3, NOW), words, model),
        ids.uuid7_from(np.full(3, NOW), words, np.full(3, model)),
    )


@pytest.mark.parametrize("milliseconds", [-1, 2**48])
def test_a_time_that_does_not_fit_is_refused(milliseconds):
    with pytest.raises(ValueError, match="48 bits"):
        ids.uuid7_from(np.array([milliseconds]))


def test_uuids_become_words_and_come_back():
    originals = [uuid.uuid4() for _ in range(5)]

    rows = ids.bytes_of(originals)
    high, low = ids.words_of(rows)

    assert [ids.uuid_of(row) for row in rows] == originals
    assert [(int(front) << 64) | int(back) for front, back in zip(high, low, strict=True)] == [
        each.int for each in originals
    ]
    assert ids.bytes_of([]).shape == (0, 16)


def test_rows_that_are_not_sixteen_bytes_are_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        ids.words_of(np.zeros((2, 8), dtype=np.uint8))


def test_no_ids_are_made_of_no_rows():
    assert ids.uuid7_from(np.array([], dtype=np.int64)).shape == (0, 16)
