"""Bad rows: each is named by line, column and reason; none costs a good row."""

import csv

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.factories import PartnerFactory
from touchpoints.importing.mapping import Mapping
from touchpoints.importing.running import Options, import_file
from touchpoints.importing.touchpoints import TOUCHPOINTS
from touchpoints.models import Touchpoint

HEAD = "lead_id,channel,timestamp,source,partner_id,broker_id,click_ids,id"
GOOD = {"lead_id": "good", "channel": "email", "timestamp": "2026-07-01T00:00:00Z"}


@pytest.fixture
def path(tmp_path, db):
    PartnerFactory(id="partner-abc")
    return tmp_path / "touches.csv"


def line(**cells):
    names = HEAD.split(",")
    quoted = ['"' + (GOOD | cells).get(name, "").replace('"', '""') + '"' for name in names]
    return ",".join(quoted)


def run(path, **options):
    return import_file(path=str(path), kind=TOUCHPOINTS, options=Options(**options))


def rejected(path):
    with open(f"{path}.rejected.csv", newline="") as file:
        return list(csv.reader(file))[1:]


BAD = [
    ("lead_id", "", "", "missing"),
    ("lead_id", "   ", "", "missing"),
    ("lead_id", "x" * 65, "x" * 65, "longer than 64 characters"),
    ("channel", "", "", "missing"),
    ("channel", "telepathy", "telepathy", "not one of organic_search, paid_search"),
    ("channel", "Email", "Email", "not one of"),
    ("timestamp", "", "", "missing"),
    ("timestamp", "2026-07-01T00:00:00", "2026-07-01T00:00:00", "a time needs an offset such as Z or +01:00"),
    ("timestamp", "2026-07-01", "2026-07-01", "a time needs an offset such as Z or +01:00"),
    ("timestamp", "01/07/2026 10:00", "01/07/2026 10:00", "not an ISO 8601 time"),
    ("timestamp", "2026-13-01T00:00:00Z", "2026-13-01T00:00:00Z", "not an ISO 8601 time"),
    ("timestamp", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "before 2000-01-01"),
    ("timestamp", "2100-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "more than a day in the future"),
    ("timestamp", "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00", "before 2000-01-01"),
    ("source", "ä" * 256, "ä" * 200, "longer than 255 characters"),
    ("source", "a\x00b", "a\\x00b", "contains control characters"),
    ("source", "a\nb", "a\\x0ab", "contains control characters"),
    ("partner_id", "nobody", "nobody", "there is no partner with this id"),
    ("broker_id", "partner-abc", "partner-abc", "there is no broker with this id"),
    ("click_ids", "gclid=1", "gclid=1", "not a flat JSON object of texts"),
    ("click_ids", '{"a": {"b": 1}}', '{"a": {"b": 1}}', "not a flat JSON object of texts"),
    ("click_ids", '{"a": "\\ud800"}', '{"a": "\\ud800"}', "not a flat JSON object of texts"),
    ("id", "lead-1", "lead-1", "not a UUID"),
]


@pytest.mark.parametrize(("column", "cell", "shown", "reason"), BAD)
def test_a_bad_cell_is_named_and_the_rows_around_it_are_kept(path, column, cell, shown, reason):
    path.write_text("\n".join([HEAD, line(), line(**{column: cell}), line(lead_id="other")]))
    summary = run(path)
    assert (summary.stored, summary.rejected) == (2, 1)
    [[row, told_column, value, told_reason]] = rejected(path)
    assert (row, told_column, value) == ("3", column, shown)
    assert told_reason.startswith(reason)


def test_a_row_with_several_faults_gives_a_line_for_each(path):
    path.write_text("\n".join([HEAD, line(lead_id="", channel="x", timestamp="now")]))
    summary = run(path)
    assert summary.rejected == 1
    assert [column for _, column, _, _ in rejected(path)] == ["channel", "lead_id", "timestamp"]


def test_the_file_s_own_name_of_the_column_is_told(path):
    path.write_text("customer,channel,timestamp\n,email,2026-07-01T00:00:00Z\n")
    run(path, mapping=Mapping(columns={"lead_id": "customer"}))
    assert rejected(path) == [["2", "customer", "", "missing"]]


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-2", "@x"])
def test_a_rejected_value_cannot_be_run_by_a_spreadsheet(path, cell):
    path.write_text("\n".join([HEAD, line(channel=cell)]))
    run(path)
    assert rejected(path)[0][2] == f"'{cell}"


def test_times_of_finer_than_microseconds_or_in_other_spellings_of_iso_8601_are_taken(path):
    times = ["2026-07-01T00:00:00.123456789Z", "20260701T000000Z", "2026-07-01 00:00+0530", "2026-07-01T02:00:01+02"]
    path.write_text("\n".join([HEAD, *(line(timestamp=time) for time in times)]))
    assert run(path).stored == 4


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_with_too_few_or_too_many_cells_are_rejected_by_their_number(path, ending):
    lines = ["lead_id,channel,timestamp", "a,email,2026-07-01T00:00:00Z", "a,email", "", "a,b,c,d,e"]
    path.write_bytes(ending.join([*lines, "b,chat,2026-07-01T00:00:00Z", ""]).encode())
    summary = run(path)
    assert (summary.read, summary.stored) == (4, 2)
    assert rejected(path) == [
        ["3", "", "a,email", "2 cells where the header has 3"],
        ["5", "", "a,b,c,d,e", "5 cells where the header has 3"],
    ]


@pytest.mark.parametrize("chunk_bytes", [64, 1 << 20])
def test_a_quote_that_never_closes_costs_its_own_line_only(path, chunk_bytes):
    good = [f"lead-{n},email,2026-07-01T00:00:00Z,x" for n in range(150)]
    lines = ["lead_id,channel,timestamp,source", *good[:50], 'bad,email,2026-07-01T00:00:00Z,"open', *good[50:]]
    path.write_text("\n".join(lines))
    summary = run(path, chunk_bytes=chunk_bytes)
    assert (summary.stored, summary.rejected) == (150, 1)
    [[row, column, text, reason]] = rejected(path)
    assert (row, column) == ("52", "")
    assert text.startswith("bad,email")
    assert reason.startswith("not well-formed csv")


@pytest.mark.parametrize("chunk_bytes", [7, 25, 40, 1 << 20])
def test_line_breaks_within_quotes_are_part_of_the_cell_and_rows_after_keep_their_line_numbers(path, chunk_bytes):
    path.write_text(
        'lead_id,channel,timestamp,note\na,email,2026-07-01T00:00:00Z,"one\ntwo\nthree"\n'
        'b,telepathy,2026-07-01T00:00:00Z,x\nc,chat,2026-07-01T00:00:00Z,5" screen\n'
    )
    summary = run(path, chunk_bytes=chunk_bytes)
    assert (summary.stored, summary.rejected) == (2, 1)
    assert rejected(path)[0][:3] == ["5", "channel", "telepathy"]


def test_a_row_in_the_wrong_encoding_is_rejected_with_its_column_and_the_others_are_kept(path):
    lines = ["lead_id,channel,timestamp,source", "a,email,2026-07-01T00:00:00Z,Zürich"]
    path.write_bytes("\n".join(lines).encode() + b"\nb,email,2026-07-01T00:00:00Z,Z\xfcrich\nc\xff,x\n")
    summary = run(path)
    assert (summary.stored, summary.rejected) == (1, 2)
    assert rejected(path) == [
        ["3", "source", "Z\\xfcrich", "not valid UTF-8"],
        ["4", "", "c\ufffd,x", "2 cells where the header has 4"],
    ]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_10_megabytes_is_too_long_and_stops_nothing(path, quote):
    long = quote + "x" * 10_000_000 + quote
    path.write_text("\n".join([HEAD, line(), line().replace('""', long, 1), line(lead_id="other")]))
    summary = run(path)
    assert (summary.stored, summary.rejected) == (2, 1)
    assert rejected(path) == [["3", "source", "x" * 200, "longer than 255 characters"]]


def test_a_line_longer_than_any_row_is_skipped_to_its_end(path, monkeypatch):
    monkeypatch.setattr("touchpoints.importing.csv_file.MAX_LINE", 100_000)
    path.write_text("\n".join([HEAD, line(), "x" * 1_000_000, line(lead_id="other")]))
    summary = run(path, chunk_bytes=10_000)
    assert summary.stored == 2
    [[row, _, text, reason]] = rejected(path)
    assert (row, text) == ("3", "x" * 200)
    assert reason.startswith("the line is longer than")


def test_parquet_rows_are_counted_from_one_and_naive_times_refused(path):
    table = pa.table(
        {
            "lead_id": [1, 2, 3],
            "channel": ["email", "telepathy", "chat"],
            "timestamp": pa.array([1_780_000_000] * 3, pa.timestamp("s")),
        }
    )
    pa.parquet.write_table(table, path)
    assert run(path).rejected == 3
    assert [row for row, *_ in rejected(path)] == ["1", "2", "2", "3"]
    assert "a time needs an offset" in rejected(path)[0][3]
    assert run(path, local_zone="UTC").stored == 2
    assert set(Touchpoint.objects.values_list("lead_id", flat=True)) == {"1", "3"}


def test_what_an_earlier_import_rejected_is_gone_once_the_file_is_right(path):
    path.write_text("\n".join([HEAD, line(channel="x")]))
    run(path)
    assert rejected(path)
    path.write_text("\n".join([HEAD, line()]))
    run(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
