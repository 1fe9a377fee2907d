"""The line that a row is stored by, and the id that follows from it.

The same row gives the same id wherever and whenever it is read again. That is what makes an import
repeatable: what an earlier run has stored collides with itself and is left alone.
"""

import binascii
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# No checked text holds a control character, so with these marks nothing needs quoting, here or in COPY.
SEPARATOR = "\x1f"
DIGEST_BYTES = 10
SAID_TWICE = "already given by an earlier row, with other content"


@dataclass
class Lines:
    """Good rows as the lines of a COPY, in the order of their ids, each once."""

    texts: pa.Array
    rows: np.ndarray
    times: np.ndarray
    duplicates: int
    own_keys: tuple[str, ...]

    def __len__(self):
        return len(self.rows)

    def data(self, numbered=False):
        """The bytes to send; `numbered` lines begin with their row's number in the file."""
        texts = self.texts
        if numbered:
            texts = pc.binary_join_element_wise(pa.array(self.rows).cast(pa.string()), texts, SEPARATOR)
        if not len(texts):
            return b""
        offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :]
        return memoryview(texts.buffers()[2])[offsets[0] : offsets[len(texts)]]


def lines_of(batch, kind, stamp):
    """The batch's good rows. A key of its own that is used twice for different things is a problem noted."""
    good = pa.array(batch.is_good)
    places = np.flatnonzero(batch.is_good)
    own_keys = tuple(key for key in kind.own_keys if key in batch.fields)
    contents = joined(*(batch[name].filter(good) for name in kind.fields if name != "id"))
    content_digests = digests(pc.ascii_rtrim(contents, SEPARATOR))
    identities = content_digests
    if own_keys:
        names = (joined(pa.scalar(key), batch[key].filter(good), keep_nulls=True) for key in own_keys)
        identities = digests(pc.coalesce(*names, contents))
    later, differing = repeats(identities, content_digests)
    for key in reversed(own_keys):
        named = places[differing & ~batch[key].filter(good).is_null().to_numpy(zero_copy_only=False)]
        batch.reject(key, np.isin(np.arange(len(batch)), named), SAID_TWICE)
        differing &= ~np.isin(places, named)
    times = batch[kind.time].filter(good).cast(pa.int64()).to_numpy()
    ids = uuids7(times // 1000, identities)
    if "id" in own_keys:
        put_own(ids, batch["id"].filter(good))
    kept = np.flatnonzero(~later)
    order = kept[np.lexsort(ids[kept].view(">u8").T[::-1])]
    noted = [batch[name].filter(good) for name in kind.noted]
    stamps = [pa.scalar(stamp)] * len(kind.stamps)
    texts = pc.binary_join_element_wise(joined(hexadecimal(ids), contents, *noted, *stamps), "", "\n")
    rejected = int((~batch.is_good[places]).sum())
    duplicates = int(later.sum()) - rejected
    return Lines(texts.take(pa.array(order)), batch.rows[places[order]], times[order], duplicates, own_keys)


def joined(*columns, keep_nulls=False):
    texts = [column.cast(pa.string()) for column in columns]
    if keep_nulls:
        return pc.binary_join_element_wise(*texts, SEPARATOR)
    return pc.binary_join_element_wise(*texts, SEPARATOR, null_handling="replace", null_replacement="")


def digests(texts):
    """Ten bytes for each text."""
    found = b"".join([blake2b(text, digest_size=DIGEST_BYTES).digest() for text in texts.cast(pa.binary()).to_pylist()])
    return np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES)


def repeats(identities, contents):
    """Which rows repeat an earlier one's identity, and which of those say something else than it."""
    high = np.ascontiguousarray(identities[:, :8]).view(np.uint64).ravel()
    low = np.ascontiguousarray(identities[:, 8:]).view(np.uint16).ravel()
    order = np.lexsort((low, high))  # stable: of equal ones the earlier row comes first
    same = np.zeros(len(order), bool)
    same[1:] = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
    firsts = order[np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))] if len(order) else order
    later, differing = np.zeros(len(order), bool), np.zeros(len(order), bool)
    later[order] = same
    differing[order] = (contents[order] != contents[firsts]).any(axis=1)
    return later, differing


def uuids7(milliseconds, identities):
    """UUIDs of version 7: the row's own time, then 74 bits of its hash."""
    ids = np.empty((len(identities), 16), np.uint8)
    ids[:, :6] = milliseconds.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    ids[:, 6:] = identities
    ids[:, 6] = ids[:, 6] & 0x0F | 0x70
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def put_own(ids, own):
    """Write the ids that the file gave over the made ones."""
    given = own.is_valid().to_numpy(zero_copy_only=False)
    ids[given] = np.frombuffer(binascii.unhexlify("".join(own.drop_null().to_pylist())), np.uint8).reshape(-1, 16)


def hexadecimal(ids):
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(binascii.hexlify(ids.tobytes())))
