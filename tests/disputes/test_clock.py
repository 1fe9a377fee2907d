"""Business hours, over nights, weekends, holidays and changes of clocks."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, settings
from hypothesis import strategies as st

from disputes.clock import BusinessHours

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = dt.timedelta(hours=1)
CHRISTMAS = dt.date(2026, 12, 25)


def office(zone="Europe/Berlin", days="mon-fri", hours="09:00-17:00", holidays=()):
    return BusinessHours.read(zone, days, hours, holidays)


def berlin(*parts, fold=0):
    return dt.datetime(*parts, tzinfo=BERLIN, fold=fold)


ADDED = {
    "within a day": (berlin(2026, 3, 2, 10), 3, berlin(2026, 3, 2, 13)),
    "to the minute of closing": (berlin(2026, 3, 2, 9), 8, berlin(2026, 3, 2, 17)),
    "over a night": (berlin(2026, 3, 2, 16), 2, berlin(2026, 3, 3, 10)),
    "over a weekend": (berlin(2026, 3, 6, 16), 2, berlin(2026, 3, 9, 10)),
    "a week of work": (berlin(2026, 3, 2, 9), 40, berlin(2026, 3, 6, 17)),
    "from before opening": (berlin(2026, 3, 2, 6), 1, berlin(2026, 3, 2, 10)),
    "from after closing": (berlin(2026, 3, 2, 20), 1, berlin(2026, 3, 3, 10)),
    "from a Sunday": (berlin(2026, 3, 8, 12), 1, berlin(2026, 3, 9, 10)),
    "over a holiday": (berlin(2026, 12, 24, 16), 2, berlin(2026, 12, 28, 10)),
    "over the spring change": (berlin(2026, 3, 27, 16), 2, berlin(2026, 3, 30, 10)),
    "over the autumn change": (berlin(2026, 10, 23, 16), 2, berlin(2026, 10, 26, 10)),
    "part of an hour": (berlin(2026, 3, 2, 10), Decimal("0.25"), berlin(2026, 3, 2, 10, 15)),
    "nothing, at night": (berlin(2026, 3, 2, 22), 0, berlin(2026, 3, 2, 22)),
}


@pytest.mark.parametrize(("start", "hours", "end"), ADDED.values(), ids=ADDED)
def test_hours_are_added(start, hours, end):
    found = office(holidays=[CHRISTMAS]).add(start, Decimal(hours))
    assert found == end
    assert found.tzinfo is dt.UTC


@pytest.mark.parametrize(("start", "hours", "end"), ADDED.values(), ids=ADDED)
def test_and_what_lies_between_is_what_was_added(start, hours, end):
    passed = office(holidays=[CHRISTMAS]).between(start, end)
    assert passed == dt.timedelta(hours=float(hours))


@pytest.mark.parametrize(("day", "hours"), [(berlin(2026, 3, 29), 23), (berlin(2026, 10, 25), 25)])
def test_a_day_around_the_clock_has_the_hours_that_really_pass(day, hours):
    always = office(days="mon-sun", hours="00:00-24:00")
    assert always.between(day, day + dt.timedelta(days=1)) == hours * HOUR


def test_an_opening_that_the_clock_skips_is_empty_or_later_but_never_less_than_nothing():
    """On 2026-03-29 it goes from 02:00 to 03:00."""
    night = office(days="sun", hours="02:30-03:15")
    assert night.between(berlin(2026, 3, 29), berlin(2026, 3, 30)) == dt.timedelta(0)
    assert night.between(berlin(2026, 3, 22), berlin(2026, 3, 23)) == dt.timedelta(minutes=45)


def test_a_zone_ahead_of_utc_has_its_own_monday():
    sydney = office(zone="Australia/Sydney")
    monday_ten = dt.datetime(2026, 3, 1, 23, tzinfo=dt.UTC)
    assert sydney.between(monday_ten - HOUR, monday_ten) == HOUR


def test_backwards_is_negative():
    assert office().between(berlin(2026, 3, 3, 10), berlin(2026, 3, 2, 16)) == -2 * HOUR


def test_moments_without_an_offset_and_hours_below_zero_are_no_input():
    with pytest.raises(ValueError, match="offset"):
        office().add(dt.datetime(2026, 3, 2), Decimal(1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="offset"):
        office().between(berlin(2026, 3, 2), dt.datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="taken away"):
        office().add(berlin(2026, 3, 2), Decimal(-1))


def test_sunday_to_thursday_goes_over_the_end_of_the_week():
    assert office(days="sun-thu").weekdays == {6, 0, 1, 2, 3}
    assert office(days="Mon, wed,sat").weekdays == {0, 2, 5}


UNREADABLE = {
    "BUSINESS_TIMEZONE": {"zone": "Europe/Atlantis"},
    "BUSINESS_TIMEZONE is ''": {"zone": ""},
    "BUSINESS_TIMEZONE is '../etc": {"zone": "../etc/passwd"},
    "BUSINESS_DAYS is 'weekdays'": {"days": "weekdays"},
    "BUSINESS_DAYS is ''": {"days": ""},
    "BUSINESS_DAYS is 'mon,'": {"days": "mon,"},
    "BUSINESS_HOURS is '9-5'": {"hours": "9-5"},
    "BUSINESS_HOURS is '09:00-25:00'": {"hours": "09:00-25:00"},
    "BUSINESS_HOURS must close": {"hours": "17:00-09:00"},
    "BUSINESS_HOURS must close after": {"hours": "09:00-09:00"},
    "HOLIDAYS has 'christmas'": {"holidays": ["christmas"]},
    "HOLIDAYS has '2026-02-30'": {"holidays": ["2026-12-25", "2026-02-30"]},
}


@pytest.mark.parametrize(("told", "given"), UNREADABLE.items(), ids=UNREADABLE)
def test_a_setting_that_means_nothing_is_named(told, given):
    with pytest.raises(ImproperlyConfigured, match=told.replace("(", r"\(")):
        office(**given)


def test_the_settings_are_read(settings):
    settings.BUSINESS_TIMEZONE, settings.BUSINESS_DAYS = "America/New_York", "tue-sat"
    settings.BUSINESS_HOURS, settings.HOLIDAYS = "08:30-12:00", ["2026-12-25", CHRISTMAS]
    assert BusinessHours.from_settings() == BusinessHours(
        "America/New_York", frozenset({1, 2, 3, 4, 5}), dt.time(8, 30), dt.time(12), frozenset({CHRISTMAS})
    )


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
moments = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 12, 31), timezones=st.just(dt.UTC))  # noqa: DTZ001
amounts = st.timedeltas(dt.timedelta(0), dt.timedelta(hours=300))


@st.composite
def offices(draw):
    opens, closes = sorted(draw(st.lists(st.times(), min_size=2, max_size=2, unique=True)))
    closes = draw(st.sampled_from([closes, dt.time(0)]))
    # An opening of a microsecond a week takes as many weeks as the amount has microseconds.
    if closes != dt.time(0) and closes < dt.time(min(opens.hour + 1, 23), opens.minute):
        closes = dt.time(0)
    if opens > dt.time(23):
        opens = dt.time(22)
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    holidays = draw(st.frozensets(st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)), max_size=30))
    return BusinessHours(draw(zones), days, opens, closes, holidays)


@settings(deadline=None)
@given(offices(), moments, amounts)
def test_adding_and_then_looking_between_gives_it_back(hours, start, amount):
    assert hours.between(start, hours.add(start, amount)) == amount


@settings(deadline=None)
@given(offices(), moments, moments, amounts)
def test_who_starts_later_is_not_done_earlier(hours, one, other, amount):
    amount += dt.timedelta(microseconds=1)  # adding nothing leaves a moment at night where it is
    first, second = sorted([one, other])
    assert hours.add(first, amount) <= hours.add(second, amount)


@settings(deadline=None)
@given(offices(), moments, amounts, amounts)
def test_adding_more_ends_later_and_in_parts_the_same(hours, start, some, more):
    end = hours.add(start, some + more)
    assert end >= hours.add(start, some)
    assert hours.add(hours.add(start, some), more) == end


@settings(deadline=None)
@given(offices(), st.lists(moments, min_size=3, max_size=3))
def test_time_between_adds_up_and_is_never_more_than_what_passes(hours, three):
    first, middle, last = sorted(three)
    whole = hours.between(first, last)
    assert whole == hours.between(first, middle) + hours.between(middle, last)
    assert dt.timedelta(0) <= whole <= last - first


@settings(deadline=None)
@given(moments, st.timedeltas(dt.timedelta(0), dt.timedelta(days=9)))
def test_outside_of_hours_nothing_passes(start, length):
    """Against a count minute by minute, by the wall clock alone."""
    hours = BusinessHours("Europe/Berlin", frozenset(range(5)), dt.time(9), dt.time(17), frozenset())
    start = start.replace(second=0, microsecond=0)
    minutes = int(length / dt.timedelta(minutes=1))
    walls = [(start + dt.timedelta(minutes=each)).astimezone(BERLIN) for each in range(minutes)]
    counted = sum(wall.weekday() < 5 and 9 <= wall.hour < 17 for wall in walls)
    assert hours.between(start, start + dt.timedelta(minutes=minutes)) == dt.timedelta(minutes=counted)
