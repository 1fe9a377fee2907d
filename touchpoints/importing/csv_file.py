"""Csv, a few megabytes at a time, nothing guessed: every cell stays the bytes that it is."""

import csv
import gzip
import io
import re
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.csv

from touchpoints.importing.chunks import Chunk, Malformed, Unreadable

CHUNK_BYTES = 4 << 20
MAX_LINE = 32 << 20
LONGEST_HEADER = 100_000
HEADER_BYTES = 1 << 16
CELL_IS_OPEN = "unexpected end of data"
CELL_IS_TOO_LONG = "field larger than field limit"
DATA_CUT_OFF = (EOFError, zlib.error, gzip.BadGzipFile)


class CsvFile:
    """Blocks of whole lines, parsed by Arrow; by the csv module wherever the quotes leave room for doubt.

    A row's number is the line that it begins on, so an editor's "go to line" finds it.
    """

    unit = "B"
    rows_are = "line"

    def __init__(self, raw, stream, delimiter, chunk_bytes):
        self.raw, self.stream, self.delimiter, self.chunk_bytes = raw, stream, delimiter, chunk_bytes
        self.size = raw.seek(0, 2)
        raw.seek(0)
        self.line = 1
        self.held = b""
        self.damage = None
        self.header = self._read_header()

    @property
    def position(self):
        return self.raw.tell()

    def _read(self, size):
        """The next piece. What comes before damage is still given; only then is it an error."""
        pieces, missing = [], size
        try:
            while missing > 0 and not self.damage and (piece := self.stream.read1(missing)):
                pieces.append(piece)
                missing -= len(piece)
        except DATA_CUT_OFF as error:
            self.damage = error
        if self.damage and not pieces:
            raise Unreadable(
                f"From line {self.line:,} on the file cannot be read: its compressed data is damaged or cut off."
            ) from self.damage
        return b"".join(pieces)

    def _read_header(self):
        line = self._read_line().removeprefix(b"\xef\xbb\xbf")
        if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise Unreadable("The file is in UTF-16; save it as UTF-8.")
        while line and not line.strip():
            line = self._read_line()
        line = line.rstrip(b"\r\n")
        if not line:
            raise Unreadable("The file is empty: it has no header.")
        if b"\0" in line or len(line) > LONGEST_HEADER:
            raise Unreadable("This is no csv file: it does not begin with a line of column names.")
        if b"\r" in line:
            raise Unreadable("Lines end in CR alone; save the file with LF or CRLF line ends.")
        return [name.strip() for name in next(self._reader([line.decode(errors="replace")], strict=False))]

    def _read_line(self):
        """The next line with its end; nothing at the end of the file."""
        while (cut := self.held.find(b"\n") + 1) == 0 and len(self.held) <= LONGEST_HEADER:
            if not (more := self._read(min(HEADER_BYTES, self.chunk_bytes))):
                cut = len(self.held)
                break
            self.held += more
        line, self.held, self.line = self.held[:cut], self.held[cut:], self.line + 1
        return line or self.held

    def _reader(self, lines, strict=True):
        csv.field_size_limit(MAX_LINE)
        return csv.reader(lines, delimiter=self.delimiter, strict=strict)

    def chunks(self, columns):
        places = [self.header.index(name) for name in columns]
        at_end = False
        while self.held or not at_end:
            # A row that takes several reads is looked at again after each: twice as much each time keeps that linear.
            more = self._read(max(self.chunk_bytes, min(len(self.held), MAX_LINE - len(self.held))))
            at_end = not more
            self.held += more
            cut = len(self.held) if at_end else self.held.rfind(b"\n") + 1
            block, self.held = self.held[:cut], self.held[cut:]
            if block:
                yield self._parse(block, columns, places, at_end)
            if len(self.held) > MAX_LINE:
                yield self._skip_row(columns)

    def _skip_row(self, columns):
        """Past a row too long to hold, to where its last quote closes: nothing within the quotes is a row."""
        first, text, row = self.line, self.held[:200].decode(errors="replace"), RowEnd(self.delimiter)
        ends_in = b""
        while (end := row.find(self.held)) is None:
            skipped = self.held[: len(self.held) - row.kept]
            self.line += skipped.count(b"\n")
            ends_in = skipped[-1:] or ends_in
            more = self._read(self.chunk_bytes)
            if not more:
                end, self.held = 0, b""
                self.line += ends_in != b"\n" or row.kept
                break
            self.held = self.held[len(skipped) :] + more
        self.line += self.held[:end].count(b"\n")
        self.held = self.held[end:]
        reason = row.reason(first, self.line - 1)
        nothing = {name: pa.array([], pa.binary()) for name in columns}
        return Chunk(nothing, np.array([], np.int64), [Malformed(first, text, reason)])

    def _parse(self, block, columns, places, at_end):
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if not self._is_plain(block):
            return self._parse_carefully(block, columns, places, at_end)
        try:
            table = self._parse_by_arrow(block, places)
        except pa.ArrowInvalid:
            return self._parse_carefully(block, columns, places, at_end)
        # Fewer rows than lines: some cell holds a line break, or a quote was left open.
        if table.num_rows != lines:
            return self._parse_carefully(block, columns, places, at_end)
        numbers = np.arange(self.line, self.line + lines)
        self.line += lines
        cells = {name: _one_array(table.column(str(place))) for name, place in zip(columns, places, strict=True)}
        return Chunk(cells, numbers)

    def _wrong_width(self, width, first, last):
        reason = f"{width} cells where the header has {len(self.header)}"
        return reason if first == last else f"{reason}; quotes make lines {first:,} to {last:,} one row"

    def _is_plain(self, block):
        """No empty lines; quotes open a cell and close one in turn, or are doubled, and none is left open."""
        if block[:1] in b"\r\n" or b"\n\n" in block or b"\n\r" in block:
            return False
        data = np.frombuffer(b"\n" + block + b"\n", np.uint8)
        quotes = np.flatnonzero(data == ord('"'))
        if quotes.size % 2:
            return False
        opening, closing = np.zeros(256, bool), np.zeros(256, bool)
        opening[list(b'\n"' + self.delimiter.encode())] = True
        closing[list(b'\r\n"' + self.delimiter.encode())] = True
        well_placed = opening[data[quotes[::2] - 1]].all() and closing[data[quotes[1::2] + 1]].all()
        return bool(well_placed)

    def _parse_by_arrow(self, block, places):
        names = [str(place) for place in range(len(self.header))]
        wanted = list(dict.fromkeys(str(place) for place in places))
        return pa.csv.read_csv(
            pa.py_buffer(block),
            read_options=pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
            parse_options=pa.csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(names, pa.binary()), null_values=[]
            ),
        )

    def _parse_carefully(self, block, columns, places, at_end):
        """Record by record. A quote that never closes costs its own line, not the ones after it.

        That it never closes is known only at the file's end; until then its row waits for more, up to MAX_LINE.
        """
        source, cells, numbers, malformed, start = io.BytesIO(block), [], [], [], 0
        while start < len(block):
            first = source.readline()
            source.seek(start)
            reader, reason = self._reader(line.decode("latin-1") for line in source), None
            try:
                record = next(reader)
            except csv.Error as error:
                if (str(error) == CELL_IS_OPEN and not at_end) or str(error).startswith(CELL_IS_TOO_LONG):
                    break
                record, reason = [], f"not well-formed csv ({error})"
                source.seek(start + len(first))
            taken = 1 if reason else reader.line_num
            if record and len(record) != len(self.header) and first.strip():
                reason = self._wrong_width(len(record), self.line, self.line + taken - 1)
            if reason:
                malformed.append(Malformed(self.line, first.decode(errors="replace").rstrip(), reason))
            elif len(record) == len(self.header):
                cells.append([record[place].encode("latin-1") for place in places])
                numbers.append(self.line)
            start, self.line = source.tell(), self.line + taken
        self.held = block[start:] + self.held
        by_column = zip(*cells, strict=True) if cells else [[]] * len(columns)
        arrays = [pa.array(values, pa.binary()) for values in by_column]
        return Chunk(dict(zip(columns, arrays, strict=True)), np.array(numbers, np.int64), malformed)


