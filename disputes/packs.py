"""The system's evidence: what it knew of the disputed record and its lead at the moment of filing."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import attribution.operations
from attribution.api import explanations
from attribution.models import AttributionRecord
from conversions.models import Conversion
from disputes.models import Dispute, Evidence
from disputes.operations.evidence import data_item
from touchpoints.models import Touchpoint

# Of a lead's touches before the conversion, the last ones.
MOST_TOUCHES = 1000
LOOKED_BACK = dt.timedelta(days=366)
SOON_AGAIN = dt.timedelta(minutes=30)
TOUCH = ["id", "timestamp", "channel", "source", "campaign", "session_id", "referral_code", "partner_id", "broker_id"]

Row = dict[str, Any]


def add_pack(dispute: Dispute) -> None:
    """Lay it beside the claim, hashed as everything else."""
    items = list(_items(dispute))
    for item in items:
        item.dispute, item.source = dispute, Evidence.Source.SYSTEM
    Evidence.objects.bulk_create(items)


def _items(dispute: Dispute) -> Iterator[Evidence]:
    touches = _touches(dispute)
    if dispute.record_id is not None:
        told = explanations.answer(attribution.operations.explain(record_id=dispute.record_id))
        rule = {name: told[name] for name in ("record", "in_words", "rule", "rounding", "payee", "other_models")}
        yield data_item(Evidence.Kind.RULE, "Why the record is what it is", rule | {"replays": told["replays"]})
        yield data_item(Evidence.Kind.JOURNEY, "The journey that was credited", told["journey"])
    else:
        yield data_item(Evidence.Kind.JOURNEY, "The lead's touches before the conversion", {"touches": touches})
    yield data_item(Evidence.Kind.DUPLICATES, "Duplicates and overlaps", _duplicates(dispute, touches))
    yield data_item(Evidence.Kind.CLICK_IDS, "Click ids of the lead", _click_ids(touches))
    yield data_item(Evidence.Kind.EARLIER, "Earlier disputes of the lead", _earlier(dispute))


def _touches(dispute: Dispute) -> list[Row]:
    occurred_at = Conversion.objects.values_list("occurred_at", flat=True).get(pk=dispute.conversion_id)
    before = Touchpoint.objects.filter(
        lead_id=dispute.lead_id, timestamp__gte=occurred_at - LOOKED_BACK, timestamp__lte=occurred_at
    )
    latest = before.order_by("-timestamp", "-id").values(*TOUCH, "click_ids")[:MOST_TOUCHES]
    return [row | {"id": str(row["id"])} for row in reversed(latest)]


def _duplicates(dispute: Dispute, touches: list[Row]) -> Row:
    """What may be the same thing twice: touches soon after each other, one session of several payees, the touch in
    other conversions, the policy in other conversions."""
    return {
        "repeats": [[a["id"], b["id"]] for a, b in pairwise(touches) if _is_repeat(a, b)],
        "sessions_of_several_payees": _shared_sessions(touches),
        "other_conversions_with_the_touch": _other_conversions(dispute),
        "other_conversions_of_the_policy": _same_policy(dispute),
    }


def _is_repeat(first: Row, second: Row) -> bool:
    same = all(first[name] == second[name] for name in ("channel", "source", "campaign"))
    return same and second["timestamp"] - first["timestamp"] <= SOON_AGAIN


def _shared_sessions(touches: Iterable[Row]) -> list[Row]:
    payees: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for touch in touches:
        if touch["session_id"]:
            payees[touch["session_id"]] |= {(k, touch[k]) for k in ("partner_id", "broker_id") if touch[k]}
    return [{"session_id": pk, "payees": sorted(each)} for pk, each in payees.items() if len(each) > 1]


def _other_conversions(dispute: Dispute) -> list[Row]:
    if dispute.record_id is None:
        return []
    [touch] = AttributionRecord.objects.filter(pk=dispute.record_id).values_list("touchpoint_id", flat=True)
    others = AttributionRecord.objects.filter(touchpoint_id=touch, payable=True).exclude(
        conversion_id=dispute.conversion_id
    )
    rows = others.order_by("occurred_at", "id").values("conversion_id", "conversion_type", "occurred_at", "credit")
    return [dict(row) for row in rows[:50]]


def _same_policy(dispute: Dispute) -> list[Row]:
    [policy] = Conversion.objects.filter(pk=dispute.conversion_id).values_list("policy_number", flat=True)
    if not policy:
        return []
    others = Conversion.objects.filter(policy_number=policy).exclude(pk=dispute.conversion_id)
    rows = others.order_by("occurred_at", "id").values("id", "type", "occurred_at", "value", "currency")
    return [dict(row) for row in rows[:50]]


def _click_ids(touches: Iterable[Row]) -> Row:
    with_ids = [touch for touch in touches if touch["click_ids"]]
    seen = defaultdict(list)
    for touch in with_ids:
        for name, value in touch["click_ids"].items():
            seen[name, value].append(touch["id"])
    twice = [{"name": n, "value": v, "touchpoints": ids} for (n, v), ids in seen.items() if len(ids) > 1]
    return {
        "touches": [{"touchpoint_id": touch["id"], "click_ids": touch["click_ids"]} for touch in with_ids],
        "used_more_than_once": twice,
    }


def _earlier(dispute: Dispute) -> list[Row]:
    earlier = Dispute.objects.filter(lead_id=dispute.lead_id).exclude(pk=dispute.pk).order_by("-number")
    columns = (
        "number",
        "dispute_type",
        "claimant_type",
        "claimant_id",
        "status",
        "filed_at",
        "rejection",
        "resolution",
    )
    return list(earlier.values(*columns)[:50])
