"""From the rows of a period to the tables of a report: sums and shares, exact, with no database and no clock."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

CENT = Decimal("0.01")
MILLIONTH = Decimal("0.000001")
NOTHING = Decimal("0.00")
TOP_CHANNELS = 5
RATIO = Decimal("0.0001")


class Sums:
    """What adds up in every table of the report."""

    def __init__(self, rows=()):
        self.number = 0
        self.credit = Decimal(0)
        self.revenue = self.commission = self.payable = self.reversed = NOTHING
        for row in rows:
            self.add(row)

    def add(self, row):
        self.number += row.number
        self.credit += row.credit or 0
        self.revenue += row.revenue or 0
        self.commission += row.commission or 0
        self.payable += row.payable or 0
        self.reversed += row.reversed or 0

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


def cost(spend, revenue, conversions):
    """Of what was spent, if that is known: what a unit of it brought, and what a conversion cost."""
    return {
        "spend": spend,
        "roas": (revenue / spend).quantize(RATIO) if spend else None,
        "cpa": (spend / conversions).quantize(CENT) if spend is not None and conversions else None,
    }


def roi(spend, revenue, commission):
    """What is left of the revenue, for each unit of all that it cost: commission is a cost as ads are."""
    paid = None if spend is None else spend + commission
    return {"roi": ((revenue - paid) / paid).quantize(RATIO) if paid else None}


def spend_by(parts, name):
    """Spend by the value of one column. A value with no row is not there: nothing is known of its cost."""
    sums: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for row in parts["spend"]:
        sums[getattr(row, name)] += row.amount
    return sums


def summary(parts, currency):
    total = Sums(row for row in parts["conversions"] if row.currency == currency)
    counted = Sums(parts["payees"])
    # Without filters on touches the statement leaves this part out: what is counted is all there is.
    attributed = Sums(parts["all"]) if parts["all"] and parts["all"][0].number else counted
    spend = sum((row.amount for row in parts["spend"]), NOTHING) if parts["spend"] else None
    return {
        "total_conversions": total.number,
        "total_revenue": total.revenue,
        "total_commission": total.commission,
        "reversed_revenue": total.reversed,
        "attributed_conversions": counted.credit.quantize(MILLIONTH),
        "attributed_revenue": counted.revenue,
        "attributed_commission": counted.commission,
        "payable_commission": counted.payable,
        "filtered_out_revenue": attributed.revenue - counted.revenue,
        "filtered_out_commission": attributed.commission - counted.commission,
        "unattributed_revenue": total.revenue - attributed.revenue,
        "unattributed_commission": total.commission - attributed.commission,
        **cost(spend, counted.revenue, counted.credit),
        **roi(spend, counted.revenue, counted.payable),
    }


def by_channel(parts):
    earned = sums_by(parts["payees"], "channel")
    touched = sums_by(parts["touches"], "channel")
    converting = sums_by(parts["converting"], "channel")
    whole = sum((sums.revenue for sums in earned.values()), NOTHING)
    spend = spend_by(parts, "channel")
    for channel in (*touched, *spend):
        earned.setdefault(channel, Sums())
    return [
        {
            "channel": channel,
            "total_touchpoints": touched[channel].number,
            "converting_touchpoints": converting[channel].number,
            "conversion_rate": share(converting[channel].number, touched[channel].number, Decimal("0.0001")),
            **earned[channel].shown(),
            "attribution_percentage": share(earned[channel].revenue * 100, whole, CENT),
            **cost(spend.get(channel), earned[channel].revenue, earned[channel].credit),
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
    """The campaigns that earned or cost. What has no campaign is one row, so that the table adds up."""
    earned: defaultdict[str | None, Sums] = defaultdict(Sums)
    for row in parts["days"]:
        earned[row.campaign].add(row)
    spend = spend_by(parts, "campaign")
    for campaign in spend:
        earned.setdefault(campaign, Sums())
    order = sorted(earned, key=lambda name: (-earned[name].revenue, name or ""))
    return [
        {
            "campaign": campaign,
            **earned[campaign].shown(),
            **cost(spend.get(campaign), earned[campaign].revenue, earned[campaign].credit),
        }
        for campaign in order
    ]


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
