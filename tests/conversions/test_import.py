"""Conversions out of files: exact money, commissions, and external ids that mean one thing."""

import csv
import uuid
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from conversions.importing import CONVERSIONS
from conversions.models import Conversion
from tests.factories import ConversionFactory
from touchpoints.importing.running import Options, import_file

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT.parent / "shared" / "data" / "events_62k.csv.gz"
HEAD = "external_id,lead_id,type,value,currency,commission_rate,commission_amount,policy_id,occurred_at"
GOOD = {"lead_id": "a", "type": "sale", "value": "1500.00", "occurred_at": "2026-07-01T00:00:00Z"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path):
    return tmp_path / "conversions.csv"


def line(**cells):
    return ",".join((GOOD | cells).get(name, "") for name in HEAD.split(","))


def write(path, *lines):
    path.write_text("\n".join([HEAD, *lines]))


def run(path, **options):
    return import_file(path=str(path), kind=CONVERSIONS, options=Options(**options))


def rejected(path):
    with open(f"{path}.rejected.csv", newline="") as file:
        return list(csv.reader(file))[1:]


def test_every_field_arrives_as_it_is_and_the_currency_is_the_house_s_by_default(path):
    write(path, line(external_id="pol-1", policy_id="P1", value="1500.5"), line(currency="EUR", type="renewal"))
    assert run(path).stored == 2
    first = Conversion.objects.get(external_id="pol-1")
    assert (first.lead_id, first.type, first.policy_id, first.currency) == ("a", "sale", "P1", "USD")
    assert (first.value, first.commission_rate, first.commission_amount) == (Decimal("1500.50"), None, None)
    assert first.occurred_at.isoformat() == "2026-07-01T00:00:00+00:00"
    assert first.id.version == 7
    assert first.created_at
    assert Conversion.objects.get(type="renewal").currency == "EUR"


@pytest.mark.parametrize(
    ("cells", "commission"),
    [
        ({"value": "0.25", "commission_rate": "0.1"}, "0.02"),  # 0.025, half-even
        ({"value": "0.35", "commission_rate": "0.1"}, "0.04"),  # 0.035
        ({"value": "999999999999.99", "commission_rate": "0.333333"}, "333333000000.00"),
        ({"value": "150", "commission_rate": "0.05", "currency": "JPY"}, "8"),  # 7.5
        ({"value": "100", "commission_rate": "0.1", "commission_amount": "12.34"}, "12.34"),
        ({"value": "100", "commission_rate": "0"}, "0"),
        ({"value": "100", "commission_rate": "1.000000"}, "100"),
    ],
)
def test_a_commission_is_value_times_rate_half_even_unless_it_is_given(path, cells, commission):
    write(path, line(**cells))
    run(path)
    assert Conversion.objects.get().commission_amount == Decimal(commission)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("lead_id", "", "missing"),
        ("type", "", "missing"),
        ("type", "gift", "not one of sale, signup"),
        ("value", "", "missing"),
        ("value", "-5.00", "negative"),
        ("value", "5.001", "more than two decimals"),
        ("value", "5.100", "more than two decimals"),
        ("value", "free", "not an amount"),
        ("value", "NaN", "not an amount"),
        ("value", "inf", "not an amount"),
        ("value", "1e3", "not an amount"),
        ("value", "1 000", "not an amount"),
        ("value", "٣", "not an amount"),
        ("value", "1000000000000", "larger than 999999999999.99"),
        ("currency", "EURO", "not a currency code of ISO 4217"),
        ("currency", "eur", "not a currency code of ISO 4217"),
        ("currency", "KWD", "KWD has 3 decimals"),
        ("commission_rate", "1.01", "not a share from 0 to 1"),
        ("commission_rate", "-0.1", "not a share from 0 to 1"),
        ("commission_rate", "10%", "not a share from 0 to 1"),
        ("commission_rate", "0.1234567", "not a share from 0 to 1"),
        ("commission_amount", "-1", "negative"),
        ("commission_amount", "1.005", "more than two decimals"),
        ("occurred_at", "", "missing"),
        ("occurred_at", "2026-07-01T00:00:00", "a time needs an offset such as Z or +01:00"),
        ("occurred_at", "1970-01-01T00:00:00Z", "before 2000-01-01"),
        ("occurred_at", "2100-01-01T00:00:00Z", "more than a day in the future"),
        ("external_id", "x" * 65, "longer than 64 characters"),
    ],
)
def test_a_bad_cell_is_named_and_the_rows_around_it_are_kept(path, column, cell, reason):
    write(path, line(lead_id="before"), line(**{column: cell}), line(lead_id="after"))
    summary = run(path)
    assert (summary.stored, summary.rejected) == (2, 1)
    [[row, told_column, value, told_reason]] = rejected(path)
    assert (row, told_column, value.lstrip("'")) == ("3", column, cell)
    assert told_reason.startswith(reason)


