"""Touches that a decision left without credit: whose they were, as the settlement that did it tells. Read only."""

from collections import defaultdict
from itertools import groupby
from uuid import UUID

from attribution.models import Settlement, SettlementLine
from attribution.settling import Way


def taken_out(conversion_id: UUID) -> dict[UUID, list[SettlementLine]]:
    """By touch, the lines of those who had it. What a later decision gave back is left out."""
    found: dict[UUID, list[SettlementLine]] = {}
    lines = SettlementLine.objects.filter(settlement__conversion_id=conversion_id)
    ordered = lines.order_by("settlement_id", "id")
    for _, together in groupby(ordered, key=lambda line: line.settlement_id):
        of_touch: dict[UUID, list[SettlementLine]] = defaultdict(list)
        for line in together:
            if line.touchpoint_id is not None:
                of_touch[line.touchpoint_id].append(line)
        for touch, mine in of_touch.items():
            had = [line for line in mine if line.credit_before]
            if any(line.credit_after for line in mine):
                found.pop(touch, None)
            elif had:
                found[touch] = had
    return found


def excluded(conversion_id: UUID) -> set[UUID]:
    """Touches that the rules no longer count, as the last decision that said so about each."""
    found: set[UUID] = set()
    decided = Settlement.objects.filter(conversion_id=conversion_id, way__in=[Way.EXCLUDE, Way.RESTORE])
    for way, question in decided.order_by("id").values_list("way", "question"):
        touch = UUID(question["touchpoint_id"])
        if way == Way.EXCLUDE:
            found.add(touch)
        else:
            found.discard(touch)
    return found


def set_by_hand(conversion_id: UUID) -> Settlement | None:
    """The last decision that set sizes other than the model's: what comes after it builds on it."""
    return Settlement.objects.filter(conversion_id=conversion_id, way=Way.BY_HAND).order_by("id").last()
