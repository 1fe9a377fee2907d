"""Where everything of a timeline lies: lanes from above, times from the left in percent, sizes in pixels."""

import datetime as dt
import math
from decimal import Decimal

from django.utils import timezone

from attribution.admin.journey_picture import MOST_TICKS, STEPS, ticks
from attribution.plain_words import how_long
from touchpoints.models import Channel

LANE, RADIUS, LEAST = 50, 36, 3.5
# What the picture is wide on a narrow screen: touches that would hide one another there get a row of their own.
WIDTH = 760
LEFT, RIGHT = 3.0, 95.5  # percent of the width
MOST_LANES = 7
# So many touches have room for the sign of their channel; of more each is a point.
SIGNS = 30
ICONS = {
    "organic_search": "search",
    "paid_search": "ads_click",
    "social_media": "thumb_up",
    "email": "mail",
    "display_ad": "web",
    "referral": "link",
    "direct": "home",
    "partner_referral": "handshake",
    "broker_referral": "support_agent",
    "affiliate": "hub",
    "webinar": "videocam",
    "event": "event",
    "phone_call": "call",
    "chat": "chat",
    "other": "more_horiz",
}


def of_journey(conversion, touches, models, *, first=None):
    oldest = max([_seconds(conversion, touch) for touch in touches], default=0.0) or 1.0

    def at(moment):
        return RIGHT - (RIGHT - LEFT) * (conversion.occurred_at - moment).total_seconds() / oldest

    marks = _marks(touches, models, at, lambda touch: f"{how_long(Decimal(_seconds(conversion, touch)))} before")
    return _drawn(marks, touches, first) | {
        "ticks": [
            {"x": _x(RIGHT - (RIGHT - LEFT) * seconds / oldest), "text": f"{text} before"}
            for seconds, text in ticks(oldest)
        ],
        "ends": [{"x": _x(RIGHT), "conversion": conversion, "is_last": True}],
    }


def of_lead(conversions, touches, *, first=None):
    """A lead's whole time, with all its conversions."""
    moments = [touch.at for touch in touches] + [each.occurred_at for each in conversions]
    if not moments:
        return None
    begin, end = min(moments), max(moments)
    span = (end - begin).total_seconds() or 1.0

    def at(moment):
        return LEFT + (RIGHT - LEFT) * (moment - begin).total_seconds() / span

    marks = _marks(touches, [], at, lambda touch: f"{timezone.localtime(touch.at):%Y-%m-%d %H:%M}")
    return _drawn(marks, touches, first) | {
        "ticks": [{"x": _x(at(moment)), "text": text} for moment, text in _dates(begin, end)],
        "ends": [{"x": _x(at(each.occurred_at)), "conversion": each} for each in conversions],
    }


def _seconds(conversion, touch):
    return max((conversion.occurred_at - touch.at).total_seconds(), 0.0)


def _marks(touches, models, at, when):
    marks = []
    for number, touch in enumerate(touches):
        parts = [((each.payee_type, each.payee_id), each) for each in touch.records] or [(touch.payee, None)]
        for place, (payee, record) in enumerate(parts):
            marks.append(_mark(number, touch, payee, record, models, place) | {"at": at(touch.at), "when": when(touch)})
    for mark in marks:
        mark["label"] = _label(mark)
    return marks


def _mark(number, touch, payee, record, models, place):
    """Other models know a touch whole: of one that was split the first part shows what they give."""
    credits = [
        float(record.net_credit if record else 0)
        if model["key"] == "stands"
        else float(touch.shares.get(model["key"], 0)) * (place == 0)
        for model in models
    ]
    own = credits[0] if credits else 0.0
    return {
        "number": number,
        "payee": payee,
        "credit": own,
        "sizes": " ".join(f"{2 * radius(each):.1f}" for each in credits),
        "shares": " ".join(percent(each) for each in credits).replace(" %", ""),
        "size": f"{2 * radius(own):.1f}",
        "share": percent(own) if own else "",
        "icon": ICONS.get(touch.channel, "more_horiz"),
        "channel": Channel(touch.channel).label,
        "out": touch.left_out,
        "is_marked": touch.is_marked,
        "is_inserted": touch.is_inserted,
        "is_settled": bool(record and record.settlement_id),
    }


def radius(credit):
    """Areas are credit."""
    return max(RADIUS * math.sqrt(credit), LEAST) if credit > 0 else 0.0


def percent(credit):
    return f"{100 * credit:.1f}".removesuffix(".0") + " %"


def _label(mark):
    who = "the house" if mark["payee"][0] == "house" else f"{mark['payee'][0]} {mark['payee'][1]}"
    what = f"left out, {mark['out']}" if mark["out"] else mark["share"] or "no credit"
    return f"Touch {mark['number'] + 1}: {mark['channel']}, {who}, {what}, {mark['when']}"


def _drawn(marks, touches, first):
    """A payee that a decision left without a touch keeps its lane."""
    lanes = _lanes([*(mark["payee"] for mark in marks), *(touch.payee for touch in touches)], first)
    places = {lane["payee"]: number for number, lane in enumerate(lanes)}
    rest = len(lanes) - 1
    signs = len(marks) <= SIGNS
    for lane in range(len(lanes)):
        _spread([mark for mark in marks if places.get(mark["payee"], rest) == lane], lane, signs)
    return {"marks": marks, "lanes": lanes, "signs": signs, "height": LANE * len(lanes), "lane_height": LANE}


def _lanes(payees, first):
    """In the order in which they come in; the one that it is about above, the house below."""
    payees = list(dict.fromkeys(payees))
    payees.sort(key=lambda payee: (payee != first, payee[0] == "house"))
    shown = [{"payee": payee, "kind": payee[0], "name": payee[1] or "The house"} for payee in payees]
    if len(shown) > MOST_LANES:
        left = len(shown) - (MOST_LANES - 1)
        shown = [*shown[: MOST_LANES - 1], {"payee": None, "kind": "rest", "name": f"{left} others"}]
    for lane in shown:
        lane["is_first"] = lane["payee"] == first
    return shown


def _spread(marks, lane, signs):
    """Touches that would cover one another stand beside one another, above and below the lane's middle."""
    apart = 22 if signs else 8
    offsets = (0, -11, 11) if signs else (0, -8, 8, -15, 15)
    taken: dict[int, float] = {}
    labelled = -1000.0
    for mark in sorted(marks, key=lambda mark: mark["at"]):
        x = mark["at"] * WIDTH / 100
        free = next((each for each in offsets if x - taken.get(each, -1000.0) >= apart), 0)
        taken[free] = x
        mark["x"], mark["y"] = _x(mark["at"]), lane * LANE + LANE // 2 + free - (3 if signs and not free else 0)
        if signs and not free and mark["credit"] and x - labelled >= 40:
            mark["is_labelled"], labelled = True, x


def _x(percent_of_width):
    return f"{percent_of_width:.3f}"


def _dates(begin, end):
    """Round days between two moments, at most MOST_TICKS of them."""
    span = (end - begin).total_seconds()
    step = next((each for each in STEPS if each >= 86_400 and span / each <= MOST_TICKS), 365 * 86_400)
    step = max(step, 365 * 86_400 * math.ceil(span / (365 * 86_400 * MOST_TICKS))) if step > 300 * 86_400 else step
    day = timezone.localtime(begin).replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    found = []
    while day <= end:
        found.append((day, f"{day:%Y-%m-%d}"))
        day += dt.timedelta(seconds=step)
    return found
