"""What a statement's pages are drawn from. Rows are drawn one by one: the library's own tables take a time that grows
with the square of their rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from payouts.exports.letters import windows_text

INK, SOFT, LINE, TINT, STRONG = (HexColor(code) for code in ("#111827", "#6b7280", "#d1d5db", "#f3f4f6", "#1e3a8a"))
PLAIN, BOLD = "Helvetica", "Helvetica-Bold"
GAP = 2 * mm


def fitted(text: str, font: str, size: float, width: float) -> str:
    """Cut, where it is too long for its place."""
    if stringWidth(text, font, size) <= width:
        return text
    while text and stringWidth(f"{text}…", font, size) > width:
        text = text[:-1]
    return f"{text}…"


class Title(Flowable):
    def __init__(self, text: str, *, size: float, right: str = "", is_soft: bool = False, above: float = 0):
        super().__init__()
        self.text, self.size, self.right, self.is_soft, self.above = text, size, right, is_soft, above

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width, self.height = width, self.size * 1.5 + self.above
        return self.width, self.height

    def draw(self) -> None:
        font = PLAIN if self.is_soft or self.size <= 10 else BOLD
        self.canv.setFillColor(SOFT if self.is_soft else INK)
        self.canv.setFont(font, self.size)
        self.canv.drawString(
            0, self.size * 0.35, fitted(self.text, font, self.size, self.width * (0.6 if self.right else 1))
        )
        if self.right:
            self.canv.setFont(PLAIN, 10)
            self.canv.drawRightString(self.width, self.size * 0.35, fitted(self.right, PLAIN, 10, self.width * 0.4))


class Box(Flowable):
    """What adds up, from left to right: a sign, a name and an amount each; the last of them is the sum."""

    def __init__(self, width: float, currency: str, figures: Sequence[tuple[str, str, str]]):
        super().__init__()
        self.width, self.height, self.currency, self.figures = width, 17 * mm, currency, figures

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        head = 14 * mm
        each = (self.width - head) / len(self.figures)
        self.canv.setStrokeColor(LINE)
        self.canv.setFillColor(TINT)
        self.canv.roundRect(0, 0, self.width, self.height, 2 * mm, fill=1)
        self.canv.setFillColor(INK)
        self.canv.setFont(BOLD, 11)
        self.canv.drawString(3 * mm, 6.5 * mm, self.currency)
        for place, (sign, name, amount) in enumerate(self.figures):
            self._figure(head + place * each, each, sign, name, amount, is_sum=place == len(self.figures) - 1)

    def _figure(self, left: float, width: float, sign: str, name: str, amount: str, *, is_sum: bool) -> None:
        right, font = left + width - 2.5 * mm, BOLD if is_sum else PLAIN
        size = 9.5
        while size > 5 and stringWidth(amount, font, size) > width - 6 * mm:
            size -= 0.5
        self.canv.setFillColor(SOFT)
        self.canv.setFont(PLAIN, 7.5)
        self.canv.drawRightString(right, 10.5 * mm, name)
        self.canv.setFont(PLAIN, 9.5)
        self.canv.drawString(left + 0.5 * mm, 5.5 * mm, sign)
        self.canv.setFillColor(STRONG if is_sum else INK)
        self.canv.setFont(font, size)
        self.canv.drawRightString(right, 5.5 * mm, amount)


@dataclass(frozen=True)
class Cell:
    text: str
    left: float
    width: float
    is_number: bool = False

    def saying(self, text: str) -> "Cell":
        return replace(self, text=text)


class Row(Flowable):
    """Cells of one or two lines; the second line is softer."""

    def __init__(self, cells: Sequence[Cell], *, is_head: bool = False):
        super().__init__()
        self.cells, self.is_head = cells, is_head
        self.height = (4.5 + 3.2 * max(cell.text.count("\n") for cell in cells)) * mm

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width = width
        return width, self.height

    def draw(self) -> None:
        self.canv.setStrokeColor(SOFT if self.is_head else LINE)
        self.canv.setLineWidth(0.6 if self.is_head else 0.25)
        self.canv.line(0, 0, self.width, 0)
        for cell in self.cells:
            for number, text in enumerate(cell.text.split("\n")):
                self._text(cell, text, number)

    def _text(self, cell: Cell, text: str, number: int) -> None:
        font, size = (BOLD, 7.5) if self.is_head else (PLAIN, 7 if number else 7.5)
        self.canv.setFillColor(SOFT if number or self.is_head else INK)
        self.canv.setFont(font, size)
        top = self.height - (3.2 + 3.2 * number) * mm
        text = text if text.isascii() and text.isprintable() else windows_text(text)
        if cell.is_number:
            # Of an amount no digit is left out.
            self.canv.drawRightString(cell.left + cell.width, top, text)
        else:
            self.canv.drawString(cell.left, top, fitted(text, font, size, cell.width - GAP))


def numbered(canvas: type, foot: str, margin: float) -> Any:
    """A canvas that says on each page which of how many it is."""

    class Numbered(canvas):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - the library's name
            self.pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            pages = self.pages
            for number, page in enumerate(pages, 1):
                self.__dict__.update(page)
                self.setFillColor(SOFT)
                self.setFont(PLAIN, 8)
                self.drawString(margin, 11 * mm, fitted(foot, PLAIN, 8, A4[0] - 2 * margin - 30 * mm))
                self.drawRightString(A4[0] - margin, 11 * mm, f"Page {number} of {len(pages)}")
                super().showPage()
            super().save()

    return Numbered
