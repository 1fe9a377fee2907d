"""What a file is read as: chunks of columns, with the numbers of their rows."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from attribution_site.errors import DomainError


class Unreadable(DomainError):
    """The file, or the rest of it, cannot be read."""


@dataclass
class Malformed:
    row: int
    text: str
    reason: str


@dataclass
class Chunk:
    """Some rows of the file, column by column, with the numbers that a reader finds them by."""

    columns: dict[str, pa.Array]
    rows: np.ndarray
    malformed: list[Malformed] = field(default_factory=list)
