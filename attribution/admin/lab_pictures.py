"""Pictures of a comparison: where each bar stands, for templates that draw them as SVG and HTML."""

import math
from decimal import Decimal

WIDTH, HEIGHT = 1080, 330
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 12, 44
TICKS = 5
# Of a group's width, what its bars fill.
FILLED = 0.78
# A bar that is there must be seen, however little it is.
LEAST = 1.5


def grouped_bars(groups):
    """`groups`: (label, amounts) pairs, an amount a contender. Bars that stand side by side, on a scale from 0."""
    top = _round_up(max((amount for _, amounts in groups for amount in amounts), default=0))
    room, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = room / max(len(groups), 1)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "base": HEIGHT - BOTTOM,
        "ticks": [
            {"y": round(HEIGHT - BOTTOM - tall * n / TICKS, 1), "text": compact(top * n / TICKS)}
            for n in range(TICKS + 1)
        ],
        "groups": [
            {
                "words": label.split(),
                "x": round(LEFT + step * (n + 0.5), 1),
                "bars": list(_bars(amounts, n, step, top, tall)),
            }
            for n, (label, amounts) in enumerate(groups)
        ],
    }


def _bars(amounts, place, step, top, tall):
    # Few groups would make bars as wide as doors.
    width = min(step * FILLED / len(amounts), 34)
    begin = LEFT + step * (place + 0.5) - width * len(amounts) / 2
    for n, amount in enumerate(amounts):
        height = max(tall * float(amount) / float(top), LEAST) if amount else 0
        yield {
            "number": n,
            "amount": amount,
            "x": round(begin + n * width, 1),
            "y": round(HEIGHT - BOTTOM - height, 1),
            "width": round(max(width - 1, 1), 1),
            "height": round(height, 1),
        }


def _round_up(amount):
    """The next amount that divides into ticks people can read."""
    if not amount:
        return Decimal(1)
    size = Decimal(10) ** math.floor(math.log10(amount))
    return next(size * factor for factor in (1, Decimal("1.5"), 2, 3, 4, 5, 6, 8, 10) if size * factor >= amount)


def compact(amount):
    """1,500,000 → 1.5 M."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return f"{amount:.3g}"


def diverging(rows):
    """`rows`: (contender, change) pairs each. A bar to the right or the left of the middle, in percent of the whole."""
    widest = max((abs(change) for row in rows for _, change in row), default=0)
    return [
        [
            {
                "number": number,
                "change": change,
                "way": "gain" if change > 0 else "lose",
                "width": round(max(50 * float(abs(change) / widest), 0.3), 2) if change else 0,
            }
            for number, change in row
        ]
        for row in rows
    ]