class RowEnd:
    """Looks for the end of one row, piece by piece; remembers whether it is within quotes and holds no text."""

    QUOTED = re.compile(rb'(?:[^"]++|"")*+')

    def __init__(self, delimiter):
        self.delimiter = delimiter.encode()
        mark = re.escape(self.delimiter)
        self.cells = re.compile(rb'(?:(?:[^"\n' + mark + rb"][^\n" + mark + rb"]*+)?+" + mark + rb")*+")
        self.rest_of_cell = re.compile(rb"[^\n" + mark + rb"]*+")
        self.state, self.closed_badly, self.kept = "before a cell", False, 0

    def find(self, piece):
        """Where the row ends in the piece; None if beyond it. The last `kept` bytes are to be given again."""
        at, self.kept = 0, 0
        while at < len(piece):
            if self.state == "quoted":
                at = _past(self.QUOTED, piece, at)
                if at == len(piece) - 1:
                    self.kept = 1  # what follows tells whether this quote closes
                    return None
                if at < len(piece):
                    self.state = "in a cell"
                    self.closed_badly |= piece[at + 1 : at + 2] not in (self.delimiter, b"\r", b"\n")
                    at += 1
            elif self.closed_badly:
                return piece.find(b"\n", at) + 1 or None
            elif self.state == "in a cell":
                at = _past(self.rest_of_cell, piece, at)
                if piece[at : at + 1] == b"\n":
                    return at + 1
                if at < len(piece):
                    at, self.state = at + 1, "before a cell"
            else:
                at = _past(self.cells, piece, at)
                if at < len(piece):
                    self.state = "quoted" if piece[at : at + 1] == b'"' else "in a cell"
                    at += self.state == "quoted"
        return None

    def reason(self, first, last):
        if self.state == "quoted" and not self.kept:
            return f"the quote opened on line {first:,} is never closed; lines {first:,} to {last:,} were not read"
        if self.closed_badly:
            return f"not well-formed csv (a quote within a cell); lines {first:,} to {last:,} were not read"
        if first < last:
            return f"a row longer than {MAX_LINE >> 20} MB, lines {first:,} to {last:,}"
        return f"the line is longer than {MAX_LINE >> 20} MB"


def _one_array(column):
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _past(pattern, piece, at):
    """Where a run of such bytes ends; each of the patterns also fits nothing at all."""
    match = pattern.match(piece, at)
    assert match is not None
    return match.end()
