"""A journey as a picture: true times on an axis above, and below it the touches side by side, credit by area."""

import math
from decimal import Decimal

from attribution.plain_words import LEFT_OUT, amount, how_long
from touchpoints.models import Channel

# Touches that have room beside one another; of a longer journey the beginning, the end and the own touch are drawn.
DRAWN_FIRST, DRAWN_LAST = 3, 5
SLOT, LEAST_WIDTH, MARGIN = 112, 920, 14
AXIS, CIRCLES, RADIUS = 40, 140, 40
HEIGHT = 262
SHRUNK = 0.75  # letters stay legible on a screen that is this much too narrow
TEXT = 17  # letters that fit into a slot
STEPS = [
    60,
    300,
    900,
    3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    *(86_400 * days for days in (1, 2, 7, 14, 30, 90, 180, 365)),
]
MOST_TICKS = 7


def picture(told):
    """Everything as it is to be drawn, in the units of the drawing; None of a journey that is not known."""
    if not told.touches:
        return None
    drawn, gap_after = _drawn(told)
    slots = len(drawn) + 1 + (gap_after is not None)
    width = max(LEAST_WIDTH, SLOT * slots)
    oldest = max(float(touch.seconds_before) for touch in told.touches) or 1.0
    left, right = MARGIN + 30, width - width / slots / 2

    def at(seconds):
        return right - (right - left) * seconds / oldest

    marks, slot = [], 0
    for number, touch in enumerate(drawn):
        marks.append(_mark(touch, told, at(float(touch.seconds_before)), width / slots * (slot + 0.5)))
        slot += 2 if number == gap_after else 1
    gap = (
        None
        if gap_after is None
        else {"x": width / slots * (gap_after + 1.5), "text": f"{_undrawn(told, drawn):,} more"}
    )
    return {
        "width": width,
        "least_width": width * SHRUNK,
        "height": HEIGHT,
        "axis": AXIS,
        "left": left,
        "right": right,
        "circles": CIRCLES,
        "slot": width / slots - 6,
        "half": width / slots / 2 - 3,
        "marks": marks,
        "gap": gap,
        "ticks": [{"x": at(seconds), "text": text} for seconds, text in ticks(oldest)],
        "conversion": right,
    }


def _drawn(told):
    """The touches to draw, and after which of them there is a gap."""
    touches = told.touches
    if not told.hidden.get("touches") and len(touches) <= DRAWN_FIRST + DRAWN_LAST + 1:
        return touches, None
    own = next((number for number, touch in enumerate(touches) if touch.is_this), 0)
    places = sorted({*range(DRAWN_FIRST), own, *range(len(touches) - DRAWN_LAST, len(touches))})
    gaps = [number for number in range(len(places) - 1) if places[number + 1] > places[number] + 1]
    return [touches[place] for place in places], gaps[0] if gaps else DRAWN_FIRST - 1


def _undrawn(told, drawn):
    return told.touches_known - len(drawn)


def _mark(touch, told, time_x, x):
    share = f"{float(touch.credit) * 100:.2f}".rstrip("0").rstrip(".") + " %"
    radius = max(RADIUS * math.sqrt(touch.credit), 3.5) if touch.credit else 6
    return {
        "x": x,
        "time_x": time_x,
        "bend": (AXIS + CIRCLES - RADIUS) / 2,
        "top": CIRCLES - radius,
        "radius": radius,
        "kind": "out" if touch.left_out_by else touch.payee_type if touch.credit else "none",
        "is_this": touch.is_this,
        "share": "left out" if touch.left_out_by else share,
        "channel": _cut(Channel(touch.channel).label),
        "who": _cut(touch.payee_id or "the house"),
        "when": f"{how_long(touch.seconds_before, short=True)} before" if touch.seconds_before else "at the conversion",
        "title": _title(touch, told, share),
    }


def _title(touch, told, share):
    name = f"{Channel(touch.channel).label}, {touch.timestamp:%Y-%m-%d %H:%M:%S} UTC"
    if touch.left_out_by:
        return f"{name}: left out, {LEFT_OUT[touch.left_out_by]}"
    money = f"{amount(touch.revenue.share, told.revenue.unit)} of {amount(told.revenue.total, told.revenue.unit)}"
    return f"{name}: touch {touch.position} of {told.touches_counted}, {share}, {money} {told.record.currency}"


def _cut(text):
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


def ticks(oldest):
    """Round times before the conversion, at most MOST_TICKS of them."""
    step = next(
        (each for each in STEPS if oldest / each <= MOST_TICKS), 365 * 86_400 * math.ceil(oldest / 86_400 / 2000)
    )
    return [(step * n, how_long(Decimal(step * n))) for n in range(1, int(oldest / step) + 1)]
