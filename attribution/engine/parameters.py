"""What a model's configuration may say, checked once and then trusted by the whole engine."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

CHANNELS = (
    "organic_search",
    "paid_search",
    "social_media",
    "email",
    "display_ad",
    "referral",
    "direct",
    "partner_referral",
    "broker_referral",
    "affiliate",
    "webinar",
    "event",
    "phone_call",
    "chat",
    "other",
)
CONVERSION_TYPES = ("sale", "signup", "quote_request", "policy_bound", "renewal")

MAX_LOOKBACK_DAYS = 3650
MAX_MARKOV_ORDER = 4
# What a state of the data-driven model is made of.
STATES = ("channel", "channel_source", "channel_campaign", "channel_partner")
WEIGH_BY = ("conversions", "value")
# Far above any percentage, far below where a sum of three could overflow.
MAX_POSITION_WEIGHT = 1e9
MICROSECONDS_PER_DAY = 86_400_000_000


class InvalidParameters(ValueError):
    """`errors` maps the name of each bad field to a sentence a user may read."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {message}" for name, message in self.errors.items()))


@dataclass(frozen=True)
class Parameters:
    """One configuration. Build it with `from_json` unless every value is known to be good."""

    lookback_days: int = 90
    # A mapping can't be hashed; two configurations that differ only here merely share a bucket.
    lookback_days_by_type: Mapping[str, int] = field(default_factory=dict, hash=False)
    lookback_steps: int | None = None
    half_life_days: float = 7.0
    position_weights: tuple[float, float, float] = (0.4, 0.2, 0.4)
    excluded_channels: tuple[str, ...] = ()
    exclude_direct: bool = False
    collapse_repeats: bool = False
    restart_after_conversion: bool = False
    # What follows is read by the data-driven model alone. None: the order that the data speaks for.
    states: str = "channel"
    markov_order: int | None = 1
    weigh_by: str = "conversions"
    training_days: int = 90
    minimum_conversions: int = 100

    @classmethod
    def from_json(
        cls,
        data: object,
        *,
        channels: Collection[str] = CHANNELS,
        conversion_types: Collection[str] = CONVERSION_TYPES,
    ) -> "Parameters":
        """Read a JSON object; absent keys take their defaults.

        Raises InvalidParameters that names every bad field, not only the first.
        """
        if not isinstance(data, Mapping):
            raise InvalidParameters({"parameters": "Must be an object."})
        readers = _readers(channels, conversion_types)
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for name, raw in data.items():
            if name not in readers:
                errors[str(name)] = "There is no such parameter."
                continue
            try:
                values[name] = readers[name](raw)
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            raise InvalidParameters(errors)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Every field, in a fixed order; equal configurations give equal JSON."""
        return {
            "lookback_days": self.lookback_days,
            "lookback_days_by_type": dict(sorted(self.lookback_days_by_type.items())),
            "lookback_steps": self.lookback_steps,
            "half_life_days": float(self.half_life_days),
            "position_weights": [float(weight) for weight in self.position_weights],
            "excluded_channels": sorted(set(self.excluded_channels)),
            "exclude_direct": self.exclude_direct,
            "collapse_repeats": self.collapse_repeats,
            "restart_after_conversion": self.restart_after_conversion,
            "states": self.states,
            "markov_order": "auto" if self.markov_order is None else self.markov_order,
            "weigh_by": self.weigh_by,
            "training_days": self.training_days,
            "minimum_conversions": self.minimum_conversions,
        }

    def lookback_microseconds(self, conversion_type: str) -> int:
        """How old a touch may be, in microseconds before a conversion of this type."""
        return self.lookback_days_by_type.get(conversion_type, self.lookback_days) * MICROSECONDS_PER_DAY


def _readers(channels: Collection[str], conversion_types: Collection[str]) -> dict[str, Callable[[object], object]]:
    return {
        "lookback_days": _lookback_days,
        "lookback_days_by_type": lambda raw: _lookback_days_by_type(raw, conversion_types),
        "lookback_steps": _lookback_steps,
        "half_life_days": _half_life_days,
        "position_weights": _position_weights,
        "excluded_channels": lambda raw: _excluded_channels(raw, channels),
        "exclude_direct": _boolean,
        "collapse_repeats": _boolean,
        "restart_after_conversion": _boolean,
        "states": lambda raw: _one_of(raw, STATES),
        "markov_order": _markov_order,
        "weigh_by": lambda raw: _one_of(raw, WEIGH_BY),
        "training_days": _lookback_days,
        "minimum_conversions": _minimum_conversions,
    }


def _one_of(raw: object, names: Collection[str]) -> str:
    if not isinstance(raw, str) or raw not in names:
        raise ValueError(f"Must be one of {', '.join(names)}.")
    return raw


def _markov_order(raw: object) -> int | None:
    if raw == "auto":
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= MAX_MARKOV_ORDER:
        raise ValueError(f'Must be a whole number from 1 to {MAX_MARKOV_ORDER}, or "auto".')
    return raw


def _minimum_conversions(raw: object) -> int:
    conversions = _whole_number(raw)
    if not 1 <= conversions <= 1_000_000_000:
        raise ValueError("Must be at least 1 conversion and at most 1000000000.")
    return conversions


def _boolean(raw: object) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("Must be true or false.")
    return raw


def _whole_number(raw: object) -> int:
    # In Python a bool is an int; in a configuration it is a mistake.
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ValueError("Must be a whole number.")
    return raw


def _finite_number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError("Must be a number.")
    try:
        number = float(raw)
    except OverflowError:
        raise ValueError("Must be a finite number.") from None
    if not math.isfinite(number):
        raise ValueError("Must be a finite number.")
    return number


def _lookback_days(raw: object) -> int:
    days = _whole_number(raw)
    if not 1 <= days <= MAX_LOOKBACK_DAYS:
        raise ValueError(f"Must be between 1 and {MAX_LOOKBACK_DAYS} days.")
    return days


def _lookback_days_by_type(raw: object, conversion_types: Collection[str]) -> dict[str, int]:
    if not isinstance(raw, Mapping):
        raise ValueError("Must be an object of days by conversion type.")
    days_by_type: dict[str, int] = {}
    problems: list[str] = []
    for name, days in raw.items():
        if name not in conversion_types:
            problems.append(f"{name}: There is no such conversion type.")
            continue
        try:
            days_by_type[name] = _lookback_days(days)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ValueError(" ".join(problems))
    return dict(sorted(days_by_type.items()))


def _lookback_steps(raw: object) -> int | None:
    if raw is None:
        return None
    steps = _whole_number(raw)
    # The upper bound keeps the number inside the engine's 64-bit arithmetic.
    if not 1 <= steps <= 1_000_000_000:
        raise ValueError("Must be at least 1 step and at most 1000000000, or null for no cap.")
    return steps


def _half_life_days(raw: object) -> float:
    days = _finite_number(raw)
    if days <= 0:
        raise ValueError("Must be more than 0 days.")
    return days


def _position_weights(raw: object) -> tuple[float, float, float]:
    if not isinstance(raw, list | tuple) or len(raw) != 3:
        raise ValueError("Must be a list of three numbers: first, middle, last.")
    first, middle, last = (_finite_number(weight) for weight in raw)
    if min(first, middle, last) < 0 or max(first, middle, last) > MAX_POSITION_WEIGHT:
        raise ValueError(f"Each weight must be between 0 and {MAX_POSITION_WEIGHT:.0f}.")
    if first == middle == last == 0:
        raise ValueError("At least one weight must be more than 0.")
    return first, middle, last


def _excluded_channels(raw: object, channels: Collection[str]) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple):
        raise ValueError("Must be a list of channels.")
    unknown = [str(name) for name in raw if not isinstance(name, str) or name not in channels]
    if unknown:
        raise ValueError(f"There is no such channel: {', '.join(unknown)}.")
    return tuple(sorted(set(raw)))
