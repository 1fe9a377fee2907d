"""What a person should know of a decision beside its numbers, in words: what it builds on, what else it reaches."""

import datetime as dt

from attribution import taken_out
from attribution.models import Settlement
from attribution.operations.configurations import rules_for
from attribution.settling import Decision, Way
from conversions.models import Conversion
from touchpoints.models import Touchpoint

MOST_NAMED = 20
LONGEST_REASON = 200


def notes_on(conversion: Conversion, model: str, decision: Decision, touchpoint: Touchpoint | None) -> list[str]:
    notes = []
    if decision.way == Way.RESTORE:
        out = taken_out.taken_out(conversion.pk)
        if decision.touchpoint_id in out:
            notes.append(f"The touch was taken out {_told(out[decision.touchpoint_id][0].settlement)}")
    if decision.way in {Way.EXCLUDE, Way.INSERT, Way.RESTORE}:
        before = taken_out.set_by_hand(conversion.pk)
        if before is not None:
            notes.append(
                f"This builds on shares that were set by hand {_told(before)} The others share what is left as they"
                " share now, not as the model would have them."
            )
    if touchpoint is not None:
        notes += _other_conversions(conversion, model, touchpoint)
    return notes


def _told(settlement: Settlement) -> str:
    reason = settlement.reason
    if len(reason) > LONGEST_REASON:
        reason = f"{reason[: LONGEST_REASON - 1]}…"
    return f"on {settlement.created_at:%Y-%m-%d}: “{reason}”."


def _other_conversions(conversion: Conversion, model: str, touchpoint: Touchpoint) -> list[str]:
    """The touch becomes one of the lead's: where it lies in their journeys, others are calculated with it too."""
    since = touchpoint.timestamp
    days = dt.timedelta(days=rules_for([model]).widest_lookback_days)
    reached = Conversion.objects.filter(lead_id=conversion.lead_id, occurred_at__range=(since, since + days))
    others = list(reached.exclude(pk=conversion.pk).order_by("occurred_at", "pk")[: MOST_NAMED + 1])
    if not others:
        return []
    named = [
        f"{each.get_type_display()} {each.pk} of {each.occurred_at:%Y-%m-%d}, {each.value:,.2f} {each.currency}"
        for each in others[:MOST_NAMED]
    ]
    more = ["and more"] if len(others) > MOST_NAMED else []
    return [
        "The touch counts for other conversions of the lead too, whose shares that nobody decided are calculated anew"
        f" with it: {'; '.join([*named, *more])}."
    ]
