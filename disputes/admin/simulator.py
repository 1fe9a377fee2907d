"""What each way to decide would cost, for people: before and after for every payee, what is paid already, what would be
clawed back. Nothing is written here."""

import hashlib
import json
from collections import Counter
from decimal import Decimal

from attribution.admin.timeline import standing_records
from attribution.plain_words import how_long
from attribution.taken_out import taken_out
from conversions.models import Conversion
from disputes import operations
from disputes.admin.decision_form import DecisionForm, as_fields
from disputes.admin.forms import payee_text
from disputes.admin.settlement_lines import signed
from disputes.models import Dispute
from partners.admin import payee_link
from touchpoints.models import Channel


def simulated(dispute):
    """The offered ways, and the form for one's own."""
    try:
        options = [shown(option) for option in operations.simulate(dispute_id=dispute.pk)]
    except operations.DisputeClosed as error:
        return {"closed": str(error)}
    parts, out = parts_of(dispute), out_of(dispute)
    return {"options": options, "own": DecisionForm(parts=parts, out=out, dispute=dispute), "parts": parts, "out": out}


def shown(option):
    plan = option.plan
    return {
        "label": option.label,
        "fields": as_fields(option.decision),
        "refusal": option.refusal,
        **(told(plan) if plan else {}),
    }


def told(plan):
    rows = _rows(plan)
    most = max([max(row["was"], row["is"]) for row in rows], default=Decimal(0)) or Decimal(1)
    for row in rows:
        row["from"], row["to"] = (f"{100 * max(row[name], 0) / most:.1f}%" for name in ("was", "is"))
    hows = Counter(change.how for change in plan.changes)
    return {
        "currency": plan.conversion.currency,
        "changed": [row for row in rows if row["changes"]],
        "same": [row for row in rows if not row["changes"]],
        "moved": f"{plan.commission_moved:,.2f}",
        "moves": bool(plan.commission_moved),
        "versions": hows["version"],
        "new": hows["new"],
        "removed": hows["removed"],
        "adjustments": hows["adjustment"],
        "total": f"{sum(row['is'] for row in rows):,.2f}",
        "changes_nothing": not any(change.changes for change in plan.changes),
        "touches": _by_touch(plan),
        "others": [_other(each) for each in plan.others],
        "undoes": _undone(plan),
        "to_confirm": [each.settlement.pk for each in plan.undoes if not each.is_asked],
        "digest": digest(plan),
    }


def _rows(plan):
    rows = [_row(payee, sums) for payee, sums in plan.by_payee().items()]
    return sorted(rows, key=lambda row: (-abs(row["is"] - row["was"]), row["name"]))


def _row(payee, sums):
    change, adjusted = sums["commission"] - sums["commission_before"], sums.get("adjusted", Decimal(0))
    paid = sums.get("paid")
    revenue = sums["revenue"] - sums["revenue_before"]
    return {
        "payee": payee_link(*payee),
        "name": "the house" if payee[0] == "house" else payee[1],
        "was": sums["commission_before"],
        "is": sums["commission"],
        "before": f"{sums['commission_before']:,.2f}",
        "after": f"{sums['commission']:,.2f}",
        "change": signed(change),
        "by": f"{abs(change):,.2f}",
        "changes": bool(change or revenue or adjusted),
        "gains": change > 0,
        "loses": change < 0,
        "paid": f"{paid:,.2f}" if paid else "",
        "adjusted": signed(adjusted) if adjusted else "",
        "clawed_back": f"{-adjusted:,.2f}" if adjusted < 0 else "",
        "booked": f"{adjusted:,.2f}" if adjusted > 0 else "",
        "rewritten": signed(change - adjusted) if change - adjusted else "",
        "revenue": signed(revenue) if revenue else "",
    }


def _by_touch(plan):
    return [
        {
            "number": change.number,
            "channel": Channel(change.like.channel).label if change.like else "Unattributed",
            "payee": change.payee[1] or "the house",
            "before": f"{change.credit_before * 100:.2f} %",
            "after": f"{change.credit * 100:.2f} %",
            "commission": signed(change.commission_change),
            "how": HOW[change.how],
        }
        for change in plan.changes
        if change.changes
    ]


OUTCOMES = {
    "calculated": "is calculated anew",
    "proposed": "is decided: an adjustment is proposed, nothing is booked",
    "stays": "was settled by a dispute and stays as it is",
}
HOW = {
    "version": "new version",
    "new": "new record",
    "removed": "record removed",
    "adjustment": "adjustment beside it",
    "unattributed": "had no record",
}


def _other(each):
    conversion = each.conversion
    changed = {payee: amounts for payee, amounts in each.by_payee().items() if amounts[0::2] != amounts[1::2]}
    moves = [
        f"{payee[1] or 'the house'} {was:,.2f} → {becomes:,.2f}" for payee, (_, _, was, becomes) in changed.items()
    ]
    return {
        "pk": conversion.pk,
        "name": f"{conversion.get_type_display()} of {conversion.occurred_at:%Y-%m-%d}, {conversion.currency}",
        "outcome": OUTCOMES[each.outcome],
        "moves": "; ".join(moves),
        "amounts": [[*payee, *map(str, amounts)] for payee, amounts in each.by_payee().items()],
    }


def _undone(plan):
    if not plan.undoes:
        return []
    disputes = Dispute.objects.in_bulk([each.settlement.dispute_id for each in plan.undoes])
    return [
        {
            "dispute": disputes.get(each.settlement.dispute_id) or "An earlier decision",
            "at": each.settlement.created_at,
            "told": "; ".join(each.told),
            "is_asked": each.is_asked,
        }
        for each in plan.undoes
    ]


def digest(plan):
    """Of the numbers that were shown: what is confirmed must come out the same."""
    numbers = [
        [change.number, *change.payee, change.how, str(change.commission_before), str(change.commission)]
        for change in plan.changes
    ]
    numbers += [[str(each.conversion.pk), each.outcome, *_other(each)["amounts"]] for each in plan.others]
    numbers += [[str(each.settlement.pk), *each.told] for each in plan.undoes]
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:32]


def parts_of(dispute):
    """The touches that have credit, one a payee: what a decision may name."""
    conversion = Conversion.objects.get(pk=dispute.conversion_id)
    return [
        {
            "touch": str(record.touchpoint_id),
            "payee_text": payee_text((record.payee_type, record.payee_id)),
            "who": record.payee_id or "the house",
            "percent": f"{record.net_credit * 100:.8f}".rstrip("0").rstrip("."),
            "short": f"{record.net_credit * 100:.2f}".rstrip("0").rstrip("."),
            "name": f"{record.position} · {record.get_channel_display()}, {_before(conversion, record.touched_at)}",
            "status": record.get_status_display().lower(),
            "is_disputed": record.pk == dispute.record_id,
        }
        for record in standing_records(conversion, dispute.model)
        if record.net_credit > 0
    ]


def out_of(dispute):
    """The touches that an earlier decision took out, which may be given back."""
    conversion = Conversion.objects.get(pk=dispute.conversion_id)
    return [
        {
            "touch": str(touch),
            "who": ", ".join(line.payee_id or "the house" for line in lines),
            "name": f"{Channel(lines[0].channel).label}, {_before(conversion, lines[0].touched_at)}",
        }
        for touch, lines in taken_out(conversion.pk).items()
    ]


def _before(conversion, touched_at):
    return f"{how_long(Decimal((conversion.occurred_at - touched_at).total_seconds()), short=True)} before"
