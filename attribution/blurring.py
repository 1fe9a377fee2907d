"""What a partner or broker is told of a journey: its own touches whole, the others' blurred.

"Another partner, day −3, 20 %": whose kind it was, how many days before, about how much. Not who, what, or when.
"""

from dataclasses import replace
from decimal import Decimal

from attribution.explained import Explanation, Settled, SettledShare, Touch

DAY = 86_400
HUNDREDTH = Decimal("0.01")


def blurred(told: Explanation, *, payee: tuple[str, str]) -> Explanation:
    """The explanation without what belongs to other payees. What is told of the whole (totals, cents left over) stays,
    as without it nobody could check their own share."""
    own = [(touch.payee_type, touch.payee_id) == tuple(payee) or touch.is_this for touch in told.touches]
    touches = [_own(t, payee) if is_own else _of_others(t) for t, is_own in zip(told.touches, own, strict=True)]
    return replace(
        told,
        touches=touches,
        # Differences and other models' shares name other touches.
        differences=[],
        others=[replace(other, shares=[]) for other in told.others],
        settlement=told.settlement and _settled(told.settlement, payee),
    )


def _settled(settled: Settled, payee: tuple[str, str]) -> Settled:
    """What was decided, without why: the words may name others."""
    shares = [
        share if (share.payee_type, share.payee_id) == tuple(payee) else _share_of_others(share)
        for share in settled.shares
    ]
    return replace(settled, reason=None, shares=shares)


def _share_of_others(share: SettledShare) -> SettledShare:
    return replace(
        share,
        touchpoint_id=None,
        channel=None,
        payee_id="",
        credit_before=share.credit_before.quantize(HUNDREDTH),
        credit_after=share.credit_after.quantize(HUNDREDTH),
        revenue_before=None,
        revenue_after=None,
        commission_before=None,
        commission_after=None,
        blurred=True,
    )


def _own(touch: Touch, payee: tuple[str, str]) -> Touch:
    """Its own touch may name a payee of the other kind too: who that is, is not told."""
    kind, payee_id = payee
    return replace(
        touch,
        partner_id=payee_id if kind == "partner" and touch.partner_id == payee_id else None,
        broker_id=payee_id if kind == "broker" and touch.broker_id == payee_id else None,
        payee_id=payee_id if (touch.payee_type, touch.payee_id) == tuple(payee) else "",
    )


def _of_others(touch: Touch) -> Touch:
    return replace(
        touch,
        touchpoint_id=None,
        timestamp=None,
        seconds_before=touch.seconds_before // DAY * DAY,
        channel=None,
        source=None,
        campaign=None,
        partner_id=None,
        broker_id=None,
        payee_id="",
        left_out_by=None,
        raw_weight=None,
        weight=None,
        credit=touch.credit.quantize(HUNDREDTH),
        revenue=None,
        commission=None,
        effect=None,
        blurred=True,
    )
