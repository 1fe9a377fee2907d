"""Business hours: what of a stretch of time counts, and when so many of its hours are over. No clock is read here."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
ONE_DAY = dt.timedelta(days=1)
NOTHING = dt.timedelta(0)
MIDNIGHT = dt.time(0)


@dataclass(frozen=True)
class BusinessHours:
    """Wall-clock hours in a zone. A day whose clock is changed has an hour less or more, if it is in them.
    Closing at 00:00 is closing at the end of the day."""

    zone: str
    weekdays: frozenset[int]  # 0 is Monday
    opens: dt.time
    closes: dt.time
    holidays: frozenset[dt.date] = frozenset()

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ImproperlyConfigured(f"BUSINESS_TIMEZONE is {self.zone!r}; it takes one as Europe/Berlin.") from None
        if not self.weekdays or not self.weekdays <= set(range(7)):
            raise ImproperlyConfigured("BUSINESS_DAYS must name one day of the week or more.")
        if self.closes != MIDNIGHT and self.closes <= self.opens:
            raise ImproperlyConfigured("BUSINESS_HOURS must close after they open, on the same day.")

    @classmethod
    def from_settings(cls) -> Self:
        return cls.read(settings.BUSINESS_TIMEZONE, settings.BUSINESS_DAYS, settings.BUSINESS_HOURS, settings.HOLIDAYS)

    @classmethod
    def read(cls, zone: str, days: str, hours: str, holidays: Iterable[dt.date | str]) -> Self:
        """From the settings' words; ImproperlyConfigured says which of them means nothing."""
        opens, closes = _hours(hours)
        return cls(zone, _weekdays(days), opens, closes, frozenset(_date(day) for day in holidays))

    def add(self, moment: dt.datetime, hours: Decimal | dt.timedelta) -> dt.datetime:
        """The first moment, in UTC, at which so much business time has passed. None at all is `moment` itself."""
        left = hours if isinstance(hours, dt.timedelta) else dt.timedelta(microseconds=int(hours * 3_600_000_000))
        if left < NOTHING:
            raise ValueError("Business hours can be added, not taken away.")
        moment = _utc(moment)
        if not left:
            return moment
        for start, end in self._openings(moment):
            start = max(start, moment)
            if left <= end - start:
                return start + left
            left -= max(end - start, NOTHING)
        raise OverflowError("So many business hours end after the last year there is.")

    def between(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """Business time from one moment to the other; negative when `end` comes first."""
        start, end = _utc(start), _utc(end)
        if end < start:
            return -self.between(end, start)
        passed = NOTHING
        for opens, closes in self._openings(start):
            if opens >= end:
                break
            passed += max(min(closes, end) - max(opens, start), NOTHING)
        return passed

    def _openings(self, moment: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        """From the day of `moment` on, in UTC: there a difference of two times is what really passes."""
        zone = ZoneInfo(self.zone)
        day = moment.astimezone(zone).date()
        while day < dt.date.max:
            if day.weekday() in self.weekdays and day not in self.holidays:
                last = day + ONE_DAY if self.closes == MIDNIGHT else day
                opens = dt.datetime.combine(day, self.opens, zone).astimezone(dt.UTC)
                closes = dt.datetime.combine(last, self.closes, zone).astimezone(dt.UTC)
                yield opens, max(opens, closes)
            day += ONE_DAY


def _utc(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError("A moment has an offset from UTC.")
    return moment.astimezone(dt.UTC)


def _weekdays(text: str) -> frozenset[int]:
    """`mon-fri`, `sun-thu`, `mon,wed,sat`."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        try:
            start, end = DAYS.index(first), DAYS.index(last or first)
        except ValueError:
            raise ImproperlyConfigured(f"BUSINESS_DAYS is {text!r}; it takes such as mon-fri or mon,wed,sat.") from None
        found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return frozenset(found)


def _hours(text: str) -> tuple[dt.time, dt.time]:
    found = HOURS.fullmatch(text.replace(" ", ""))
    if found is None:
        raise ImproperlyConfigured(f"BUSINESS_HOURS is {text!r}; it takes such as 09:00-17:00, or 00:00-24:00.")
    first, second, third, fourth = (int(each or 0) for each in found.groups())
    return dt.time(first, second), dt.time(third, fourth)


def _date(day: dt.date | str) -> dt.date:
    try:
        return day if isinstance(day, dt.date) else dt.date.fromisoformat(day.strip())
    except ValueError:
        raise ImproperlyConfigured(f"HOLIDAYS has {day!r}; it takes dates such as 2026-12-25.") from None
