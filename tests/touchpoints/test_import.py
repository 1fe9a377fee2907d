"""Touchpoints out of files: what goes in, once, whatever the format."""

import csv
import gzip
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from tests.factories import BrokerFactory, PartnerFactory
from touchpoints.importing.running import Options, import_file
from touchpoints.importing.touchpoints import TOUCHPOINTS
from touchpoints.models import Touchpoint
from touchpoints.partitions import existing_partitions

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT.parent / "shared" / "data" / "events_62k.csv.gz"

ROWS = """\
lead_id,channel,source,campaign,partner_id,broker_id,timestamp,click_ids
lead-1,paid_search,google,"Home, Q4",,,2026-07-01T10:00:00Z,"{""gclid"": ""abc""}"
lead-1,partner_referral,,,partner-abc,,2026-07-02T12:30:00.25+02:00,
lead-2,broker_referral,,,,broker-xyz,2026-08-03T00:00:00Z,
lead-3,direct,Zürich 🎉,,,,2026-08-04T00:00:00Z,
"""


@pytest.fixture
def payees(db):
    PartnerFactory(id="partner-abc")
    BrokerFactory(id="broker-xyz")


@pytest.fixture
def touches(tmp_path, payees):
    path = tmp_path / "touches.csv"
    path.write_text(ROWS)
    return path


def run(path, **options):
    return import_file(path=str(path), kind=TOUCHPOINTS, options=Options(**options))


def stored(*fields):
    return list(Touchpoint.objects.order_by("timestamp").values_list(*fields))


def test_every_field_arrives_as_it_is(touches):
    summary = run(touches)
    assert (summary.read, summary.stored, summary.rejected) == (4, 4, 0)
    first, second, third, fourth = Touchpoint.objects.in_time_order()
    assert (first.lead_id, first.source, first.campaign) == ("lead-1", "google", "Home, Q4")
    assert first.click_ids == {"gclid": "abc"}
    assert second.timestamp.isoformat() == "2026-07-02T10:30:00.250000+00:00"
    assert (second.partner_id, second.source, third.broker_id) == ("partner-abc", None, "broker-xyz")
    assert fourth.source == "Zürich 🎉"


def test_ids_are_of_version_7_and_carry_the_time_of_the_row(touches):
    run(touches)
    for touch in Touchpoint.objects.all():
        assert (touch.id.version, touch.id.variant) == (7, uuid.RFC_4122)
        assert touch.id.int >> 80 == int(touch.timestamp.timestamp() * 1000)


def test_the_partitions_of_the_rows_are_made(touches):
    run(touches)
    assert {"touchpoints_touchpoint_2026_07", "touchpoints_touchpoint_2026_08"} <= existing_partitions()


def test_the_same_file_twice_stores_nothing_twice(touches):
    run(touches)
    before = stored("id", "received_at")
    summary = run(touches)
    assert (summary.stored, summary.duplicates) == (0, 4)
    assert stored("id", "received_at") == before


def test_of_overlapping_files_each_row_is_stored_once(touches, tmp_path):
    run(touches)
    longer = tmp_path / "longer.csv"
    longer.write_text(ROWS + "lead-4,email,,,,,2026-08-05T00:00:00Z,\n")
    summary = run(longer)
    assert (summary.stored, summary.duplicates) == (1, 4)
    assert Touchpoint.objects.count() == 5


def test_exact_repeats_within_a_file_are_one_touch(touches, tmp_path):
    repeated = tmp_path / "repeated.csv"
    repeated.write_text(ROWS + ROWS.partition("\n")[2])
    summary = run(repeated)
    assert (summary.stored, summary.duplicates) == (4, 4)


def test_rows_that_differ_only_in_which_column_holds_a_text_are_two(tmp_path, db):
    path = tmp_path / "t.csv"
    path.write_text(
        "lead_id,channel,timestamp,source,medium\na,email,2026-07-01T00:00:00Z,x,\na,email,2026-07-01T00:00:00Z,,x\n"
    )
    assert run(path).stored == 2


