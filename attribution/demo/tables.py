"""Leads as rows: Arrow tables in the columns of `Touchpoint` and `Conversion`."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.demo import catalogue, leads

QUARTERS = ["q1", "q2", "q3", "q4"]
TIMESTAMP = pa.timestamp("us", tz="UTC")
SITTING = 30 * leads.MINUTE  # a longer pause starts a new session
CREATIVES = ["hero-family", "text-savings", "video-15s", "carousel-reviews"]
TERMS = ["cheap {product} insurance", "{product} insurance quote", "best {product} insurance"]

# One entry a place of a channel: (channel code, source, medium, weight, click id).
PLACES = [(code, *place) for code, channel in enumerate(catalogue.CHANNELS.values()) for place in channel.places]
# One entry a campaign of a channel, and last the one that policy holders get.
CAMPAIGNS: list[tuple[int | None, str]] = [
    (code, template) for code, channel in enumerate(catalogue.CHANNELS.values()) for template in channel.campaigns
]
CAMPAIGNS.append((None, catalogue.RENEWAL_CAMPAIGN))
# How often a touch of the channel belongs to the lead's partner or broker.
BY_PARTNER = {"partner_referral": 1, "affiliate": 1, "webinar": 0.4, "event": 0.5}
BY_BROKER = {"broker_referral": 1, "phone_call": 0.25}


def touchpoints(chunk: leads.Leads) -> pa.Table:
    touches, rng = chunk.touches, chunk.rng
    product = chunk.product[touches.lead]
    by_partner = _belongs(rng, touches.channel, BY_PARTNER)
    by_broker = _belongs(rng, touches.channel, BY_BROKER)
    partner = _unless(~by_partner, _pick([p.id for p in catalogue.PARTNERS], chunk.partner[touches.lead]))
    broker = _unless(~by_broker, _pick([b.id for b in catalogue.BROKERS], chunk.broker[touches.lead]))
    place = _choose_within(rng, touches.channel, PLACES, [weight for *_, weight, _ in PLACES])
    received = touches.at + rng.integers(20_000, 900_000, len(touches.at))
    return pa.table(
        {
            "id": uuids(rng, touches.at),
            "lead_id": _numbered("demo-", chunk.first_number + touches.lead),
            "session_id": _sessions(chunk),
            "channel": _pick(leads.CHANNEL_NAMES, touches.channel),
            "source": _sources(chunk, place),
            "medium": _pick([medium for _, _, medium, _, _ in PLACES], place),
            "campaign": _campaigns(chunk),
            "content": _only(touches.channel, ["display_ad", "social_media"], _any(rng, CREATIVES, product)),
            "term": _only(touches.channel, ["paid_search"], _any(rng, TERMS, product)),
            "referral_code": _only(touches.channel, ["referral"], _invitations(chunk)),
            "partner_id": partner,
            "broker_id": broker,
            "click_ids": _click_ids(rng, place),
            "timestamp": pa.array(touches.at, TIMESTAMP),
            "received_at": pa.array(received, TIMESTAMP),
        }
    )


def conversions(chunk: leads.Leads) -> pa.Table:
    sales, rng = chunk.sales, chunk.rng
    number = chunk.first_number + sales.lead
    product = chunk.product[sales.lead]
    is_quote = sales.kind == leads.QUOTE
    value = _values(rng, product, sales.kind)
    rates = [int(rate.replace(".", "")) for rate in catalogue.COMMISSION_RATES.values()]
    rate = np.array(rates)[sales.kind]
    stored = pa.array(sales.at + rng.integers(1_000_000, 240_000_000, len(sales.at)), TIMESTAMP)
    lead_id = _numbered("demo-", number)
    return pa.table(
        {
            "id": uuids(rng, sales.at),
            "external_id": _join(lead_id, "-", _pick(["quote", "policy", "renewal"], sales.kind)),
            "lead_id": lead_id,
            "type": _pick(leads.CONVERSION_TYPES, sales.kind),
            "value": _decimal(value, 2),
            "currency": _pick(["USD", "EUR"], chunk.in_euro[sales.lead].astype(np.int16)),
            "policy_id": _unless(is_quote, _numbered("demo-policy-", number)),
            "policy_number": _unless(is_quote, _policy_numbers(chunk, number, product)),
            "commission_rate": _decimal(rate, 6),
            # Half a cent goes up, as it does on an invoice.
            "commission_amount": _decimal((value * rate + 500_000) // 1_000_000, 2),
            "occurred_at": pa.array(sales.at, TIMESTAMP),
            "created_at": stored,
            "updated_at": stored,
        }
    )


def uuids(rng, at):
    """Version 7: the milliseconds of the row's own time, then bits of the chunk's stream."""
    raw = rng.integers(0, 256, (len(at), 16), np.uint8)
    raw[:, :6] = (at // 1000).astype(">i8").view(np.uint8).reshape(-1, 8)[:, 2:]
    raw[:, 6] = raw[:, 6] & 0x0F | 0x70
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    return _hex(raw)


def _hex(raw):
    digits = raw.tobytes().hex().encode()
    return pa.array(np.frombuffer(digits, f"S{raw.shape[1] * 2}")).cast(pa.string())


def _pick(names, index):
    return pa.array(names, pa.string()).take(pa.array(index))


def _numbered(prefix, number):
    return _join(prefix, pc.utf8_lpad(pa.array(number).cast(pa.string()), 7, "0"))


def _join(*parts):
    return pc.binary_join_element_wise(*parts, "")


def _unless(mask, column):
    return pc.if_else(pa.array(mask), None, column)


def _only(channel, names, column):
    return _unless(~np.isin(channel, [leads.CODE[name] for name in names]), column)


def _any(rng, templates, product):
    """One of the templates for each row, filled in with its product."""
    texts = [template.format(product=p.key) for template in templates for p in catalogue.PRODUCTS]
    chosen = rng.integers(0, len(templates), len(product))
    return _pick(texts, chosen * len(catalogue.PRODUCTS) + product)


def _decimal(units, places):
    """Whole units as exact decimals: 123456 with two places is 1234.56."""
    words = np.stack([units.astype(np.int64), np.zeros(len(units), np.int64)], axis=1)
    return pa.Array.from_buffers(pa.decimal128(18, places), len(units), [None, pa.py_buffer(words.tobytes())])


def _belongs(rng, channel, shares):
    chance = np.zeros(len(leads.CHANNEL_NAMES))
    for name, share in shares.items():
        chance[leads.CODE[name]] = share
    return rng.random(len(channel)) < chance[channel]


def _choose_within(rng, channel, entries, weights):
    """For each touch one of its channel's entries, by weight: an index into `entries`."""
    codes = np.array([-1 if entry[0] is None else entry[0] for entry in entries])
    chosen = np.full(len(channel), -1)
    for code in np.unique(codes[codes >= 0]):
        mine, own = channel == code, np.flatnonzero(codes == code)
        chosen[mine] = own[leads.choose(rng, np.array(weights)[own], mine.sum())]
    return chosen


