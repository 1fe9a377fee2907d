"""Whatever is booked, and however time is cut into periods: statements chain, and together they are the ledger."""

import csv
import datetime as dt
import io
from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversions.currencies import smallest_unit
from payouts import statements
from payouts.models import Entry, Kind
from payouts.statements import Period, balances
from tests.payouts import books

pytestmark = pytest.mark.django_db
FIRST, DAYS = dt.date(2026, 1, 1), 120
LAST = FIRST + dt.timedelta(days=DAYS - 1)
# The ledger's columns hold two decimals: of the third that dinars have there is none.
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
SIGNED = {Kind.PAYMENT: -1, Kind.RETURNED: 1}
CAUSES = {
    Kind.EARNING: ("record_id",),
    Kind.REVERSAL: ("record_id", "adjustment_id"),
    Kind.SETTLEMENT: ("record_id", "adjustment_id"),
    Kind.RECALCULATION: ("proposal_id",),
    Kind.MANUAL: ("proposal_id",),
}


@st.composite
def booked(draw):
    kind, currency = draw(st.sampled_from(Kind.values)), draw(st.sampled_from(CURRENCIES))
    units = draw(st.integers(-10_000_000, 10_000_000))
    if kind in SIGNED:
        units = SIGNED[kind] * (abs(units) or 1)
    moment = dt.datetime.combine(FIRST, dt.time(), dt.UTC) + dt.timedelta(
        # The first and the last moments of days are where a boundary would be wrong.
        days=draw(st.integers(0, DAYS - 1)),
        microseconds=draw(st.sampled_from([0, 1, 43_200_000_000, 86_399_999_999])),
    )
    amount = units * max(smallest_unit(currency), Decimal("0.01"))
    entry = Entry(kind=kind, payee_type="partner", payee_id="partner-1", currency=currency, amount=amount)
    entry.booked_at = moment
    for cause in CAUSES.get(kind, ("payout_id",)):
        setattr(entry, cause, books.new_id())
    if kind == Kind.EARNING:
        entry.share, entry.earned_on = entry.amount, moment.date()
    return entry


def periods(cuts):
    starts = sorted({FIRST, *(FIRST + dt.timedelta(days=cut) for cut in cuts), LAST + dt.timedelta(days=1)})
    return [Period(start, after - dt.timedelta(days=1)) for start, after in pairwise(starts)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(booked(), max_size=25), st.sets(st.integers(1, DAYS - 1), max_size=5))
def test_closings_are_the_next_openings_and_the_last_is_the_ledgers_balance(db, entries, cuts):
    with transaction.atomic():
        Entry.objects.bulk_create(entries)
        books.owed("7.00", payee="partner-2")
        check_chain(periods(cuts))
        transaction.set_rollback(True)


def check_chain(chain):
    payee = books.partner()
    own = Entry.objects.of("partner", payee.pk)
    running, figures, told = Counter(), Counter(), []
    for period in chain:
        found = {each.currency: each for each in balances(own, period)}
        for currency in CURRENCIES:
            each = found.get(currency, statements.Balance(currency=currency))
            assert each.opening == running[currency]
            running[currency] = each.closing
            figures.update({(currency, name): getattr(each, name) for name in statements.FIGURES})
        told += [line.pk for line in statements.lines_of(own, period)]
        check_file(payee, period, found)
    ledger = {each["currency"]: each["balance"] for each in own.balances()}
    assert {currency: running[currency] for currency in ledger} == ledger
    assert sorted(told) == sorted(own.values_list("pk", flat=True))
    for each in balances(own, Period(FIRST, LAST)):
        assert {name: getattr(each, name) for name in statements.FIGURES} == {
            name: figures[each.currency, name] for name in statements.FIGURES
        }


def check_file(payee, period, found):
    """Of the CSV's own rows: what it adds up to is where it ends."""
    rows = list(csv.DictReader(io.StringIO("".join(statements.csv_chunks(payee, period)), newline="")))
    for currency, balance in found.items():
        own = [row for row in rows if row["currency"] == currency]
        assert sum(Decimal(row["amount"] or 0) for row in own) == Decimal(own[-1]["balance"]) == balance.closing
    assert {row["currency"] for row in rows} == set(found)