def test_an_amount_finer_than_its_currency_is_refused(path):
    write(path, line(value="100.50", currency="JPY"), line(value="100.00", currency="JPY"))
    assert run(path).stored == 1
    write(path, line(value="999999999999.99", currency="JPY", commission_rate="1"))
    assert run(path).rejected == 1
    write(path, line(value="100.50", currency="JPY"))
    run(path)
    assert rejected(path) == [["2", "value", "100.50", "more decimals than its currency has"]]


def test_the_same_file_twice_stores_nothing_twice(path):
    write(path, line(), line(external_id="x-1"), line(value="9.99"))
    run(path)
    before = list(Conversion.objects.order_by("id").values())
    assert run(path).duplicates == 3
    assert list(Conversion.objects.order_by("id").values()) == before


def test_an_external_id_said_again_with_other_content_is_rejected_and_with_the_same_a_duplicate(path):
    other_time = {"occurred_at": "2026-07-02T00:00:00Z"}
    write(
        path,
        line(external_id="x-1"),
        line(external_id="x-1"),
        line(external_id="x-1", value="2"),
        line(external_id="x-1", **other_time),
        line(external_id="x-2"),
    )
    summary = run(path)
    assert (summary.stored, summary.duplicates, summary.rejected) == (2, 1, 2)
    assert [row[:2] for row in rejected(path)] == [["4", "external_id"], ["5", "external_id"]]
    summary = run(path, chunk_bytes=20)  # now each against what is stored
    assert (summary.stored, summary.duplicates, summary.rejected) == (0, 3, 2)
    assert [row[1:] for row in rejected(path)] == [["external_id", "x-1", "already stored, with other content"]] * 2


def test_a_conversion_that_came_by_another_way_is_recognised_by_its_external_id(path):
    ConversionFactory(
        external_id="x-1",
        lead_id="a",
        type="sale",
        value=Decimal(1500),
        commission_rate=None,
        commission_amount=None,
        occurred_at="2026-07-01T00:00:00Z",
    )
    write(path, line(external_id="x-1"), line(external_id="x-2"))
    summary = run(path)
    assert (summary.stored, summary.duplicates, summary.rejected) == (1, 1, 0)


def test_a_row_that_was_corrected_after_its_import_is_not_rejected_when_the_file_comes_again(path):
    write(path, line())
    run(path)
    Conversion.objects.update(policy_number="corrected")
    assert run(path).duplicates == 1


def test_ids_of_the_file_s_own_are_kept(path):
    own = uuid.uuid4()
    path.write_text(f"id,{HEAD}\n{own},{line()}\n,{line(lead_id='b')}\n")
    assert run(path).stored == 2
    assert Conversion.objects.get(lead_id="a").id == own
    path.write_text(f"id,{HEAD}\n{own},{line(value='1')}\n,{line(lead_id='b')}\n")
    summary = run(path)
    assert (summary.duplicates, summary.rejected) == (1, 1)
    assert rejected(path) == [["2", "id", str(own), "already stored, with other content"]]


def test_parquet_decimals_are_the_same_rows_and_floats_are_refused(path):
    write(path, line(), line(value="0.10", commission_rate="0.5"))
    run(path)
    table = pa.table(
        {
            "leadId": ["a", "a"],
            "type": ["sale", "sale"],
            "value": pa.array([Decimal("1500"), Decimal("0.1")], pa.decimal128(20, 8)),
            "commissionRate": pa.array([None, Decimal("0.5")], pa.decimal128(5, 4)),
            "occurredAt": pa.array([1_782_864_000] * 2, pa.timestamp("s", "UTC")),
        }
    )
    pa.parquet.write_table(table, path)
    summary = run(path)
    assert (summary.stored, summary.duplicates, summary.rejected) == (0, 2, 0)
    pa.parquet.write_table(table.set_column(2, "value", pa.array([1500.0, 0.1])), path)
    with pytest.raises(CommandError, match="Column value holds floating-point numbers"):
        call_command("import_conversions", str(path))


@pytest.mark.skipif(not EVENTS.exists(), reason="the real events file is not beside the project")
def test_the_real_events_hold_1838_conversions_worth_11423_50(tmp_path):
    mapping = str(ROOT / "docs" / "examples" / "events_conversions.toml")
    call_command("import_conversions", str(EVENTS), "--mapping", mapping, "--rejected", str(tmp_path / "no.csv"))
    assert Conversion.objects.count() == 1838
    assert Conversion.objects.aggregate(Sum("value")) == {"value__sum": Decimal("11423.50")}
