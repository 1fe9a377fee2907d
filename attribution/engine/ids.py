"""Ids that follow from what a row is, so that doing the same work twice makes the same rows.

The layout is UUID version 7 (RFC 9562): 48 bits of milliseconds, then 74 bits that elsewhere would
be random. Here they are two lanes of the splitmix64 finaliser (Steele, Lea, Flood 2014), chained over
the words that identify the row. It spreads bits as well as chance would, but keeps no secret: whoever
chooses the words freely can make two ids meet.
"""

import hashlib
import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEPS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT = np.uint64(31)
# The first digits of the square roots of 2 and 3: nothing up the sleeve.
_SEED_A, _SEED_B = 0x6A09E667F3BCC908, 0xBB67AE8584CAA73B

_VERSION_7 = np.uint64(0x7 << 12)
_VARIANT_RFC = np.uint64(0b10 << 62)
# Rows at a time, so that the lanes stay in the processor's cache.
_BLOCK = 16_384


def uuid7_from(milliseconds: NDArray[np.int64], *words: Words | np.uint64) -> NDArray[np.uint8]:
    """(n, 16) uint8, the bytes of one UUIDv7 a row.

    milliseconds: (n,) int64 since 1970, below 2**48. words: (n,) uint64 each, or one value for all
    rows; their order matters. Raises ValueError for times outside the range.
    """
    if milliseconds.size and (milliseconds.min() < 0 or milliseconds.max() >= 2**48):
        raise ValueError("Milliseconds must fit 48 bits.")
    times = milliseconds.astype(np.uint64)
    columns = [np.broadcast_to(np.asarray(word, dtype=np.uint64), times.shape) for word in words]
    halves = np.empty((times.size, 2), dtype=">u8")
    for begin in range(0, times.size, _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        block = [column[rows] for column in columns]
        lane_a, lane_b = _lane(_SEED_A, block, times[rows]), _lane(_SEED_B, block, times[rows])
        halves[rows, 0] = (times[rows] << np.uint64(16)) | _VERSION_7 | (lane_a >> np.uint64(52))
        halves[rows, 1] = _VARIANT_RFC | (lane_b >> np.uint64(2))
    return halves.view(np.uint8).reshape(times.size, 16)


def _lane(seed: int, words: list[Words], times: Words) -> Words:
    state = _mixed(times ^ np.uint64(seed))
    for word in words:
        state ^= word
        state = _mixed(state)
    return state


def _mixed(state: Words) -> Words:
    """The next output of splitmix64 for this state; may overwrite it."""
    state += _GOLDEN
    for shift, multiplier in _STEPS:
        state ^= state >> shift
        state *= multiplier
    state ^= state >> _LAST_SHIFT
    return state


def words_of(ids: NDArray[np.uint8]) -> tuple[Words, Words]:
    """The two halves, each (n,) uint64, of n ids given as (n, 16) uint8."""
    if ids.ndim != 2 or ids.shape[1] != 16 or ids.dtype != np.uint8:
        raise ValueError("Ids must be rows of 16 bytes.")
    halves = np.ascontiguousarray(ids).view(">u8").astype(np.uint64)
    return halves[:, 0], halves[:, 1]


def word_of_text(text: str) -> np.uint64:
    """A 64-bit word that stands for a name or an id of another system (BLAKE2b)."""
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


def bytes_of(ids: Sequence[uuid.UUID]) -> NDArray[np.uint8]:
    """(n, 16) uint8 of n UUIDs."""
    return np.frombuffer(b"".join(each.bytes for each in ids), dtype=np.uint8).reshape(-1, 16)


def uuid_of(row: NDArray[np.uint8]) -> uuid.UUID:
    """The UUID of one row of 16 bytes."""
    return uuid.UUID(bytes=row.tobytes())
