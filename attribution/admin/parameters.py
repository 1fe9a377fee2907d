"""Parameters as people read them: what each is called, what it says, where two versions differ."""

from dataclasses import dataclass

from attribution.engine.parameters import Parameters
from attribution.wording import parameters_of
from conversions.models import Conversion
from touchpoints.models import Channel

LABELS = {
    "lookback_days": "Lookback",
    "lookback_days_by_type": "Lookback by conversion type",
    "lookback_steps": "Most touches",
    "excluded_channels": "Channels left out",
    "exclude_direct": "Leave out direct unless it is alone",
    "collapse_repeats": "Repeats of a channel count once",
    "restart_after_conversion": "Start again after an earlier conversion",
    "half_life_days": "Half-life",
    "position_weights": "Weights",
    "states": "Learns about",
    "markov_order": "Order",
    "weigh_by": "Weighs by",
    "training_days": "Training window",
    "minimum_conversions": "Least conversions to learn from",
}
STATES = {
    "channel": "Channels",
    "channel_campaign": "Channels and their campaigns",
    "channel_partner": "Channels and their partners",
}
WEIGH_BY = {"conversions": "Conversions", "value": "Their value"}
ORDERS = {"auto": "The order that the data speaks for"} | {
    str(order): f"{order}, {text}"
    for order, text in [
        (1, "each touch by itself"),
        (2, "pairs of touches"),
        (3, "three touches in a row"),
        (4, "four touches in a row"),
    ]
}
CHANNELS = dict(Channel.choices)
TYPES = dict(Conversion.Type.choices)


@dataclass(frozen=True)
class Row:
    """One parameter of one or two versions."""

    name: str
    label: str
    before: str
    after: str
    differs: bool


def complete(config):
    """All parameters of a version, younger ones than it by their defaults."""
    return Parameters.from_json(config.parameters).to_json()


def compared(before, after):
    """What each parameter says in one version and in another. Those that have no effect in either are left out,
    unless they differ."""
    old, new = complete(before), complete(after)
    matter = {*parameters_of(before.model), *parameters_of(after.model)}
    return [
        Row(name, label, shown(name, old[name]), shown(name, new[name]), old[name] != new[name])
        for name, label in LABELS.items()
        if name in matter or old[name] != new[name]
    ]


def shown(name, value):
    match name:
        case "lookback_days" | "half_life_days" | "training_days":
            return days(value)
        case "lookback_days_by_type":
            return " · ".join(f"{TYPES[kind]} {days(each)}" for kind, each in value.items()) or "The same for all"
        case "lookback_steps":
            return "No limit" if value is None else f"The last {value:,}"
        case "position_weights":
            return weights(value)
        case "excluded_channels":
            return ", ".join(CHANNELS[each] for each in value) or "None"
        case "states":
            return STATES[value]
        case "weigh_by":
            return WEIGH_BY[value]
        case "markov_order":
            return ORDERS[str(value)]
        case "minimum_conversions":
            return f"{value:,}"
        case _:
            return "Yes" if value else "No"


def days(number):
    return "1 day" if number == 1 else f"{number:,g} days"


def weights(three):
    """As shares of a whole: only their proportions count."""
    total = sum(three)
    names = ("first", "middle", "last")
    return " · ".join(f"{name} {100 * each / total:.4g} %" for name, each in zip(names, three, strict=True))
