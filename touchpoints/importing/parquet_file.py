"""Parquet, by batches of rows. Numbers become text, so that every check sees what a csv would have shown."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from touchpoints.importing.chunks import Chunk, Unreadable

CHUNK_ROWS = 50_000


class ParquetFile:
    unit = "row"
    rows_are = "data row"

    def __init__(self, raw):
        try:
            self.file = pa.parquet.ParquetFile(raw, pre_buffer=False, buffer_size=1 << 20)
        except pa.ArrowException as error:
            raise Unreadable(f"This is not a sound parquet file: {error}.") from error
        self.header = self.file.schema_arrow.names
        self.size = self.file.metadata.num_rows
        self.position = 0

    def chunks(self, columns):
        batches = self.file.iter_batches(batch_size=CHUNK_ROWS, columns=columns)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise Unreadable(f"After row {self.position:,} the file cannot be read: {error}.") from error
            if batch is None:
                return
            first = self.position + 1
            self.position += batch.num_rows
            texts = {name: as_text(batch.column(name), name) for name in columns}
            yield Chunk(texts, np.arange(first, first + batch.num_rows))


def as_text(array, name):
    """The column as text; times stay times."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_binary(kind):
        return array
    if pa.types.is_large_binary(kind):
        return array.cast(pa.binary())
    if pa.types.is_decimal(kind):
        return pa.array([None if amount is None else plain(amount) for amount in array.to_pylist()], pa.string())
    if kind == pa.binary(16):
        return pa.array([None if key is None else key.hex() for key in array.to_pylist()], pa.string())
    if pa.types.is_floating(kind):
        raise Unreadable(
            f"Column {name} holds floating-point numbers, which cannot keep cents or ids exactly. "
            "Store it as decimal, integer or text."
        )
    if pa.types.is_nested(kind) or pa.types.is_temporal(kind):
        raise Unreadable(f"Column {name} is of type {kind}; text, numbers and timestamps are understood.")
    return array.cast(pa.string())


def plain(amount):
    """1500.0000 of a decimal(18, 4) column is 1500.00 and nothing finer."""
    return format(amount.normalize(), "f")
