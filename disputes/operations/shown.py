"""What somebody was shown and decides later is decided on the same, or not at all."""

import hashlib
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

from attribution import standing
from attribution.models import Adjustment, AttributionRecord
from attribution_site.errors import DomainError
from disputes.actors import Actor, Payee
from disputes.models import Dispute
from disputes.operations.locking import locked_open

OF_CLAIM = ("record_id", "conversion_id", "model", "currency", "at_stake", "record_status_before")
OF_SHARE = ("payee_type", "payee_id", "credit")


class ChangedSinceShown(DomainError):
    """Somebody changed what it stands on after it was looked at."""

    code = "changed_since_shown"


def lock_state(*, dispute_id: UUID, by: Actor) -> str:
    """Digests of the dispute and of the shares of its conversion, held as they are until the transaction ends. Raises
    DisputeClosed."""
    conversion_id = Dispute.objects.values_list("conversion_id", flat=True).get(pk=dispute_id)
    conversion = standing.lock_conversion(conversion_id)
    dispute = locked_open(dispute_id, by)
    standing.lock_records(conversion_id)
    # Not by id: a settlement's own rows get new ones, however often it is tried.
    records = AttributionRecord.objects.filter(conversion_id=conversion_id, payable=True)
    adjustments = Adjustment.objects.filter(conversion_id=conversion_id)
    shares = [
        sorted(map(_plain, records.values_list("touchpoint_id", "status", *OF_SHARE, *_MONEY))),
        sorted(map(_plain, adjustments.values_list(*OF_SHARE, "revenue_amount", "commission_amount"))),
        _plain([conversion.currency, conversion.remaining_value, conversion.remaining_commission]),
    ]
    return f"{_digest([dispute.status, dispute.assigned_to_id])}-{_digest(shares)}"


_MONEY = ("revenue_attributed", "commission_amount")


def check_unchanged(*, dispute_id: UUID, shown: str, now: str) -> None:
    """Raises ChangedSinceShown, which says what did."""
    if shown == now:
        return
    dispute = Dispute.objects.select_related("assigned_to").get(pk=dispute_id)
    if shown.partition("-")[0] != now.partition("-")[0]:
        who = f"assigned to {dispute.assigned_to.get_username()}" if dispute.assigned_to else "nobody's"
        what = f"{dispute} changed since it was shown: it is {dispute.get_status_display().lower()} and {who}"
    else:
        what = f"The shares of the conversion of {dispute} changed since they were shown"
    raise ChangedSinceShown(f"{what}. Nothing was done; look at it anew.")


def state_of_claim(claimant: Payee, subject: Any) -> str:
    """`subject`: of `check_filing`, or the dispute that was filed."""
    values = subject if isinstance(subject, dict) else vars(subject)
    # What of a missing touch there is none of is absent before, and empty afterwards.
    return _digest(_plain([*claimant, *(values.get(name) or "" for name in OF_CLAIM)]))


def _plain(values: Any) -> list[str]:
    return [f"{value:f}" if isinstance(value, Decimal) else str(value) for value in values]


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]
