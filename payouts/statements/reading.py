"""A statement is read from the ledger alone: each of its figures is a sum of entries, and each line is an entry.

opening + earned + adjusted − reversed − paid = closing. What was paid is what the payee has kept: a payment that the
bank returned is taken off it, in the period in which it came back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum, UUIDField
from django.db.models.functions import Coalesce

from attribution.models import AttributionRecord
from conversions.models import Conversion
from payouts.models import Entry, Kind, Payout, PayoutLine, Status
from payouts.statements.periods import Period

NOTHING = Decimal("0.00")
FIGURES = {
    "earned": [Kind.EARNING],
    # Two entries of what is carried over undo each other.
    "adjusted": [Kind.SETTLEMENT, Kind.RECALCULATION, Kind.MANUAL, Kind.CARRIED],
    "reversed": [Kind.REVERSAL],
    "paid": [Kind.PAYMENT, Kind.RETURNED],
}
# Told as how much they took, where their entries are below nothing.
TAKING = ("reversed", "paid")


class DoesNotBalance(Exception):
    """A statement that would not tie out is not told: there is a fault in it, or in the ledger."""


@dataclass(frozen=True)
class KindSum:
    kind: str
    count: int
    amount: Decimal


@dataclass(kw_only=True)
class Balance:
    """What a payee's balance in one currency was before the period and after it, and what moved it."""

    currency: str
    opening: Decimal = NOTHING
    earned: Decimal = NOTHING
    adjusted: Decimal = NOTHING
    reversed: Decimal = NOTHING
    paid: Decimal = NOTHING
    closing: Decimal = NOTHING
    kinds: list[KindSum] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return sum(each.count for each in self.kinds)

    def check(self, moved: Decimal) -> None:
        """Raises DoesNotBalance, also where it moved by another amount than its lines have."""
        added = self.opening + self.earned + self.adjusted - self.reversed - self.paid
        if not added == self.closing == self.opening + moved:
            raise DoesNotBalance(
                f"{self.currency}: {self.opening} + {self.earned} + {self.adjusted} - {self.reversed} - {self.paid}"
                f" is {added}, the closing is {self.closing}, and the lines add up to {moved}."
            )


def figure_of(kind: str) -> str:
    """Which of the figures an entry of this kind is in."""
    return next(name for name, kinds in FIGURES.items() if kind in kinds)


def balances(entries: QuerySet[Entry], period: Period) -> list[Balance]:
    """One a currency in which there was a balance or a movement, of the entries of one payee. Raises DoesNotBalance."""
    before, within = Q(booked_at__lt=period.start), Q(booked_at__gte=period.start)
    sums = entries.filter(booked_at__lt=period.end).order_by().values("currency", "kind")
    sums = sums.annotate(
        before=Sum("amount", filter=before, default=NOTHING),
        moved=Sum("amount", filter=within, default=NOTHING),
        count=Count("pk", filter=within),
        total=Sum("amount"),
    )
    found: dict[str, Balance] = {}
    moved: dict[str, Decimal] = {}
    for each in sums.order_by("currency", "kind"):
        balance = found.setdefault(each["currency"], Balance(currency=each["currency"]))
        _add(balance, each)
        moved[balance.currency] = moved.get(balance.currency, NOTHING) + each["moved"]
    for balance in found.values():
        balance.kinds.sort(key=lambda each: Kind.values.index(each.kind))
        balance.check(moved[balance.currency])
    return [each for each in found.values() if each.opening or each.lines]


def _add(balance: Balance, sums: Mapping[str, Any]) -> None:
    """The sums of one kind of entries."""
    balance.opening += sums["before"]
    balance.closing += sums["total"]
    for name, kinds in FIGURES.items():
        if sums["kind"] in kinds:
            moved = -sums["moved"] if name in TAKING else sums["moved"]
            setattr(balance, name, getattr(balance, name) + moved)
    if sums["count"]:
        balance.kinds.append(KindSum(sums["kind"], sums["count"], sums["moved"]))


def lines_of(entries: QuerySet[Entry], period: Period) -> QuerySet[Entry]:
    """The entries of the period, each with what it names: its record's model and share of the conversion, the
    conversion and its policy, and the payout that pays it, once that is decided."""
    record = AttributionRecord.objects.filter(pk=OuterRef("record_id"))
    conversion = Conversion.objects.filter(pk=OuterRef("conversion_id"))
    line = PayoutLine.objects.filter(entry_id=OuterRef("pk"), live=True).values("payout_id")
    paying = Payout.objects.filter(pk=OuterRef("paying_id"), status__in=[Status.APPROVED, Status.PAID])
    return (
        entries.filter(booked_at__gte=period.start, booked_at__lt=period.end)
        .annotate(paying_id=Coalesce("payout_id", Subquery(line), output_field=UUIDField()))
        .annotate(
            model=Subquery(record.values("model")),
            credit=Subquery(record.values("credit")),
            conversion_type=Subquery(conversion.values("type")),
            occurred_at=Subquery(conversion.values("occurred_at")),
            policy_number=Subquery(conversion.values("policy_number")),
            payout_number=Subquery(paying.values("number")),
        )
        .order_by("currency", "booked_at", "id")
    )


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read within is of one moment, though others book meanwhile. Within a transaction of somebody else's it
    is as that one is."""
    is_ours = not connection.in_atomic_block
    with transaction.atomic():
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def checked_lines(lines: QuerySet[Entry], found: list[Balance]) -> Iterator[tuple[Balance, Iterator[Any]]]:
    """Each balance with its lines, to be read in this order and to the end. A line has its running `balance`. Raises
    DoesNotBalance behind the last line of a currency whose lines do not lead to its closing."""
    rows: Iterator[Any] = lines.iterator(chunk_size=2000)
    ahead = next(rows, None)

    def of(balance: Balance) -> Iterator[Any]:
        nonlocal ahead
        running = balance.opening
        while ahead is not None and ahead.currency == balance.currency:
            line, ahead = ahead, next(rows, None)
            running += line.amount
            line.balance = running
            yield line
        balance.check(running - balance.opening)

    for balance in found:
        yield balance, of(balance)
    if ahead is not None:
        raise DoesNotBalance(f"There are lines in {ahead.currency}, and no balance.")
