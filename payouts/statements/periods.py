"""Of which time a statement is: whole days of UTC."""

import datetime as dt
import re
from dataclasses import dataclass

NAMED = r"^[12][0-9]{3}-(0[1-9]|1[0-2]|Q[1-4])\Z"
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
        if not re.match(NAMED, text):
            raise ValueError(WORDED)
        year, _, part = text.partition("-")
        months = 3 if part.startswith("Q") else 1
        month = months * (int(part.removeprefix("Q")) - 1) + 1
        years, follows = divmod(month - 1 + months, 12)
        return cls(dt.date(int(year), month, 1), dt.date(int(year) + years, follows + 1, 1) - A_DAY)

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
            if re.match(NAMED, text) and Period.named(text) == self:
                return text
        return f"{self.first}..{self.last}"

    def __str__(self) -> str:
        return f"{self.first} – {self.last}"