def _sources(chunk, place):
    """The site of the partner for what partners bring, otherwise the place."""
    slugs = [payee.id.removeprefix("partner-") for payee in catalogue.PARTNERS]
    from_partner = np.isin(chunk.touches.channel, [leads.CODE["partner_referral"], leads.CODE["affiliate"]])
    return pc.if_else(
        pa.array(from_partner),
        _pick(slugs, chunk.partner[chunk.touches.lead]),
        _pick([source for _, source, *_ in PLACES], place),
    )


def _campaigns(chunk):
    touches = chunk.touches
    chosen = _choose_within(chunk.rng, touches.channel, CAMPAIGNS, [1.0] * len(CAMPAIGNS))
    chosen[touches.about_renewal & (chosen >= 0)] = len(CAMPAIGNS) - 1
    month = touches.at.astype("M8[us]").astype("M8[M]").astype(np.int64) % 12
    texts = [
        template.format(product=product.key, quarter=quarter)
        for _, template in CAMPAIGNS
        for product in catalogue.PRODUCTS
        for quarter in QUARTERS
    ]
    index = (chosen * len(catalogue.PRODUCTS) + chunk.product[touches.lead]) * len(QUARTERS) + month // 3
    return _unless(chosen < 0, _pick(texts, np.maximum(index, 0)))


def _sessions(chunk):
    touches = chunk.touches
    pause = np.diff(touches.at, prepend=0) > SITTING
    opens = pause | (np.diff(touches.lead, prepend=-1) != 0)
    session = np.cumsum(opens)
    first_of_lead = session[np.searchsorted(touches.lead, touches.lead)]
    number = pa.array(session - first_of_lead + 1).cast(pa.string())
    return _join(_numbered("s-", chunk.first_number + touches.lead), "-", number)


def _invitations(chunk):
    inviter = chunk.rng.integers(0, leads.CHUNK, len(chunk.touches.at))
    return _numbered("INVITE-", inviter)


def _click_ids(rng, place):
    kinds = [click for *_, click in PLACES]
    token = _hex(rng.integers(0, 256, (len(place), 12), np.uint8))
    without = np.array([click == "" for click in kinds])[place]
    return _unless(without, _join('{"', _pick(kinds, place), '": "', token, '"}'))


def _values(rng, product, kind):
    """Cents: a set price for a quote, a premium around the product's median for a policy or renewal."""
    median = np.array([p.premium for p in catalogue.PRODUCTS])[product]
    spread = np.array([p.spread for p in catalogue.PRODUCTS])[product]
    premium = np.rint(median * np.exp(spread * rng.standard_normal(len(product))) * 100).astype(np.int64)
    quote = np.array([p.quote_value for p in catalogue.PRODUCTS])[product] * 100
    return np.where(kind == leads.QUOTE, quote, premium)


def _policy_numbers(chunk, number, product):
    year = chunk.policy_since[chunk.sales.lead].astype("M8[us]").astype("M8[Y]").astype(np.int64) + 1970
    prefix = _pick([p.prefix for p in catalogue.PRODUCTS], product)
    return _join(prefix, "-", pa.array(year).cast(pa.string()), "-", _numbered("", number))
