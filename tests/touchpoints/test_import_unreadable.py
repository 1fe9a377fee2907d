"""Files that cannot be read at all: one clear sentence, nothing stored, exit code 1."""

import gzip
import random

import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from touchpoints.models import Touchpoint

HEAD = b"lead_id,channel,timestamp\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf\n\n", "The file is empty"),
        (gzip.compress(b"", mtime=0), "The file is empty"),
        (HEAD.decode().encode("utf-16"), "The file is in UTF-16"),
        (b"lead_id,channel,timestamp\ra,email,2026-07-01T00:00:00Z\r", "Lines end in CR alone"),
        (b"lead,channel\n", "no column for lead_id and timestamp. Its columns: lead, channel. Fields that can be"),
        (b"lead_id,leadId,channel,timestamp,lead_id\n", "more than one column lead_id"),
        (b"lead_id,leadId,channel,timestamp\n", "more than one column lead_id; say which with --map"),
        (b"PK\x03\x04\x14\0\0\0", "This is no csv file"),
        (b"PAR1 and no more", "not a sound parquet file"),
        (b"\x1f\x8b and no more", "compressed data is damaged or cut off"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_clear_sentence(db, tmp_path, content, told):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="Nothing was stored") as stop:
        call_command("import_touchpoints", str(path))
    assert told in str(stop.value)
    assert stop.value.returncode == 1


def test_a_file_that_is_not_there_is_refused(db, tmp_path):
    with pytest.raises(CommandError, match="cannot be opened: No such file"):
        call_command("import_touchpoints", str(tmp_path / "none.csv"))


def test_a_header_alone_is_an_import_of_no_rows(db, tmp_path, capsys):
    (tmp_path / "t.csv").write_bytes(HEAD)
    call_command("import_touchpoints", str(tmp_path / "t.csv"))
    assert "0 rows read, 0 stored" in capsys.readouterr().out


def test_of_a_file_cut_off_in_the_middle_the_rows_before_are_kept_and_the_end_is_told(db, tmp_path, capsys):
    rnd = random.Random(1)
    rows = b"".join(b"%x,email,2026-07-01T00:00:00Z\n" % rnd.getrandbits(200) for _ in range(60_000))
    packed = gzip.compress(HEAD + rows)
    path = tmp_path / "t.csv.gz"
    path.write_bytes(packed[: len(packed) - 1000])
    with pytest.raises(CommandError, match=r"damaged or cut off\. The rows before it"):
        call_command("import_touchpoints", str(path))
    assert Touchpoint.objects.count() > 10_000
    assert f"{Touchpoint.objects.count():,} stored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--map", "lead=lead_id"], "There is no field lead."),
        (["--map", "source=src"], "The file has no column src."),
        (["--map", "source=twice"], "The file has more than one column twice."),
        (["--map", "lead_id"], "a '=' is missing"),
        (["--values", "lead_id:x"], "a '=' is missing"),
        (["--mapping", "none.toml"], "none.toml cannot be opened"),
        (["--timezone", "Berlin"], "There is no time zone Berlin"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(db, tmp_path, flags, told):
    (tmp_path / "t.csv").write_bytes(b"twice,twice," + HEAD)
    with pytest.raises(CommandError) as stop:
        call_command("import_touchpoints", str(tmp_path / "t.csv"), *flags)
    assert told in str(stop.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [("columns = 1", "are tables"), ("[column]\na='b'", "it takes columns, constants"), ("lead_id: x", "is not TOML")],
)
def test_a_mapping_file_that_is_none_is_refused(db, tmp_path, content, told):
    (tmp_path / "t.csv").write_bytes(HEAD)
    (tmp_path / "m.toml").write_text(content)
    with pytest.raises(CommandError) as stop:
        call_command("import_touchpoints", str(tmp_path / "t.csv"), "--mapping", str(tmp_path / "m.toml"))
    assert told in str(stop.value)


def test_a_parquet_column_of_floats_is_refused_by_name(db, tmp_path):
    table = pa.table({"lead_id": [1.0], "channel": ["email"], "timestamp": ["2026-07-01T00:00:00Z"]})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(CommandError, match="Column lead_id holds floating-point numbers"):
        call_command("import_touchpoints", str(tmp_path / "t.parquet"))


def test_the_rejected_rows_never_overwrite_the_file(db, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(HEAD + b"a,x,y\n")
    with pytest.raises(CommandError, match="would overwrite the file itself"):
        call_command("import_touchpoints", str(path), "--rejected", str(path))
    assert path.read_bytes() == HEAD + b"a,x,y\n"
