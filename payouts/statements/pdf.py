"""A statement as PDF: what the balances were and are on top, then the lines of each currency."""

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.conf import settings
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, SimpleDocTemplate, Spacer

from conversions.currencies import smallest_unit
from partners.models import Payee
from payouts.exports.letters import windows_text
from payouts.models import Entry, Kind
from payouts.statements import drawing
from payouts.statements.drawing import Box, Cell, Row, Title
from payouts.statements.periods import Period
from payouts.statements.reading import Balance, balances, checked_lines, lines_of, one_moment

# More of them no person reads on paper: they are in the CSV, and here are the sums.
MOST_LINES = 3000
MARGIN, TOP = 18 * mm, 18 * mm
PADDING = 6  # that the library's frames have
WIDTH = A4[0] - 2 * MARGIN
COLUMNS = [
    Cell("Booked", 0, 20 * mm),
    Cell("What for", 20 * mm, 38 * mm),
    Cell("Lead, policy", 58 * mm, 38 * mm),
    Cell("Conversion, share of it", 96 * mm, 36 * mm),
    Cell("Amount", 132 * mm, 20 * mm, is_number=True),
    Cell("Balance", 152 * mm, WIDTH - 152 * mm, is_number=True),
]
NOTE = Cell("", 58 * mm, 74 * mm)


def pdf_chunks(payee: Payee, period: Period) -> Iterator[bytes]:
    """The file, in one piece: the same bytes for the same statement. Raises DoesNotBalance."""
    own = Entry.objects.of(payee._meta.model_name, payee.pk)
    with one_moment():
        found = balances(own, period)
        content = [*_head(payee, period), *_boxes(found), *_lines(own, period, found)]
    yield _built(content, payee, period)


def _built(content: list[Flowable], payee: Payee, period: Period) -> bytes:
    file = io.BytesIO()
    foot = windows_text(f"Statement {period.name} · {payee.name} ({payee.pk})")
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        # Without it the PDF would have the time and an id of chance.
        invariant=1,
        title=f"Statement {period.name}: {windows_text(payee.name)}",
        author=settings.PAYER["PAYER_NAME"],
        leftMargin=MARGIN - PADDING,
        rightMargin=MARGIN - PADDING,
        topMargin=TOP,
        bottomMargin=20 * mm,
    )
    document.build(content, onLaterPages=_heads, canvasmaker=drawing.numbered(Canvas, foot, MARGIN))
    return file.getvalue()


def _heads(canvas: Canvas, _document: Any) -> None:
    """Of the columns, on each page that the lines go over to."""
    row = Row(COLUMNS, is_head=True)
    row.wrap(WIDTH, TOP)
    row.drawOn(canvas, MARGIN, A4[1] - TOP)


def _head(payee: Payee, period: Period) -> Iterator[Flowable]:
    payer = settings.PAYER["PAYER_NAME"]
    yield Title("Statement", size=20, right=windows_text(payer))
    yield Title(windows_text(f"{payee.name} · {payee._meta.verbose_name} {payee.pk}"), size=11)
    yield Title(f"{period.first:%d %b %Y} to {period.last:%d %b %Y}, days of UTC", size=9, is_soft=True)
    yield Spacer(0, 5 * mm)


def _boxes(found: list[Balance]) -> Iterator[Flowable]:
    if not found:
        yield Title("Nothing was owed before this period, and nothing was booked in it.", size=10)
    for each in found:
        figures = [
            ("", "Opening", each.opening),
            ("+", "Earned", each.earned),
            ("+", "Adjusted", each.adjusted),
            ("–", "Reversed", each.reversed),
            ("–", "Paid", each.paid),
            ("=", "Closing", each.closing),
        ]
        yield Box(WIDTH, each.currency, [(sign, name, _money(each, value)) for sign, name, value in figures])
        yield Spacer(0, 3 * mm)


def _lines(own: Any, period: Period, found: list[Balance]) -> Iterator[Flowable]:
    count = sum(each.lines for each in found)
    tells_all = count <= MOST_LINES
    shown = checked_lines(lines_of(own, period), found) if tells_all else ((each, iter(())) for each in found)
    for balance, lines in shown:
        yield CondPageBreak(40 * mm)
        yield Title(f"{balance.currency}: what moved it", size=11, above=6 * mm)
        for each in balance.kinds:
            yield Row(_cells(f"{each.count:,} ×", Kind(each.kind).label, "", "", _money(balance, each.amount), ""))
        yield Spacer(0, 3 * mm)
        if tells_all and balance.lines:
            yield Row(COLUMNS, is_head=True)
            yield from (_line(balance, line) for line in lines)
        elif tells_all:
            list(lines)
    if not tells_all:
        yield Title(f"The {count:,} lines are in the CSV of this statement.", size=10)


def _line(balance: Balance, line: Any) -> Row:
    about = [line.conversion_type and line.conversion_type.replace("_", " ").capitalize()]
    about += [line.model and f"{line.model.replace('_', ' ')}, {100 * line.credit:.2f} %"]
    cells = _cells(
        f"{line.booked_at:%Y-%m-%d}",
        _two(line.get_kind_display(), line.payout_number and f"P-{line.payout_number}"),
        _two(line.lead_id, line.policy_number),
        _two(*about),
        _money(balance, line.amount),
        _money(balance, line.balance),
    )
    if not line.lead_id:
        # Why it was booked is all there is to know it by.
        cells[2] = NOTE.saying(" ".join(line.note.split()))
    return Row(cells)


def _cells(*texts: str) -> list[Cell]:
    return [column.saying(text) for column, text in zip(COLUMNS, texts, strict=True)]


def _two(first: str | None, second: str | None) -> str:
    return "\n".join(filter(None, [first, second]))


def _money(balance: Balance, amount: Decimal) -> str:
    return f"{amount.quantize(smallest_unit(balance.currency)):,}"
