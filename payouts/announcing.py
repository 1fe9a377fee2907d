"""Who is told of a payout, by webhook: the house, and its payee once it is decided."""

from collections.abc import Sequence

from django.urls import reverse

from partners.webhooks import outbox
from payouts.models import Payout


def announce(payout: Payout) -> None:
    """That it was approved, paid, or is void after it was approved."""
    data = {
        "payout_id": payout.pk,
        "number": payout.number,
        "status": payout.status,
        "payee_type": payout.payee_type,
        "payee_id": payout.payee_id,
        "currency": payout.currency,
        "total": payout.total,
        "line_count": payout.line_count,
        "period_end": payout.period_end,
        "url": reverse("payout-detail", args=[payout.pk]),
    }
    outbox.publish(event=f"payout.{payout.status}", data=data, payees=[(payout.payee_type, payout.payee_id)])


def announce_all(payouts: Sequence[Payout]) -> None:
    """Many became the same together: each is told of, where anybody asks."""
    if not payouts:
        return
    for_house, payees = outbox.who_asks_for(f"payout.{payouts[0].status}")
    for payout in payouts:
        if for_house or (payout.payee_type, payout.payee_id) in payees:
            announce(payout)
