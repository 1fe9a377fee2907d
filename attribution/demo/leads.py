"""Believable insurance leads from a seeded generator: NumPy arrays, no database, no clock.

Leads come in chunks of a fixed size, each with its own random stream, so that memory stays flat and the
first thousand leads are the same whether a thousand or a million are asked for.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from attribution.demo import catalogue

CHUNK = 10_000
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
MOST_TOUCHES = 18  # two reminders may follow: no lead has more than 20

CHANNEL_NAMES = list(catalogue.CHANNELS)
CODE = {name: code for code, name in enumerate(CHANNEL_NAMES)}
LIFT = np.array([channel.lift for channel in catalogue.CHANNELS.values()])
MONTHLY = np.array([product.monthly for product in catalogue.PRODUCTS])
CONVERSION_TYPES = list(catalogue.COMMISSION_RATES)
QUOTE, POLICY, RENEWAL = range(3)

HOLDERS = 0.05  # leads who are policy holders already, with a renewal coming up
UNTRACKED = 0.015  # leads who convert and never let themselves be tracked
BASE_LOG_ODDS = -2.1


@dataclass
class Touches:
    """One entry a touch, in order of lead and time. `about_renewal` marks reminders to policy holders."""

    lead: np.ndarray
    at: np.ndarray
    channel: np.ndarray
    about_renewal: np.ndarray

    def keep(self, mask):
        return Touches(self.lead[mask], self.at[mask], self.channel[mask], self.about_renewal[mask])


@dataclass
class Sales:
    """One entry a conversion; `kind` indexes CONVERSION_TYPES."""

    lead: np.ndarray
    at: np.ndarray
    kind: np.ndarray


@dataclass
class Leads:
    first_number: int
    product: np.ndarray
    partner: np.ndarray
    broker: np.ndarray
    in_euro: np.ndarray
    policy_since: np.ndarray  # what the year in the policy's number is taken from
    touches: Touches
    sales: Sales
    rng: np.random.Generator  # for the details that the tables add


def window(today: dt.date, days: int) -> tuple[int, int]:
    """Microseconds since 1970 of the first midnight and of the one that ended yesterday, in UTC."""
    end = int(dt.datetime(today.year, today.month, today.day, tzinfo=dt.UTC).timestamp()) * 1_000_000
    return end - days * DAY, end


def chunks(*, leads: int, days: int, seed: int, today: dt.date):
    """Yield the leads in chunks; the last one is cut to the number asked for."""
    for number, first in enumerate(range(0, leads, CHUNK)):
        rng = np.random.default_rng([seed, number])
        yield _chunk(rng, first_number=first, wanted=min(CHUNK, leads - first), days=days, today=today)


def _chunk(rng, *, first_number, wanted, days, today):
    start, end = window(today, days)
    product = choose(rng, [p.weight for p in catalogue.PRODUCTS], CHUNK)
    holder = rng.random(CHUNK) < HOLDERS
    touches = _journeys(rng, _arrivals(rng, start, days), holder)
    sales, reminders = _sales(rng, touches, holder, product, end)
    touches = _merged(touches, reminders)
    touches = touches.keep(touches.at < end)
    sales = Sales(*(column[sales.at < end] for column in (sales.lead, sales.at, sales.kind)))

    untracked = np.zeros(CHUNK, bool)
    untracked[sales.lead] = rng.random(len(sales.lead)) < UNTRACKED
    touches = touches.keep(~untracked[touches.lead] & (touches.lead < wanted))
    wanted_sales = sales.lead < wanted
    return Leads(
        first_number=first_number,
        product=product,
        partner=choose(rng, [p.weight for p in catalogue.PARTNERS], CHUNK),
        broker=choose(rng, [b.weight for b in catalogue.BROKERS], CHUNK),
        in_euro=rng.random(CHUNK) < 0.03,
        policy_since=np.where(holder, start, end),
        touches=touches,
        sales=Sales(sales.lead[wanted_sales], sales.at[wanted_sales], sales.kind[wanted_sales]),
        rng=rng,
    )


def choose(rng, weights, size):
    """`size` indexes into the weights, each as often as its weight says."""
    edges = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(edges[:-1], rng.random(size), side="right").astype(np.int16)


def _arrivals(rng, start, days):
    """When each lead is first seen: busier on workdays and in the evening, slowly more over time."""
    first_weekday = (start // DAY + 3) % 7  # 1970-01-01 was a Thursday
    weekday = np.array(catalogue.WEEKDAYS)[(first_weekday + np.arange(days)) % 7]
    day = choose(rng, weekday * np.linspace(0.85, 1.15, days), CHUNK).astype(np.int64)
    hour = choose(rng, catalogue.HOURS, CHUNK).astype(np.int64)
    return start + day * DAY + hour * HOUR + rng.integers(0, HOUR, CHUNK)


def _journeys(rng, first_seen, holder):
    length = np.clip(1 + rng.negative_binomial(1.3, 0.28, CHUNK), 1, MOST_TOUCHES)
    length[holder] = rng.integers(1, 4, holder.sum())
    lead = np.repeat(np.arange(CHUNK), length)
    first = np.cumsum(length) - length
    place = np.arange(len(lead)) - first[lead]
    gap = np.where(place == 0, 0, _gaps(rng, len(lead)))
    since_any = np.cumsum(gap)
    at = first_seen[lead] + since_any - since_any[first[lead]]
    channel = _channels(rng, place, length[lead])
    channel[holder[lead]] = _reminder_channels(rng, holder[lead].sum())
    return Touches(lead, at, channel, holder[lead])


def _gaps(rng, size):
    """The same sitting, the next day, or some other week."""
    kind = choose(rng, [35, 40, 25], size)
    median = np.array([12 * MINUTE, 20 * HOUR, 5 * DAY])[kind]
    spread = np.array([0.9, 0.7, 0.6])[kind]
    gap = median * np.exp(spread * rng.standard_normal(size))
    return np.clip(gap, MINUTE, 30 * DAY).astype(np.int64)


def _channels(rng, place, length):
    stage = np.select([place == 0, place == length - 1], [0, 2], 1)
    by_stage = [
        choose(rng, [getattr(c, name) for c in catalogue.CHANNELS.values()], len(place))
        for name in ("opens", "middle", "closes")
    ]
    channel = np.choose(stage, by_stage)
    # One touch in six comes by the channel of the one before it.
    own = np.where((rng.random(len(place)) < 1 / 6) & (place > 0), 0, np.arange(len(place)))
    return channel[np.maximum.accumulate(own)]


def _reminder_channels(rng, size):
    codes = np.array([CODE[name] for name in catalogue.RENEWAL_WEIGHTS], np.int16)
    return codes[choose(rng, list(catalogue.RENEWAL_WEIGHTS.values()), size)]


def _sales(rng, touches, holder, product, end):
    """Quote, then policy, then renewal; and the reminders that come before a renewal."""
    count = np.bincount(touches.lead, minlength=CHUNK)
    last = np.cumsum(count) - 1
    pull = np.bincount(touches.lead, LIFT[touches.channel], CHUNK) / np.sqrt(count)
    odds = BASE_LOG_ODDS + pull + 0.05 * count
    converts = rng.random(CHUNK) < 1 / (1 + np.exp(-odds))

    quote_touch = last - np.floor(count * rng.uniform(0, 0.5, CHUNK)).astype(np.int64)
    quoted_at = touches.at[quote_touch] + _delay(rng, 25 * MINUTE, 0.8)
    bound_at = np.maximum(touches.at[last] + _delay(rng, 1.5 * DAY, 0.8), quoted_at + HOUR)
    renewed_at = touches.at[last] + _delay(rng, 8 * HOUR, 0.9)
    again_at = bound_at + 30 * DAY - _delay(rng, DAY, 0.5)

    quotes = converts & ~holder
    binds = quotes & (rng.random(CHUNK) < 0.46) & (quoted_at < end)
    renews = holder & (rng.random(CHUNK) < 0.7)
    again = binds & MONTHLY[product] & (rng.random(CHUNK) < 0.55) & (again_at < end)
    made = [
        (quotes, quoted_at, QUOTE),
        (binds, bound_at, POLICY),
        (renews, renewed_at, RENEWAL),
        (again, again_at, RENEWAL),
    ]
    sales = Sales(
        np.concatenate([np.flatnonzero(mask) for mask, _, _ in made]),
        np.concatenate([at[mask] for mask, at, _ in made]),
        np.concatenate([np.full(mask.sum(), kind) for mask, _, kind in made]),
    )
    return sales, _reminders(rng, np.flatnonzero(again), again_at[again])


def _delay(rng, median, spread):
    return (median * np.exp(spread * rng.standard_normal(CHUNK))).astype(np.int64)


def _reminders(rng, lead, renewed_at):
    lead, renewed_at = np.repeat(lead, 2), np.repeat(renewed_at, 2)
    early = np.arange(len(lead)) % 2 == 0
    before = np.where(early, rng.uniform(3, 7, len(lead)) * DAY, rng.uniform(0.2, 6, len(lead)) * HOUR)
    channel = np.where(early, CODE["email"], _reminder_channels(rng, len(lead))).astype(np.int16)
    return Touches(lead, renewed_at - before.astype(np.int64), channel, np.ones(len(lead), bool))


def _merged(one, other):
    lead, at = np.concatenate([one.lead, other.lead]), np.concatenate([one.at, other.at])
    order = np.lexsort((at, lead))
    return Touches(
        lead[order],
        at[order],
        np.concatenate([one.channel, other.channel])[order],
        np.concatenate([one.about_renewal, other.about_renewal])[order],
    )
