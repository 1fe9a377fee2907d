"""Quotes: what stands within a cell's quotes is never a row, however long the cell is."""

import time

import pytest

from tests.touchpoints.test_import_bad_input import rejected, run
from touchpoints.models import Touchpoint

HEAD = "lead_id,channel,timestamp,source,note"
WHEN = "email,2026-07-01T00:00:00Z"
PHANTOM = f"phantom,{WHEN},x,y"
INSIDE = "\n".join([PHANTOM] * 110)
LIMITED = "touchpoints.importing.csv_file.MAX_LINE"


@pytest.fixture
def path(tmp_path, db):
    return tmp_path / "touches.csv"


def leads():
    return sorted(Touchpoint.objects.values_list("lead_id", flat=True))


def write(path, *rows):
    path.write_bytes("\n".join([HEAD, f"first,{WHEN},x,y", *rows, f"last,{WHEN},x,y", ""]).encode())


@pytest.mark.parametrize("chunk_bytes", [50, 1000, 1 << 20])
def test_a_long_quoted_cell_of_a_column_that_is_stored_rejects_its_row_alone(path, chunk_bytes):
    write(path, f'long,{WHEN},"{INSIDE}",y')
    summary = run(path, chunk_bytes=chunk_bytes)
    assert (summary.read, summary.stored, leads()) == (3, 2, ["first", "last"])
    assert [(row, column) for row, column, *_ in rejected(path)] == [("3", "source")]


@pytest.mark.parametrize("chunk_bytes", [50, 1000, 1 << 20])
def test_a_row_with_a_long_quoted_cell_in_a_column_left_alone_is_stored(path, chunk_bytes):
    write(path, f'long,{WHEN},x,"{INSIDE}"')
    assert run(path, chunk_bytes=chunk_bytes).rejected == 0
    assert leads() == ["first", "last", "long"]


def test_a_row_of_the_wrong_width_takes_the_lines_within_its_quotes_along(path):
    write(path, f'long,{WHEN},"{PHANTOM}\n{PHANTOM}\n"')
    run(path)
    assert leads() == ["first", "last"]
    reason = "4 cells where the header has 5; quotes make lines 3 to 5 one row"
    assert [(row, told) for row, _, _, told in rejected(path)] == [("3", reason)]


def test_a_quoted_cell_that_a_chunk_ends_in_is_not_taken_for_closed(path):
    write(path, f'x",{WHEN},x,y', f'long,{WHEN},x,"open', PHANTOM, 'end"')
    for chunk_bytes in range(60, 300, 7):
        run(path, chunk_bytes=chunk_bytes)
    assert leads() == ["first", "last", "long", 'x"']


def test_200_000_line_breaks_in_a_cell_take_seconds(path):
    write(path, f'long,{WHEN},"' + "a\n" * 200_000 + '",y')
    began = time.monotonic()
    summary = run(path, chunk_bytes=10_000)
    assert time.monotonic() - began < 5
    assert (summary.rejected, leads()) == (1, ["first", "last"])


@pytest.mark.parametrize("chunk_bytes", [1, 100, 4096, 1 << 20])
@pytest.mark.parametrize("cell", [INSIDE, INSIDE.replace("x", '""x""'), "z" * 3000 + "\n" + PHANTOM + "\n"])
def test_a_row_over_the_limit_is_one_rejected_row_and_reading_goes_on_after_its_quote(
    path, monkeypatch, cell, chunk_bytes
):
    monkeypatch.setattr(LIMITED, 2000)
    write(path, f'long,{WHEN},"{cell}",y')
    summary = run(path, chunk_bytes=chunk_bytes)
    assert (summary.read, summary.stored, leads()) == (3, 2, ["first", "last"])
    assert [row for row, *_ in rejected(path)] == ["3"]


def test_rows_after_one_over_the_limit_keep_their_line_numbers(path, monkeypatch):
    monkeypatch.setattr(LIMITED, 2000)
    write(path, f'long,{WHEN},"{INSIDE}",y', "bad")
    run(path, chunk_bytes=100)
    assert [row for row, *_ in rejected(path)] == ["3", "113"]
    assert rejected(path)[0][3] == "a row longer than 0 MB, lines 3 to 112"


def test_a_quote_still_open_at_the_limit_and_never_closed_tells_which_lines_were_not_read(path, monkeypatch):
    monkeypatch.setattr(LIMITED, 2000)
    write(path, f'long,{WHEN},"{INSIDE}')
    run(path, chunk_bytes=100)
    assert leads() == ["first"]
    reason = "the quote opened on line 3 is never closed; lines 3 to 113 were not read"
    assert [(row, told) for row, _, _, told in rejected(path)] == [("3", reason)]
