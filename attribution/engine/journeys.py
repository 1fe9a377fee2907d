"""Journeys as flat arrays: the touches of all conversions in a row, and where each journey begins.

The layout is that of a compressed sparse row matrix. Journey j owns the touches
`offsets[j]:offsets[j + 1]`, earliest first; an empty journey is an unattributed conversion.
Ages are whole microseconds, so that a touch exactly at the edge of the lookback counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.engine.parameters import CHANNELS, MICROSECONDS_PER_DAY, Parameters

CHANNEL_CODES: Mapping[str, int] = {name: code for code, name in enumerate(CHANNELS)}

# `since_previous_conversion` of a lead's first conversion: no touch is that old.
NEVER = int(np.iinfo(np.int64).max)

# What may leave a touch out, in the order in which `apply_path_rules` asks.
PATH_RULES = ("lookback", "previous_conversion", "excluded_channel", "direct", "repeat", "steps")


@dataclass(frozen=True, slots=True, eq=False)
class Journeys:
    """n journeys with m touches in all.

    offsets: (n + 1,) int64, from 0 to m, never falling.
    ages: (m,) int64, microseconds before the conversion, >= 0, never rising within a journey.
    channels: (m,) int32 codes; the coding is the caller's.
    effects: (m,) float64 >= 0, what training says of each touch's state; None where nothing was learnt. Only the
    data-driven model reads them.

    Raises TypeError for another dtype and ValueError for arrays that are no such layout.
    """

    offsets: NDArray[np.int64]
    ages: NDArray[np.int64]
    channels: NDArray[np.int32]
    effects: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name, dtype in (("offsets", np.int64), ("ages", np.int64), ("channels", np.int32)):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
                raise TypeError(f"{name} must be a one-dimensional {np.dtype(dtype)} array.")
        check_offsets(self.offsets, self.ages.size)
        if self.channels.size != self.ages.size:
            raise ValueError("ages and channels must be of the same length.")
        if self.effects is not None and not (
            self.effects.shape == self.ages.shape and np.all((self.effects >= 0) & np.isfinite(self.effects))
        ):
            raise ValueError("effects must be one number a touch, 0 or more.")
        self._check_ages()

    def _check_ages(self) -> None:
        if not self.ages.size:
            return
        if self.ages.min() < 0:
            raise ValueError("A touch after its conversion is not part of the journey.")
        begins = np.zeros(self.touches + 1, dtype=np.bool_)
        begins[self.offsets] = True
        if np.any((self.ages[1:] > self.ages[:-1]) & ~begins[1:-1]):
            raise ValueError("The touches of a journey must be in order of time, the earliest first.")

    @classmethod
    def from_lengths(cls, lengths: Sequence[int], ages: Sequence[int], channels: Sequence[int]) -> "Journeys":
        """The same from plain sequences: touches per journey, ages in microseconds, channel codes."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(offsets, np.asarray(ages, dtype=np.int64), np.asarray(channels, dtype=np.int32))

    @property
    def count(self) -> int:
        """Number of journeys, n."""
        return self.offsets.size - 1

    @property
    def touches(self) -> int:
        """Number of touches, m."""
        return self.ages.size

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) touches of each journey."""
        return np.diff(self.offsets)

    @property
    def starts(self) -> NDArray[np.int64]:
        """(n,) index of each journey's first touch; of an empty one, that of the next journey."""
        return self.offsets[:-1]

    @property
    def owner(self) -> NDArray[np.int64]:
        """(m,) index of the journey of each touch."""
        return np.repeat(np.arange(self.count, dtype=np.int64), self.lengths)

    @property
    def position(self) -> NDArray[np.int64]:
        """(m,) place of each touch within its journey, the earliest 0."""
        return np.arange(self.touches, dtype=np.int64) - np.repeat(self.starts, self.lengths)

    def select(self, keep: NDArray[np.bool_]) -> tuple["Journeys", NDArray[np.int64]]:
        """The journeys with only the touches where `keep` ((m,) bool) holds, and the indices of those.

        No journey disappears: one that loses all of its touches is empty.
        """
        if keep.shape != self.ages.shape:
            raise ValueError("keep must have one entry a touch.")
        kept = np.flatnonzero(keep)
        kept_before = np.zeros(self.touches + 1, dtype=np.int64)
        np.cumsum(keep, out=kept_before[1:])
        effects = None if self.effects is None else self.effects[kept]
        return Journeys(kept_before[self.offsets], self.ages[kept], self.channels[kept], effects), kept


def check_offsets(offsets: NDArray[np.int64], touches: int) -> None:
    """Raise ValueError unless `offsets` cut `touches` touches into journeys."""
    if not offsets.size or offsets[0] != 0 or offsets[-1] != touches:
        raise ValueError("offsets must begin with 0 and end with the number of touches.")
    if np.any(offsets[1:] < offsets[:-1]):
        raise ValueError("offsets must never fall.")


