"""A payee's months under other terms: what it earned, and what the same shares would have come to."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from attribution.models import AttributionRecord
from conversions import currencies
from payouts.models import Entry, Kind, Terms
from payouts.terms.working import Share, SoFar, earn

NOTHING = Decimal(0)


@dataclass
class Month:
    """`volume`: the payee's shares before any terms."""

    month: dt.date
    conversions: set[str] = field(default_factory=set)
    volume: Decimal = NOTHING
    earned: Decimal = NOTHING
    would_earn: Decimal = NOTHING

    @property
    def difference(self) -> Decimal:
        return self.would_earn - self.earned


def try_terms(*, terms: Terms, payee: tuple[str, str], currency: str, since: dt.date, until: dt.date) -> list[Month]:
    """Month by month, for what the payee earned by conversions of these days, both in; a month that begins before
    `since` is taken from its first day on, as tiers and caps are. Two queries. Nothing is written."""
    months: dict[dt.date, Month] = {}
    shares: dict[dt.date, list[Share]] = {}
    entries = _entries(payee, currency, since.replace(day=1), until)
    for entry, share in zip(entries, _shares(entries), strict=True):
        month = share.day.replace(day=1)
        row = months.setdefault(month, Month(month))
        row.conversions.add(share.conversion)
        row.volume += share.amount
        row.earned += entry.amount
        shares.setdefault(month, []).append(share)
    unit = currencies.smallest_unit(currency)
    for month, some in shares.items():
        made = earn(terms.snapshot, some, SoFar(month, unit=unit))
        months[month].would_earn = sum((each.amount for each in made), NOTHING)
    return [months[month] for month in sorted(months)]


def _entries(payee: tuple[str, str], currency: str, since: dt.date, until: dt.date) -> list[Entry]:
    earned = Entry.objects.of(*payee).filter(kind=Kind.EARNING, currency=currency)
    return list(earned.filter(earned_on__range=(since, until)).order_by("earned_on", "pk"))


def _shares(entries: Sequence[Entry]) -> list[Share]:
    """Of what was booked: its record says what the entry does not."""
    records = AttributionRecord.objects.in_bulk([entry.record_id for entry in entries])
    return [_share(entry, records[entry.record_id]) for entry in entries if entry.record_id]


def _share(entry: Entry, record: AttributionRecord) -> Share:
    return Share(
        record=str(record.pk),
        conversion=str(record.conversion_id),
        conversion_type=record.conversion_type,
        occurred_at=record.occurred_at,
        credit=record.credit,
        amount=entry.share if entry.share is not None else record.commission_amount,
    )
