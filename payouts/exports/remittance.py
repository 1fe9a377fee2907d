"""What a payee gets with its money: a PDF of what the payment is made of."""

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from conversions.currencies import smallest_unit
from payouts.exports.letters import windows_text
from payouts.exports.orders import CannotExport

TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=16, leading=22)
HEADING = ParagraphStyle("heading", fontName="Helvetica-Bold", fontSize=10, leading=16, spaceBefore=8)
PLAIN = ParagraphStyle("plain", fontName="Helvetica", fontSize=8, leading=10)
AMOUNT = ParagraphStyle("amount", parent=PLAIN, alignment=2)
SUM = ParagraphStyle("sum", parent=AMOUNT, fontName="Helvetica-Bold")
WIDTHS = [22 * mm, 38 * mm, 80 * mm, 30 * mm]
COLUMNS = ("Date", "Reference", "What for", "Amount")


@dataclass(frozen=True, kw_only=True)
class Line:
    day: dt.date
    reference: str
    text: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Group:
    title: str
    lines: Sequence[Line]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One payout, as its payee is told of it. `account` is masked."""

    payout: str
    payer: str
    payee: str
    holder: str
    account: str
    currency: str
    period: str
    paid_on: dt.date
    groups: Sequence[Group]
    total: Decimal


def remittance(advice: Advice) -> bytes:
    """The PDF, the same bytes for the same advice. Raises CannotExport if its lines do not add up to its total."""
    added = sum((group.total for group in advice.groups), Decimal(0))
    if added != advice.total:
        raise CannotExport(f"{advice.payout}: its lines add up to {added:f}, not to {advice.total:f}.")
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        # Without it the PDF would have the time and an id of chance.
        invariant=1,
        title=f"Remittance {advice.payout}",
        author=advice.payer,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
    )
    document.build(list(_content(advice)), onFirstPage=_foot(advice), onLaterPages=_foot(advice))
    return file.getvalue()


def _content(advice: Advice) -> Iterator[Any]:
    yield _text(f"Remittance {advice.payout}", TITLE)
    yield _text(f"{advice.payer} paid {advice.payee}", PLAIN)
    facts = [("Paid on", f"{advice.paid_on}"), ("Period", advice.period)]
    facts += [("Account", f"{advice.account}, {advice.holder}"), ("Amount", _money(advice.total, advice.currency))]
    yield Spacer(0, 6)
    yield Table([[_text(name, PLAIN), _text(value, PLAIN)] for name, value in facts], [30 * mm, 140 * mm])
    for group in advice.groups:
        yield _text(group.title, HEADING)
        yield _table(group, advice.currency)
    yield Spacer(0, 10)
    total = [_text("Total paid", HEADING), _text(_money(advice.total, advice.currency), SUM)]
    yield Table([total], [140 * mm, 30 * mm], style=TableStyle([("LINEABOVE", (0, 0), (-1, 0), 1, colors.black)]))


def _table(group: Group, currency: str) -> Table:
    rows = [[_text(name, AMOUNT if name == COLUMNS[-1] else PLAIN) for name in COLUMNS]]
    for line in group.lines:
        cells = [f"{line.day}", line.reference, line.text]
        rows.append([*(_text(cell, PLAIN) for cell in cells), _text(_money(line.amount, currency), AMOUNT)])
    rows.append([_text(text, PLAIN) for text in ("", "", "Sum")] + [_text(_money(group.total, currency), SUM)])
    style = [
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.black),
        ("LINEABOVE", (0, -1), (-1, -1), 0.5, colors.grey),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    # The head stands on every page that the table goes over to.
    return Table(rows, WIDTHS, repeatRows=1, style=TableStyle(style))


def _foot(advice: Advice) -> Any:
    def draw(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(20 * mm, 12 * mm, windows_text(f"Remittance {advice.payout} · page {document.page}"))

    return draw


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(windows_text(text)), style)


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount.quantize(smallest_unit(currency)):,} {currency}"