def lookbacks(parameters: Parameters, conversion_types: Sequence[str]) -> NDArray[np.int64]:
    """(n,) microseconds of lookback for conversions of these types."""
    by_type = {name: parameters.lookback_microseconds(name) for name in set(conversion_types)}
    return np.array([by_type[name] for name in conversion_types], dtype=np.int64)


def apply_path_rules(
    journeys: Journeys,
    parameters: Parameters,
    *,
    channel_codes: Mapping[str, int] = CHANNEL_CODES,
    lookback: NDArray[np.int64] | None = None,
    since_previous_conversion: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """(m,) bool: the touches that count, for `Journeys.select`.

    Rules apply in this order, each to what the ones before have left: lookback (an age equal to it
    counts), restart after the previous conversion (a touch at that very moment does not count),
    excluded channels, direct unless there is nothing else, repeats of a channel (the first of a run
    stays), cap in steps (the last ones stay).

    channel_codes: the caller's coding; a channel without a code occurs in no touch.
    lookback: (n,) microseconds, see `lookbacks`; by default `lookback_days` for all.
    since_previous_conversion: (n,) microseconds, NEVER where there is none; needed when
    `restart_after_conversion` is on, else ignored.
    """
    for _, kept in _rules(journeys, parameters, channel_codes, lookback, since_previous_conversion):
        keep = kept
    return keep


def left_out_by(
    journeys: Journeys,
    parameters: Parameters,
    *,
    channel_codes: Mapping[str, int] = CHANNEL_CODES,
    lookback: NDArray[np.int64] | None = None,
    since_previous_conversion: NDArray[np.int64] | None = None,
) -> NDArray[np.int8]:
    """(m,) which of PATH_RULES left each touch out, by its place there; -1 for those that count.
    The arguments are those of `apply_path_rules`."""
    reasons = np.full(journeys.touches, -1, dtype=np.int8)
    for name, keep in _rules(journeys, parameters, channel_codes, lookback, since_previous_conversion):
        reasons[(reasons < 0) & ~keep] = PATH_RULES.index(name)
    return reasons


def _rules(
    journeys: Journeys,
    parameters: Parameters,
    channel_codes: Mapping[str, int],
    lookback: NDArray[np.int64] | None,
    since_previous_conversion: NDArray[np.int64] | None,
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each rule that is on, and what it and those before it have left: one array, ever emptier."""
    if lookback is None:
        lookback = np.full(journeys.count, parameters.lookback_days * MICROSECONDS_PER_DAY, dtype=np.int64)
    owner = journeys.owner
    keep = journeys.ages <= lookback[owner]
    yield "lookback", keep
    if parameters.restart_after_conversion:
        if since_previous_conversion is None:
            raise ValueError("restart_after_conversion needs since_previous_conversion.")
        keep &= journeys.ages < since_previous_conversion[owner]
        yield "previous_conversion", keep
    if parameters.excluded_channels:
        excluded = [channel_codes[name] for name in parameters.excluded_channels if name in channel_codes]
        keep &= ~np.isin(journeys.channels, np.array(excluded, dtype=np.int32))
        yield "excluded_channel", keep
    if parameters.exclude_direct and "direct" in channel_codes:
        _leave_out_unless_alone(keep, journeys, owner, channel_codes["direct"])
        yield "direct", keep
    if parameters.collapse_repeats:
        _collapse_repeats(keep, journeys, owner)
        yield "repeat", keep
    if parameters.lookback_steps is not None:
        _keep_last_steps(keep, journeys, owner, parameters.lookback_steps)
        yield "steps", keep


def _leave_out_unless_alone(
    keep: NDArray[np.bool_], journeys: Journeys, owner: NDArray[np.int64], channel: int
) -> None:
    is_channel = journeys.channels == channel
    has_others = np.zeros(journeys.count, dtype=np.bool_)
    has_others[owner[keep & ~is_channel]] = True
    keep &= ~(is_channel & has_others[owner])


def _collapse_repeats(keep: NDArray[np.bool_], journeys: Journeys, owner: NDArray[np.int64]) -> None:
    kept = np.flatnonzero(keep)
    before, after = kept[:-1], kept[1:]
    repeats = (owner[before] == owner[after]) & (journeys.channels[before] == journeys.channels[after])
    keep[after[repeats]] = False


def _keep_last_steps(keep: NDArray[np.bool_], journeys: Journeys, owner: NDArray[np.int64], steps: int) -> None:
    kept = np.flatnonzero(keep)
    owner_of_kept = owner[kept]
    ends = np.cumsum(np.bincount(owner_of_kept, minlength=journeys.count))
    place_from_end = ends[owner_of_kept] - np.arange(kept.size)
    keep[kept[place_from_end > steps]] = False
