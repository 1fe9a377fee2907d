"""Of which time a statement is: whole days of UTC."""

import datetime as dt
import re
from dataclasses import dataclass

MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
QUARTER = re.compile(r"([0-9]{4})-Q([1-4])")
WORDED = "Give a month such as 2026-03, or a quarter such as 2026-Q1."
A_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """From its first day through its last."""

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("It ends before it starts.")
        if self.last == dt.date.max:
            raise ValueError("There is no day after its last.")

    @classmethod
    def named(cls, text: str) -> "Period":
        """Of a month or a quarter. Raises ValueError for any other text."""
        if found := MONTH.fullmatch(text):
            return cls._of_months(int(found[1]), int(found[2]), 1)
        if found := QUARTER.fullmatch(text):
            return cls._of_months(int(found[1]), 3 * int(found[2]) - 2, 3)
        raise ValueError(WORDED)

    @classmethod
    def _of_months(cls, year: int, month: int, months: int) -> "Period":
        years, follows = divmod(month - 1 + months, 12)
        try:
            first, after = dt.date(year, month, 1), dt.date(year + years, follows + 1, 1)
        except ValueError:
            raise ValueError(WORDED) from None
        return cls(first, after - A_DAY)

    @property
    def start(self) -> dt.datetime:
        return dt.datetime.combine(self.first, dt.time(), dt.UTC)

    @property
    def end(self) -> dt.datetime:
        """The moment after it."""
        return dt.datetime.combine(self.last + A_DAY, dt.time(), dt.UTC)

    @property
    def name(self) -> str:
        """As it is asked for, where it is a month or a quarter; of letters that a file's name may have."""
        year, month = self.first.year, self.first.month
        for text in (f"{year:04}-{month:02}", f"{year:04}-Q{(month + 2) // 3}"):
            if Period.named(text) == self:
                return text
        return f"{self.first}..{self.last}"

    def __str__(self) -> str:
        return f"{self.first} – {self.last}"
