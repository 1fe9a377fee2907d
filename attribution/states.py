"""What the data-driven model calls a state: a touch's channel, or its channel with its campaign or partner."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# The column of a touch that stands beside its channel in a state.
BESIDE_CHANNEL: Mapping[str, str | None] = {
    "channel": None,
    "channel_source": "source",
    "channel_campaign": "campaign",
    "channel_partner": "partner_id",
}
# Text in a touch holds no control characters.
_SEPARATOR = "\x1f"


def state_keys(touches: pa.Table, states: str) -> pa.Array:
    """(m,) a text a touch; equal texts are one state. No campaign or partner is a state like any other."""
    column = BESIDE_CHANNEL[states]
    channel = touches["channel"].combine_chunks()
    if column is None:
        return channel
    beside = pc.fill_null(touches[column].combine_chunks(), "")
    return pc.binary_join_element_wise(channel, beside, _SEPARATOR)


def state_of(key: str) -> list[str | None]:
    """[channel] or [channel, campaign or partner or None], as a training stores it."""
    channel, separator, beside = key.partition(_SEPARATOR)
    return [channel, beside or None] if separator else [channel]


def key_of(state: list[str | None]) -> str:
    return _SEPARATOR.join(part or "" for part in state)


def effects_of(touches: pa.Table, states: str, effects: Mapping[str, float]) -> NDArray[np.float64]:
    """(m,) the effect of each touch's state; 0 for a state that was not in the training's data."""
    keys = state_keys(touches, states).dictionary_encode()
    by_code = np.array([effects.get(key, 0.0) for key in keys.dictionary.to_pylist()], dtype=np.float64)
    of_touches: NDArray[np.float64] = by_code[keys.indices.to_numpy()]
    return of_touches
