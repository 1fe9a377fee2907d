"""From the rows of a period to the tables of a report: sums and shares, exact, with no database and no clock."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

CENT = Decimal("0.01")
MILLIONTH = Decimal("0.000001")
NOTHING = Decimal("0.00")
TOP_CHANNELS = 5
# Cost comes from a source that is not there yet. What is not known is null, never 0.
UNKNOWN_COST = {"spend": None, "roas": None, "cpa": None, "roi": None}


class Sums:
    """What adds up in every table of the report."""

    def __init__(self, rows=()):
        self.number = 0
        self.credit = Decimal(0)
        self.revenue = self.commission = self.payable = NOTHING
        for row in rows:
            self.add(row)

    def add(self, row):
        self.number += row.number
        self.credit += row.credit or 0
        self.revenue += row.revenue or 0
        self.commission += row.commission or 0
        self.payable += row.payable or 0

    def shown(self):
        return {
            "conversions": self.credit.quantize(MILLIONTH),
            "total_revenue": self.revenue,
            "total_commission": self.commission,
        }


def sums_by(rows, *names):
    """Sums of the rows by the value of one column, or by the values of several. Rows without it count nowhere."""
    groups: defaultdict[Any, Sums] = defaultdict(Sums)
    for row in rows:
        key = tuple(getattr(row, name) for name in names)
        if key[0] is not None:
            groups[key if len(names) > 1 else key[0]].add(row)
    return groups


def by_most_revenue(groups):
    return sorted(groups, key=lambda key: (-groups[key].revenue, key))


def share(part, whole, step):
    return (Decimal(part) / whole if whole else Decimal(0)).quantize(step)


def summary(parts, currency):
    total = Sums(row for row in parts["conversions"] if row.currency == currency)
    counted = Sums(parts["payees"])
    # Without filters on touches the statement leaves this part out: what is counted is all there is.
    attributed = Sums(parts["all"]) if parts["all"] and parts["all"][0].number else counted
    return {
        "total_conversions": total.number,
        "total_revenue": total.revenue,
        "total_commission": total.commission,
        "attributed_conversions": counted.credit.quantize(MILLIONTH),
        "attributed_revenue": counted.revenue,
        "attributed_commission": counted.commission,
        "payable_commission": counted.payable,
        "filtered_out_revenue": attributed.revenue - counted.revenue,
        "filtered_out_commission": attributed.commission - counted.commission,
        "unattributed_revenue": total.revenue - attributed.revenue,
        "unattributed_commission": total.commission - attributed.commission,
        **UNKNOWN_COST,
    }


def by_channel(parts):
    earned = sums_by(parts["payees"], "channel")
    touched = sums_by(parts["touches"], "channel")
    converting = sums_by(parts["converting"], "channel")
    whole = sum((sums.revenue for sums in earned.values()), NOTHING)
    for channel in touched:
        earned.setdefault(channel, Sums())
    return [
        {
            "channel": channel,
            "total_touchpoints": touched[channel].number,
            "converting_touchpoints": converting[channel].number,
            "conversion_rate": share(converting[channel].number, touched[channel].number, Decimal("0.0001")),
            **earned[channel].shown(),
            "attribution_percentage": share(earned[channel].revenue * 100, whole, CENT),
        }
        for channel in by_most_revenue(earned)
    ]


def by_payee(parts, kind, names):
    """The table of partners (`kind` "partner") or brokers, those without credit but with touches included."""
    earned, touched = (sums_by(parts[part], f"{kind}_id") for part in ("payees", "touches"))
    channels: defaultdict[str, dict[str, Sums]] = defaultdict(dict)
    for (payee, channel), sums in sums_by(parts["payees"], f"{kind}_id", "channel").items():
        channels[payee][channel] = sums
    for payee in touched:
        earned.setdefault(payee, Sums())
    return [
        {
            f"{kind}_id": payee,
            f"{kind}_name": names.get(payee),
            "total_touchpoints": touched[payee].number,
            **earned[payee].shown(),
            "top_channels": top_channels(channels[payee]),
        }
        for payee in by_most_revenue(earned)
    ]


def top_channels(sums_of):
    return [
        {"channel": channel, "count": sums_of[channel].number, "revenue": sums_of[channel].revenue}
        for channel in by_most_revenue(sums_of)[:TOP_CHANNELS]
    ]


def by_campaign(parts):
    """The campaigns that earned. Touches without a campaign are one row, so that the table adds up."""
    earned: defaultdict[str | None, Sums] = defaultdict(Sums)
    for row in parts["days"]:
        earned[row.campaign].add(row)
    order = sorted(earned, key=lambda name: (-earned[name].revenue, name or ""))
    return [{"campaign": campaign, **earned[campaign].shown()} for campaign in order]


def trend(parts, days, currency):
    """Day by day, days without anything included: what was attributed, and what there was in all."""
    earned = sums_by(parts["days"], "date")
    total = sums_by((row for row in parts["conversions"] if row.currency == currency), "date")
    return [
        {
            "date": day.isoformat(),
            "conversions": earned[day].credit.quantize(MILLIONTH),
            "revenue": earned[day].revenue,
            "commission": earned[day].commission,
            "total_conversions": total[day].number,
            "total_revenue": total[day].revenue,
        }
        for day in days
    ]
