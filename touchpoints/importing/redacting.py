"""What looks personal goes out of a file's texts, by the rules of `touchpoints/redaction.py`."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from touchpoints.importing.batch import as_bools
from touchpoints.redaction import REDACTED_FIELDS, SUSPECT, redacted


def redact(batch):
    """Clean the texts, and note in `redacted` which fields of a row were not clean."""
    noted: dict[int, list[str]] = {}
    for name, longest in sorted(REDACTED_FIELDS.items()):
        cleaned = cleanings(batch[name], longest)
        if not cleaned:
            continue
        mask = np.zeros(len(batch), bool)
        mask[list(cleaned)] = True
        batch[name] = pc.replace_with_mask(batch[name], pa.array(mask), pa.array(cleaned.values(), pa.string()))
        for place in cleaned:
            noted.setdefault(place, []).append(name)
    # As PostgreSQL writes an array.
    texts = (
        [f"{{{','.join(noted[place])}}}" if place in noted else None for place in range(len(batch))] if noted else []
    )
    batch["redacted"] = pa.array(texts, pa.string()) if noted else pa.nulls(len(batch), pa.string())


def cleanings(values, longest):
    """The values that must not stay, by place, in order: what is to stand there instead."""
    if values.null_count == len(values):
        return {}
    suspects = np.flatnonzero(as_bools(pc.match_substring_regex(values, SUSPECT))).tolist()
    found = {place: (text := values[place].as_py(), redacted(text)[:longest]) for place in suspects}
    return {place: clean for place, (text, clean) in found.items() if clean != text}
