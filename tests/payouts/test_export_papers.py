"""The list for people, and the remittance that a payee gets."""

import csv
import dataclasses
import datetime as dt
import io
from decimal import Decimal

import pypdf
import pytest

from payouts.exports.csv_list import csv_list
from payouts.exports.orders import CannotExport
from payouts.exports.remittance import Advice, Group, Line, remittance
from tests.payouts.orders import ENVELOPE, ach, sepa


def lines(count, amount="10.00"):
    return [
        Line(day=dt.date(2026, 3, 1), reference=f"lead-{n}", text="Policy P-1 <b>, Łódź", amount=Decimal(amount))
        for n in range(count)
    ]


def advice(count=3):
    groups = [Group(title="Commission earned", lines=lines(count)), Group(title="Reversal", lines=lines(1, "-5.00"))]
    return Advice(
        payout="PO-1001",
        payer="Acme Leads",
        payee="Müller & Söhne",
        holder="Müller",
        account="IBAN •••• 3000",
        currency="USD",
        period="2026-01-01 to 2026-03-31",
        paid_on=dt.date(2026, 4, 3),
        groups=groups,
        total=Decimal(10) * count - 5,
    )


def text_of(content):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def test_the_list_has_each_order_and_no_formula():
    content = csv_list(instructions=[ach(holder="=cmd()"), sepa(2)], envelope=ENVELOPE)
    first, second = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert (first["holder"], first["account"], first["amount"]) == ("'=cmd()", "0072", "100.05")
    assert (second["iban"], second["executeOn"]) == ("FR1420041010050500013M02606", "2026-04-03")
    assert content == csv_list(instructions=[ach(holder="=cmd()"), sepa(2)], envelope=ENVELOPE)


def test_an_empty_list_is_no_file():
    with pytest.raises(CannotExport):
        csv_list(instructions=[], envelope=ENVELOPE)


def test_the_remittance_tells_each_line_and_the_sums():
    text = text_of(remittance(advice()))
    for words in (
        "PO-1001",
        "lead-2",
        "Müller & Söhne",
        " 3000, Müller",
        "25.00 USD",
        "30.00 USD",
        "-5.00 USD",
        "Lódz",
    ):
        assert words in text
    assert "Policy P-1 <b>" in text


def test_a_long_remittance_goes_over_pages_with_its_head_on_each():
    reader = pypdf.PdfReader(io.BytesIO(remittance(advice(200))))
    assert len(reader.pages) > 3
    assert all("What for" in page.extract_text() for page in reader.pages[:-1])


def test_the_same_payout_makes_the_same_bytes():
    assert remittance(advice(100)) == remittance(advice(100))


def test_lines_that_do_not_add_up_are_not_told_to_anybody():
    with pytest.raises(CannotExport, match="add up to 25"):
        remittance(dataclasses.replace(advice(), total=Decimal("25.01")))
