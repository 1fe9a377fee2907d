"""A statement: its figures are sums of the ledger, its lines the ledger's entries, and the files are told alike."""

import csv
import datetime as dt
import io
from decimal import Decimal

import pypdf
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payouts import operations, statements
from payouts.models import Entry, Kind
from payouts.statements import Period, balances, reading
from tests.factories import ConversionFactory
from tests.payouts import books

pytestmark = pytest.mark.django_db
MARCH = Period.named("2026-03")


@pytest.fixture(autouse=True)
def payee():
    return books.partner(name="Müller & Söhne")


def booked(amount, day, kind="manual", currency="USD", payee="partner-1", **values):
    """An entry as it would be booked on that day, at that moment of it."""
    moment = dt.datetime.combine(day, dt.time(), dt.UTC) if type(day) is dt.date else day
    causes = {
        "earning": {"share": amount, "earned_on": moment.date(), "record_id": books.new_id()},
        "reversal": {"adjustment_id": books.new_id(), "record_id": books.new_id()},
        "settlement": {"adjustment_id": books.new_id(), "record_id": books.new_id()},
        "manual": {"proposal_id": books.new_id()},
        "recalculation": {"proposal_id": books.new_id()},
    }
    cause = causes.get(kind, {"payout_id": books.new_id()})
    return Entry.objects.create(
        kind=kind,
        payee_type="partner",
        payee_id=payee,
        currency=currency,
        amount=Decimal(amount),
        booked_at=moment,
        **cause | values,
    )


def march(day):
    return dt.date(2026, 3, day)


def of_march():
    booked("40.00", dt.date(2026, 2, 28))
    booked("100.00", march(1), "earning")
    booked("7.00", march(2), "settlement"), booked("-3.00", march(2), "recalculation")
    booked("5.00", march(3), "carried"), booked("-5.00", march(3), "carried")
    booked("-30.00", march(4), "reversal")
    booked("-90.00", march(5), "payment")
    booked("90.00", march(31), "returned")
    booked("1.00", dt.date(2026, 4, 1))


def own():
    return Entry.objects.of("partner", "partner-1")


def figures(balance):
    return {name: getattr(balance, name) for name in ("opening", *statements.FIGURES, "closing")}


def test_each_kind_stands_in_its_figure():
    of_march()
    [balance] = balances(own(), MARCH)
    assert figures(balance) == {
        "opening": Decimal("40.00"),
        "earned": Decimal("100.00"),
        "adjusted": Decimal("4.00"),
        "reversed": Decimal("30.00"),
        "paid": Decimal("0.00"),
        "closing": Decimal("114.00"),
    }
    told = {each.kind: (each.count, each.amount) for each in balance.kinds}
    assert told["carried"] == (2, Decimal("0.00"))
    assert (told["payment"], told["returned"]) == ((1, Decimal("-90.00")), (1, Decimal("90.00")))
    assert balance.lines == 8


def test_every_kind_has_one_figure():
    assert sorted(kind for kinds in statements.FIGURES.values() for kind in kinds) == sorted(Kind.values)


