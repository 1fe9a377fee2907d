"""A file by what is in it, whatever its name says: csv, csv.gz or parquet."""

import gzip

from touchpoints.importing.chunks import Unreadable
from touchpoints.importing.csv_file import CHUNK_BYTES, CsvFile
from touchpoints.importing.parquet_file import ParquetFile


def open_file(path, delimiter=",", chunk_bytes=CHUNK_BYTES):
    try:
        raw = open(path, "rb")  # noqa: SIM115 (it stays open while it is read)
        start = raw.read(4)
        raw.seek(0)
    except OSError as error:
        raise Unreadable(f"{path} cannot be opened: {error.strerror}.") from error
    if start == b"PAR1":
        return ParquetFile(raw)
    stream = gzip.GzipFile(fileobj=raw) if start[:2] == b"\x1f\x8b" else raw
    return CsvFile(raw, stream, delimiter, chunk_bytes)
