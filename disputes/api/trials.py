"""What ways to resolve a dispute would do, as it is answered."""

from decimal import Decimal

from attribution.settling import Decision

NOTHING = Decimal("0.00")


def told(option):
    plan = option.plan
    return {
        "label": option.label,
        "decision": decision_as_asked(option.decision),
        "refusal": option.refusal or None,
        "currency": plan.conversion.currency if plan else None,
        "commission_moved": _cents(plan.commission_moved) if plan else None,
        "payees": [_payee(payee, sums) for payee, sums in plan.by_payee().items()] if plan else [],
        "changes": [_change(change) for change in plan.changes] if plan else [],
        "other_conversions": [_other(each) for each in plan.others] if plan else [],
        "undoes": [_undone(each) for each in plan.undoes] if plan else [],
    }


def _payee(payee, sums):
    """`paid`: of what it has, adjustments included, what was paid out already. `adjusted`: what would be booked beside
    decided records, as a negative amount taken back."""
    kind, pk = payee
    return {
        "payee_type": kind,
        "payee_id": pk,
        "revenue_before": _cents(sums["revenue_before"]),
        "revenue_after": _cents(sums["revenue"]),
        "commission_before": _cents(sums["commission_before"]),
        "commission_after": _cents(sums["commission"]),
        "paid": _cents(sums.get("paid", NOTHING)),
        "adjusted": _cents(sums.get("adjusted", NOTHING)),
    }


def _cents(amount):
    """As money is answered: 0 as 0.00."""
    return amount.quantize(NOTHING)


def _change(change):
    like, standing = change.like, change.standing
    kind, pk = change.payee
    return {
        "attribution_id": standing.record.pk if standing else None,
        "touchpoint_id": like.touchpoint_id if like else None,
        "channel": like.channel if like else "",
        "touched_at": like.touched_at if like else None,
        "payee_type": kind,
        "payee_id": pk,
        "how": change.how,
        "status_before": standing.record.status if standing else "",
        "credit_before": change.credit_before,
        "credit_after": change.credit,
        "revenue_before": _cents(change.revenue_before),
        "revenue_after": _cents(change.revenue),
        "commission_before": _cents(change.commission_before),
        "commission_after": _cents(change.commission),
    }


def _other(each):
    """A conversion of the lead that an inserted touch reaches too."""
    conversion = each.conversion
    return {
        "conversion_id": conversion.pk,
        "type": conversion.type,
        "occurred_at": conversion.occurred_at,
        "currency": conversion.currency,
        "outcome": each.outcome,
        "payees": [_of_other(payee, amounts) for payee, amounts in each.by_payee().items()],
    }


def _of_other(payee, amounts):
    names = ("revenue_before", "revenue_after", "commission_before", "commission_after")
    return {"payee_type": payee[0], "payee_id": payee[1], **dict(zip(names, map(_cents, amounts), strict=True))}


def _undone(each):
    """An earlier decision that would not stand as it does, and what of it would change."""
    settlement = each.settlement
    return {
        "settlement_id": settlement.pk,
        "dispute_id": settlement.dispute_id,
        "way": settlement.way,
        "reason": settlement.reason,
        "decided_at": settlement.created_at,
        "told": each.told,
        "to_confirm": not each.is_asked,
    }


def decision_as_asked(decision: Decision):
    """As `adjustments` of a resolution takes it: what is offered can be sent back as it is."""
    named = {
        "way": decision.way,
        "touchpoint_id": decision.touchpoint_id,
        **_payee_named(decision.payee),
        "percentage": decision.percentage,
        "touch": decision.touch and vars(decision.touch),
        "shares": [_share(each) for each in decision.shares] or None,
        "spread": decision.spread or None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _share(share):
    return {"touchpoint_id": share.touchpoint_id, "percentage": share.percentage, **_payee_named(share.payee)}


def _payee_named(payee):
    if payee is None:
        return {}
    kind, pk = payee
    return {"payee_type": kind} | ({"payee_id": pk} if pk else {})