def test_a_period_begins_and_ends_with_midnight_of_utc():
    last = dt.datetime(2026, 3, 31, 23, 59, 59, 999_999, dt.UTC)
    booked("1.00", last), booked("2.00", last + dt.timedelta(microseconds=1))
    booked("4.00", march(1)), booked("8.00", dt.datetime(2026, 3, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    [balance] = balances(own(), MARCH)
    assert (balance.opening, balance.adjusted, balance.closing) == (Decimal(8), Decimal(5), Decimal(13))


def test_currencies_do_not_mix_and_payees_neither():
    booked("10.00", march(1)), booked("1500", march(2), currency="JPY"), booked("-1500", march(3), currency="JPY")
    booked("5.00", march(1), payee="partner-2"), booked("3.00", dt.date(2026, 1, 1), currency="EUR")
    booked("9.00", dt.date(2026, 4, 1), currency="GBP")
    told = {each.currency: (each.opening, each.closing, each.lines) for each in balances(own(), MARCH)}
    assert told == {
        "EUR": (Decimal(3), Decimal(3), 0),
        "JPY": (Decimal(0), Decimal(0), 2),
        "USD": (Decimal(0), Decimal(10), 1),
    }


def test_an_entry_that_no_figure_has_is_not_told_as_if_it_were_not_there(monkeypatch):
    of_march()
    monkeypatch.setitem(reading.FIGURES, "reversed", [])
    with pytest.raises(statements.DoesNotBalance, match=r"USD: 40\.00 [+] 100\.00"):
        balances(own(), MARCH)


def test_lines_that_do_not_lead_to_the_closing_are_not_told_to_the_end():
    of_march()
    lost = reading.checked_lines(own().filter(booked_at__gte=MARCH.start, kind="earning"), balances(own(), MARCH))
    with pytest.raises(statements.DoesNotBalance, match=r"add up to 100\.00"):
        [list(lines) for _balance, lines in lost]


def test_lines_in_a_currency_that_has_no_balance_are_not_left_out_in_silence():
    of_march()
    with pytest.raises(statements.DoesNotBalance, match="lines in USD"):
        list(reading.checked_lines(own(), []))


def test_a_line_names_all_that_it_is_of():
    sale = ConversionFactory(policy_number="POL-1", type="renewal")
    entry = books.earned("60.00", conversion_id=sale.pk, lead_id="lead-7", credit=Decimal("0.4"), model="linear")
    payout = books.paid()
    today = Period(books.today() - dt.timedelta(days=1), books.today() + dt.timedelta(days=1))
    line, payment = statements.lines_of(own(), today)
    assert (line.pk, line.lead_id, line.policy_number, line.conversion_type) == (entry.pk, "lead-7", "POL-1", "renewal")
    assert (line.model, line.credit, line.share, line.occurred_at) == (
        "linear",
        Decimal("0.4"),
        Decimal("60.00"),
        sale.occurred_at,
    )
    assert line.payout_number == payment.payout_number == payout.number


def test_a_payout_that_is_not_decided_is_the_houses_affair():
    books.earned("60.00")
    payout = books.submitted()
    today = Period(books.today(), books.today() + dt.timedelta(days=1))
    assert [line.payout_number for line in statements.lines_of(own(), today)] == [None]
    operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=books.finance())
    assert [line.payout_number for line in statements.lines_of(own(), today)] == [payout.number]
    operations.void_payout(payout_id=payout.pk, reason="Wrong", by=books.finance())
    assert [line.payout_number for line in statements.lines_of(own(), today)] == [None]


def rows_of(payee, period=MARCH):
    text = "".join(statements.csv_chunks(payee, period))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_csv_adds_up_from_the_opening_to_the_closing(payee):
    of_march()
    rows = rows_of(payee)
    assert [row["line"] for row in rows][:2] == ["opening", "earning"]
    assert (rows[-1]["line"], rows[-1]["amount"], rows[-1]["balance"]) == ("closing", "", "114.00")
    assert sum(Decimal(row["amount"]) for row in rows[:-1]) == Decimal("114.00")
    assert rows[-2]["balance"] == "114.00"
    assert (rows[0]["payeeId"], rows[0]["periodStart"], rows[0]["periodEnd"]) == (
        "partner-1",
        "2026-03-01",
        "2026-03-31",
    )


def test_no_cell_of_the_csv_is_a_formula(payee):
    booked("1.00", march(1), lead_id="=cmd()", note="+SUM(A1)")
    [_opening, row, _closing] = rows_of(payee)
    assert (row["leadId"], row["note"]) == ("'=cmd()", "'+SUM(A1)")


def test_the_csv_asks_as_much_for_many_lines_as_for_few(payee, django_assert_max_num_queries):
    of_march()
    with CaptureQueriesContext(connection) as few:
        rows_of(payee)
    for day in range(1, 31):
        booked("1.00", march(day), "earning")
    with django_assert_max_num_queries(len(few)):
        assert len(rows_of(payee)) == 40


def text_of(payee, period=MARCH):
    [content] = statements.pdf_chunks(payee, period)
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def test_the_pdf_has_the_figures_on_top_then_the_lines(payee):
    of_march()
    booked("1500", march(9), currency="JPY", lead_id="lead-Łódź")
    [text] = text_of(payee)
    for words in (
        "Müller & Söhne",
        "01 Mar 2026 to 31 Mar 2026",
        "Opening",
        "114.00",
        "Page 1 of 1",
        "1,500",
        "Dispute",
    ):
        assert words in text
    assert "lead-Lódz" in text
    assert "1,500.00" not in text


def test_a_long_pdf_numbers_its_pages_and_one_that_is_too_long_says_where_its_lines_are(payee, monkeypatch):
    for day in range(1, 31):
        booked("1.00", march(day), "earning", lead_id=f"lead-{day}", conversion_id=books.new_id())
    of_march()
    for day in range(1, 31):
        booked("1.00", march(day), "earning")
    pages = text_of(payee)
    assert len(pages) > 1
    assert f"Page 2 of {len(pages)}" in pages[1]
    monkeypatch.setattr("payouts.statements.pdf.MOST_LINES", 60)
    [text] = text_of(payee)
    assert "The 68 lines are in the CSV of this statement." in text
    assert "174.00" in text


def test_an_empty_statement_says_so(payee):
    assert balances(own(), MARCH) == []
    assert rows_of(payee) == []
    assert "nothing was booked" in text_of(payee)[0]


def test_the_files_of_a_statement_are_the_same_each_time(payee):
    of_march()
    for chunks in statements.CHUNKS.values():
        assert list(chunks(payee, MARCH)) == list(chunks(payee, MARCH))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
    ],
)
def test_a_month_and_a_quarter_are_periods(text, first, last):
    period = Period.named(text)
    assert (str(period.first), str(period.last), period.name) == (first, last, text)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2026-Q5", "2026-3", "0000-01", "9999-12", "2026-03-01", "٢٠٢٦-03"]
)
def test_another_text_is_none(text):
    with pytest.raises(ValueError, match="such as"):
        Period.named(text)


def test_days_are_a_period_too_and_some_of_them_a_month():
    assert Period(march(5), march(9)).name == "2026-03-05..2026-03-09"
    assert Period(march(1), march(31)).name == "2026-03"
    for first, last in ((march(5), march(4)), (march(5), dt.date.max)):
        with pytest.raises(ValueError, match=r"ends|after"):
            Period(first, last)
