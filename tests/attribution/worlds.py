"""Small worlds of leads for tests, and a plain calculation of journeys to hold the real one against."""

import datetime as dt
import random
from decimal import Decimal

from conversions.models import Conversion
from touchpoints.models import Channel, Touchpoint

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def make_world(leads, *, seed=1, touches=(0, 8), conversions=(0, 3), currencies=("USD",)):
    """Random leads, some with several conversions, some with touches after them or none at all."""
    chance = random.Random(seed)
    made_touches, made_conversions = [], []
    for number in range(leads):
        lead = f"lead-{seed}-{number}"
        for _ in range(chance.randint(*touches)):
            channel = chance.choice(Channel.values)
            made_touches.append(
                Touchpoint(
                    lead_id=lead,
                    channel=channel,
                    source=chance.choice(["google", "bing", None]),
                    campaign=chance.choice(["autumn", "winter", None]),
                    partner_id=chance.choice(["partner-1", "partner-2", None, None]),
                    broker_id=chance.choice(["broker-1", None, None]),
                    timestamp=NOW - chance.randint(-200, 2400) * HOUR,
                )
            )
        for _ in range(chance.randint(*conversions)):
            currency = chance.choice(currencies)
            value = Decimal(chance.randint(0, 500_000)) / (1 if currency == "JPY" else 100)
            made_conversions.append(
                Conversion(
                    lead_id=lead,
                    type=chance.choice(Conversion.Type.values),
                    value=value,
                    currency=currency,
                    commission_amount=(value / 10).quantize(Decimal(1) if currency == "JPY" else Decimal("0.01")),
                    occurred_at=NOW - chance.randint(0, 720) * HOUR,
                )
            )
    Touchpoint.objects.bulk_create(made_touches)
    Conversion.objects.bulk_create(made_conversions)


def journey_of(conversion, *, lookback_days=90, restart=False):
    """RULES, Journeys, word for word: slow and obvious."""
    since = conversion.occurred_at - dt.timedelta(days=lookback_days)
    touches = Touchpoint.objects.filter(
        lead_id=conversion.lead_id, timestamp__gte=since, timestamp__lte=conversion.occurred_at
    )
    if restart:
        before = [
            other
            for other in Conversion.objects.filter(lead_id=conversion.lead_id)
            if (other.occurred_at, other.pk) < (conversion.occurred_at, conversion.pk)
        ]
        if before:
            touches = touches.filter(timestamp__gt=max(other.occurred_at for other in before))
    return list(touches.order_by("timestamp", "id"))


def stored(*, without=("calculated_at", "run_id", "config_id")):
    """All records, ordered, without what tells when and by which run they were made."""
    from attribution.models import AttributionRecord

    rows = AttributionRecord.objects.order_by("pk").values()
    return [{name: value for name, value in row.items() if name not in without} for row in rows]
