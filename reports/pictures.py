"""Charts for the front page, as Chart.js wants them, each with a table that says the same in numbers."""

import datetime as dt
import json

from attribution.models import AttributionModel
from touchpoints.models import Channel

# Told apart by people with colour-blindness as well (Okabe and Ito), on white and on black.
COLOURS = {
    "first_touch": "#0072b2",
    "last_touch": "#e69f00",
    "linear": "#009e73",
    "time_decay": "#cc79a7",
    "position_based": "#d55e00",
    "data_driven": "#56b4e9",
}
QUIET = "#9ca3af"
STRONG = "#3b82f6"


def revenue_by_model(revenue, payable, currency):
    """Grouped bars: a group a channel, a bar a model. `revenue` is by model and channel."""
    models = [model for model in AttributionModel if model in revenue]
    channels = sorted(
        {channel for by_channel in revenue.values() for channel in by_channel},
        key=lambda channel: (-revenue.get(payable, {}).get(channel, 0), channel),
    )
    names = {model: model.label + (" (pays)" if model == payable else "") for model in models}
    bars = [
        {
            "label": names[model],
            "data": [float(revenue[model].get(channel, 0)) for channel in channels],
            "backgroundColor": COLOURS[model],
            "currency": currency,
        }
        for model in models
    ]
    return {
        # A list is a label of several lines: so all of them fit below the bars.
        "data": _json([Channel(channel).label.split() for channel in channels], bars),
        "options": json.dumps(_options(currency, skip_labels=False)),
        "table": {
            "headers": ["Channel", *names.values()],
            "rows": [
                [Channel(channel).label, *(f"{revenue[model].get(channel, 0):,.2f}" for model in models)]
                for channel in channels
            ],
            "totals": ["Total", *(f"{sum(revenue[model].values()):,.2f}" for model in models)],
        },
    }


def revenue_trend(answer):
    trend, currency = answer["trend"], answer["currency"]
    lines = [
        _line("Attributed", trend, "revenue", STRONG) | {"currency": currency},
        _line("All conversions", trend, "total_revenue", QUIET) | {"currency": currency},
    ]
    rows = [[day["date"], f"{day['revenue']:,.2f}", f"{day['total_revenue']:,.2f}"] for day in trend]
    return {
        "data": _json([_short(day["date"]) for day in trend], lines),
        "options": json.dumps(_options(currency)),
        "table": {"headers": ["Day", "Attributed", "All conversions"], "rows": rows},
    }


def conversions_trend(answer):
    trend = answer["trend"]
    lines = [
        _line("With a journey", trend, "conversions", STRONG),
        _line("All conversions", trend, "total_conversions", QUIET),
    ]
    rows = [[day["date"], f"{day['conversions']:,.0f}", f"{day['total_conversions']:,}"] for day in trend]
    return {
        "data": _json([_short(day["date"]) for day in trend], lines),
        "options": json.dumps(_options(None)),
        "table": {"headers": ["Day", "With a journey", "All conversions"], "rows": rows},
    }


def disputes_by_week(weeks):
    """A group a week: what came, what went."""
    bars = [
        {"label": title, "data": [week[name] for week in weeks], "backgroundColor": colour}
        for name, title, colour in (("filed", "Filed", QUIET), ("closed", "Closed", STRONG))
    ]
    rows = [[week["week"].isoformat(), f"{week['filed']:,}", f"{week['closed']:,}"] for week in weeks]
    totals = ["Total", *(f"{sum(week[name] for week in weeks):,}" for name in ("filed", "closed"))]
    return {
        "data": _json([_short(week["week"].isoformat()) for week in weeks], bars),
        "options": json.dumps(_options(None)),
        "table": {"headers": ["Week of", "Filed", "Closed"], "rows": rows, "totals": totals},
    }


def _short(date):
    day = dt.date.fromisoformat(date)
    return f"{day.day} {day:%b}"


def _line(label, trend, name, colour):
    return {
        "label": label,
        "data": [float(day[name]) for day in trend],
        "borderColor": colour,
        "backgroundColor": colour,
    }


def _json(labels, datasets):
    # Pixels are floats; the tables beside the pictures have the cents.
    return json.dumps({"labels": labels, "datasets": datasets})


def _options(currency, *, skip_labels=True):
    """Chart.js options that are plain data. What needs a function (tooltips) is in charts.js."""
    figures = {"notation": "compact", "maximumFractionDigits": 1}
    if currency:
        figures |= {"style": "currency", "currency": currency}
    ticks = {"color": QUIET}
    labels = ticks | {"maxRotation": 0, "autoSkip": skip_labels, "autoSkipPadding": 16}
    bar = {"borderRadius": 3, "categoryPercentage": 0.75}
    line = {"borderWidth": 2, "pointRadius": 0, "pointHitRadius": 12, "cubicInterpolationMode": "monotone"}
    return {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "datasets": {"line": line, "bar": bar},
        "plugins": {
            "legend": {
                "align": "end",
                "labels": {"color": QUIET, "boxWidth": 8, "boxHeight": 8, "usePointStyle": True},
            }
        },
        "scales": {
            "x": {"grid": {"display": False}, "border": {"display": False}, "ticks": labels},
            "y": {
                "beginAtZero": True,
                "border": {"display": False, "dash": [4, 4]},
                "ticks": ticks | {"format": figures, "maxTicksLimit": 6},
            },
        },
    }
