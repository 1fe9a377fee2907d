"""What a payee is told of a payment: the lines of its payout, as a PDF."""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate

from partners.models import Broker, Partner
from payouts.exports.remittance import Advice, Group, Line, remittance
from payouts.models import BankAccount, Entry, Kind, Payout

# Of more lines than people read, a PDF has the sums of each day.
MOST_LINES = 2000


def remittance_of(payout: Payout) -> bytes:
    """The same bytes each time, of a payout that is paid."""
    return remittance(advice_of(payout))


def advice_of(payout: Payout) -> Advice:
    assert payout.paid_at is not None
    account, name = _account(payout), _name(payout)
    since = payout.period_start or "the first entry"
    return Advice(
        payout=str(payout),
        payer=settings.PAYER["PAYER_NAME"] or "The house",
        payee=name,
        holder=account.holder if account else name,
        account=str(account) if account else payout.get_method_display(),
        currency=payout.currency,
        period=f"{since} to {payout.period_end}",
        paid_on=payout.paid_at.astimezone(dt.UTC).date(),
        groups=_groups(payout),
        total=payout.total,
    )


def _account(payout: Payout) -> BankAccount | None:
    """The one that the bank file named; a payment by hand went nowhere that we know of."""
    named = payout.orders.filter(refused_in=None).values("account_id")
    return BankAccount.objects.filter(pk__in=named).first()


def _name(payout: Payout) -> str:
    model = Partner if payout.payee_type == "partner" else Broker
    found = model.objects.filter(pk=payout.payee_id).values_list("name", flat=True).first()
    return found or payout.payee_id


def _groups(payout: Payout) -> Sequence[Group]:
    entries = Entry.objects.filter(pk__in=payout.lines.filter(live=True).values("entry_id"))
    lines = _each(entries) if payout.line_count <= MOST_LINES else _by_day(entries)
    return [
        Group(title=Kind(kind).label, lines=[line for _, line in of]) for kind, of in groupby(lines, lambda at: at[0])
    ]


def _each(entries: QuerySet[Entry]) -> Iterable[tuple[str, Line]]:
    for entry in entries.order_by("kind", "booked_at", "id"):
        day = entry.earned_on or entry.booked_at.astimezone(dt.UTC).date()
        reference = entry.lead_id or str(entry.conversion_id or "")
        yield entry.kind, Line(day=day, reference=reference, text=entry.note, amount=entry.amount)


def _by_day(entries: QuerySet[Entry]) -> Iterable[tuple[str, Line]]:
    days = entries.order_by().annotate(day=TruncDate("booked_at", tzinfo=dt.UTC)).values("kind", "day")
    for each in days.annotate(total=Sum("amount"), count=Count("pk")).order_by("kind", "day"):
        text = f"{each['count']:,} entries of the day"
        yield each["kind"], Line(day=each["day"], reference="", text=text, amount=each["total"])