def as_gz(path):
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def as_parquet(path):
    texts = {name: pa.string() for name in ROWS.partition("\n")[0].split(",")}
    table = pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(column_types=texts))
    times = table["timestamp"].cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns", "America/New_York"))
    table = table.set_column(table.schema.get_field_index("timestamp"), "timestamp", times)
    table = table.set_column(1, "channel", table["channel"].dictionary_encode())
    pa.parquet.write_table(table, path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def with_bom(path):
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    return path


def in_camel_case(path):
    path.write_text(path.read_text().replace("lead_id", "leadId").replace("click_ids", "clickIds"))
    return path


def in_small_chunks(path):
    return path


@pytest.mark.parametrize("change", [as_gz, as_parquet, with_bom, in_camel_case, in_small_chunks])
def test_whatever_the_format_the_rows_are_the_same_ones(touches, change):
    run(touches)
    before = stored("id")
    summary = run(change(touches), chunk_bytes=50 if change is in_small_chunks else 1 << 20)
    assert (summary.stored, summary.duplicates, summary.rejected) == (0, 4, 0)
    assert stored("id") == before


def test_a_dry_run_stores_nothing_and_still_tells_what_is_wrong(touches, capsys):
    touches.write_text(ROWS + "lead-9,telepathy,,,,,2026-07-01T00:00:00Z,\n")
    call_command("import_touchpoints", str(touches), "--dry-run")
    assert not Touchpoint.objects.exists()
    told = capsys.readouterr().out
    assert "5 rows read, 4 good, 0 duplicates, 1 rejected" in told
    assert "1  channel: not one of organic_search" in told


def test_columns_are_mapped_by_flags(tmp_path, db):
    path = tmp_path / "export.csv"
    path.write_text(
        "who;when;kind;keep\nA;2026-07-01T00:00:00Z;Paid Search;1\n"
        "B;2026-07-02T00:00:00Z;Facebook;1\nC;2026-07-03T00:00:00Z;email;0\nD;2026-07-04T00:00:00Z;email;1\n"
    )
    flags = ["--map", "lead_id=who", "--map", "timestamp=when", "--map", "channel=kind", "--where", "keep=1"]
    values = ["--values", "kind:Paid Search=paid_search"]
    several = ["--values", "kind:Facebook=channel:social_media,source:facebook"]
    call_command(
        "import_touchpoints", str(path), *flags, *values, *several, "--set", "campaign=autumn", "--delimiter", ";"
    )
    assert stored("lead_id", "channel", "source", "campaign") == [
        ("A", "paid_search", None, "autumn"),
        ("B", "social_media", "facebook", "autumn"),
        ("D", "email", None, "autumn"),
    ]


def test_times_without_offset_are_taken_in_a_zone_only_when_one_is_given(tmp_path, db):
    path = tmp_path / "t.csv"
    path.write_text(
        "lead_id,channel,timestamp\na,email,2026-07-01 12:00:00\n"
        "b,email,2026-07-01T12:30:00Z\nc,email,2026-03-29T02:30:00\n"
    )
    assert run(path).rejected == 2
    summary = run(path, local_zone="Europe/Berlin")
    times = [time.isoformat() for (time,) in stored("timestamp")]
    assert times == ["2026-07-01T10:00:00+00:00", "2026-07-01T12:30:00+00:00"]
    [reason] = summary.reasons
    assert reason.startswith("timestamp: this time does not exist in Europe/Berlin")


def test_rows_with_ids_of_their_own_keep_them_and_cannot_change_their_content(tmp_path, db):
    one, two = uuid.uuid4(), uuid.uuid4()
    path = tmp_path / "t.csv"
    head = "id,lead_id,channel,timestamp\n"
    path.write_text(
        f"{head}{one},a,email,2026-07-01T00:00:00Z\n{str(two).upper()},b,email,2026-07-01T00:00:00Z\n"
        f"{two},b,chat,2026-07-01T00:00:00Z\n"
    )
    summary = run(path)
    assert (summary.stored, summary.rejected) == (2, 1)
    assert {id for (id,) in stored("id")} == {one, two}
    # Another time is another row to the table's key, yet the same id.
    path.write_text(f"{head}{one},a,email,2026-07-01T00:00:00Z\n{two},b,email,2026-07-09T00:00:00Z\n")
    summary = run(path)
    assert (summary.stored, summary.duplicates, summary.rejected) == (0, 1, 1)
    with open(f"{path}.rejected.csv", newline="") as file:
        _, line = csv.reader(file)
    assert line == ["3", "id", str(two), "already stored, with other content"]


def test_strict_ends_with_2_when_a_row_was_rejected(touches):
    touches.write_text(ROWS + "lead-9,telepathy,,,,,2026-07-01T00:00:00Z,\n")
    call_command("import_touchpoints", str(touches))
    with pytest.raises(CommandError) as stop:
        call_command("import_touchpoints", str(touches), "--strict")
    assert stop.value.returncode == 2


def test_unused_columns_are_named(touches, capsys):
    touches.write_text("lead_id,channel,timestamp,campagin\na,email,2026-07-01T00:00:00Z,x\n")
    call_command("import_touchpoints", str(touches))
    assert "Columns not used: campagin." in capsys.readouterr().out


@pytest.mark.skipif(not EVENTS.exists(), reason="the real events file is not beside the project")
def test_the_real_events_are_all_taken_and_their_five_channels_stay_apart(db, tmp_path):
    mapping = str(ROOT / "docs" / "examples" / "events_touchpoints.toml")
    call_command("import_touchpoints", str(EVENTS), "--mapping", mapping, "--rejected", str(tmp_path / "no.csv"))
    assert Touchpoint.objects.count() == 62_483
    assert set(Touchpoint.objects.values_list("channel", "source", "medium").distinct()) == {
        ("social_media", "facebook", None),
        ("social_media", "instagram", None),
        ("display_ad", None, None),
        ("other", None, "video"),
        ("paid_search", None, None),
    }
