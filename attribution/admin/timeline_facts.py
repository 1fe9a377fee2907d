"""What a timeline tells of each touch when it is chosen, of each lane, and in the table for those who read."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone

from attribution.admin.timeline_layout import percent
from attribution.models import AttributionRecord
from attribution.plain_words import how_long
from partners.admin import NOTHING
from touchpoints.models import Channel, Touchpoint

LOOKED_BACK = dt.timedelta(days=366)
OTHERS_SHOWN = 200


def rows_of(conversion, touches):
    """The stored touches by id, as far as they are still there."""
    if not touches:
        return {}
    ids, times = [touch.pk for touch in touches], [touch.at for touch in touches]
    # The bounds name the partitions to look into.
    rows = Touchpoint.objects.filter(pk__in=ids, timestamp__gte=min(times), timestamp__lte=max(times))
    return {row.pk: row for row in rows}


def of_touches(conversion, touches, models, rows):
    """For the script of the page: plain texts and addresses, by the touch's number."""
    elsewhere = _elsewhere(conversion, touches) if touches else {}
    pages = {model: _pages(model) for model in (Touchpoint, AttributionRecord)}
    return {
        "models": [{"label": model["label"], "payable": model["payable"]} for model in models],
        "touches": [
            {
                "title": f"Touch {number + 1} of {len(touches)}: {Channel(touch.channel).label}",
                "note": _note(touch),
                "facts": list(_facts(conversion, touch, rows.get(touch.pk), elsewhere.get(touch.pk, []), pages)),
                "shares": [_share(touch, model) for model in models],
            }
            for number, touch in enumerate(touches)
        ],
    }


def _share(touch, model):
    return percent(float(touch.credit if model["key"] == "stands" else touch.shares.get(model["key"], 0)))


def _note(touch):
    if touch.left_out:
        return f"Left out: {touch.left_out}."
    notes = []
    if touch.is_inserted:
        notes.append("Inserted by a decision.")
    elif any(record.settlement_id for record in touch.records):
        notes.append("Its share was set by a decision.")
    if len(touch.records) > 1:
        notes.append(f"Shared by {len(touch.records)} payees.")
    return " ".join(notes)


def _facts(conversion, touch, row, elsewhere, pages):
    """Name, text, and where it leads if anywhere."""
    when = f"{timezone.localtime(touch.at):%Y-%m-%d %H:%M:%S}"
    if conversion:
        when += f", {how_long(Decimal((conversion.occurred_at - touch.at).total_seconds()))} before"
    yield "When", when, pages[Touchpoint].format(touch.pk)
    for record in touch.records:
        who = record.payee_id or "the house"
        text = f"{who}: {record.net_commission:,.2f} {record.currency}, {record.get_status_display().lower()}"
        yield "Record", text, pages[AttributionRecord].format(record.pk)
    if not touch.records:
        yield "Whose", touch.payee[1] or "the house", None
    beside = " · ".join(filter(None, [touch.source, row and row.medium, touch.campaign]))
    yield "Source", beside or NOTHING, None
    yield "Session", (row and row.session_id) or NOTHING, None
    yield "Click ids", _click_ids(row), None
    if row and row.referral_code:
        yield "Referral code", row.referral_code, None
    if elsewhere:
        yield "Also credited in" if conversion else "Credited in", ", ".join(elsewhere), None


def _click_ids(row):
    if row is None:
        return "the touch is no longer stored"
    return ", ".join(f"{name} {value}" for name, value in (row.click_ids or {}).items()) or NOTHING


def _pages(model):
    """The address of a row's page, to be filled with its id: Django needs as long for each as for all of the rest."""
    place = "PLACE"
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[place])
    return address.replace("{", "{{").replace("}", "}}").replace(place, "{}")


def _elsewhere(conversion, touches):
    """By touch: the other conversions that it has credit in; all of them, if none is looked at."""
    found = AttributionRecord.objects.filter(touchpoint_id__in=[touch.pk for touch in touches], payable=True)
    if conversion:
        found = found.exclude(conversion_id=conversion.pk)
    found = found.order_by("occurred_at", "pk")
    by_touch = defaultdict(list)
    for pk, kind, at in found.values_list("touchpoint_id", "conversion_type", "occurred_at")[:OTHERS_SHOWN]:
        by_touch[pk].append(f"{kind.replace('_', ' ')} of {timezone.localtime(at):%Y-%m-%d}")
    return by_touch


def table(touches, models):
    """The same for those who do not see the picture."""
    return [
        {
            "number": number + 1,
            "when": f"{timezone.localtime(touch.at):%Y-%m-%d %H:%M}",
            "channel": Channel(touch.channel).label,
            "beside": " · ".join(filter(None, [touch.source, touch.campaign])),
            "payee": ", ".join(record.payee_id or "the house" for record in touch.records)
            or touch.payee[1]
            or "the house",
            "shares": [_share(touch, model) for model in models],
            "note": _note(touch),
            "is_marked": touch.is_marked,
        }
        for number, touch in enumerate(touches)
    ]


def add_sums(lanes, touches, told, models):
    """To each lane what its payee has under each model: its part of the whole, and of the commission."""
    sums = _sums(touches, told, models)
    named = {lane["payee"] for lane in lanes}
    for lane in lanes:
        mine = [
            [
                each
                for payee, each in sums[model["key"]].items()
                if payee == lane["payee"] or _is_rest(lane, payee, named)
            ]
            for model in models
        ]
        lane["sums"] = [
            {"label": model["label"], "share": percent(float(credit)), "commission": f"{commission:,.2f}"}
            for model, (credit, commission) in zip(models, map(_together, mine), strict=True)
        ]


def _is_rest(lane, payee, named):
    return lane["payee"] is None and payee not in named


def _together(several):
    nothing = Decimal(0)
    return sum((each[0] for each in several), nothing), sum((each[1] for each in several), nothing)


def _sums(touches, told, models):
    sums: dict[str, Any] = {model["key"]: defaultdict(lambda: [Decimal(0), Decimal(0)]) for model in models}
    for touch in touches:
        for record in touch.records:
            _add(sums["stands"][record.payee_type, record.payee_id], record.net_credit, record.net_commission)
    for each in told.touches if told and "rule" in sums else []:
        if each.commission:
            _add(sums["rule"][each.payee_type, each.payee_id], each.credit, each.commission.share)
    for other in told.others if told else []:
        for each, share in zip(told.touches, other.shares, strict=True):
            _add(sums[other.model][each.payee_type, each.payee_id], share.credit, share.commission)
    return sums


def _add(sums, credit, commission):
    sums[0] += credit
    sums[1] += commission
