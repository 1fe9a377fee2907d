"""What a decision did to the shares, as it was written down."""

from attribution.models import Adjustment
from partners.admin import moment, payee_link
from touchpoints.models import Channel

SHOWN = 600


def of(dispute):
    """None where no money moved."""
    settlement = dispute.settlement
    if settlement is None:
        return None
    lines = list(settlement.lines.all()[:SHOWN])
    return {
        "settlement": settlement,
        "at": moment(settlement.created_at),
        "changed": [_line(line) for line in lines if line.how != "same"],
        "unchanged": sum(line.how == "same" for line in lines),
        "moved": sum(max(line.commission_change, 0) for line in lines),
        "adjustments": Adjustment.objects.filter(settlement=settlement).count(),
    }


def _line(line):
    return {
        "touch": Channel(line.channel).label if line.channel else "All of it",
        "at": moment(line.touched_at),
        "payee": payee_link(line.payee_type, line.payee_id),
        "how": line.get_how_display(),
        "credit": f"{line.credit_before * 100:.2f} → {line.credit_after * 100:.2f} %",
        "before": f"{line.commission_before:,.2f}",
        "after": f"{line.commission_after:,.2f}",
        "change": signed(line.commission_change),
        "gains": line.commission_change > 0,
        "loses": line.commission_change < 0,
        "record": line.record_id,
    }


def signed(amount):
    if not amount:
        return "0.00"
    return f"{'+' if amount > 0 else '−'}{abs(amount):,.2f}"
