"""Records that wait before they may be approved: pending until their payee's hold is over.

How long is agreed on with payees. Whoever knows stands behind the setting RECORD_HOLDS, as the calculation knows
nothing of payouts.
"""

import datetime as dt
from typing import Protocol

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.utils.module_loading import import_string
from numpy.typing import NDArray


class Holds(Protocol):
    def held(self, records: pa.Table, at: dt.datetime) -> NDArray[np.bool_]:
        """A boolean a record: whether its hold is not over at the moment."""
        ...


def stored() -> Holds:
    """As they are agreed on now."""
    found: Holds = import_string(settings.RECORD_HOLDS)()
    return found


def with_holds(records: pa.Table, holds: Holds, at: dt.datetime) -> pa.Table:
    """`records`, calculated, with those pending whose hold is not over."""
    held = holds.held(records, at)
    if not held.any():
        return records
    status = pa.array(np.where(held, "pending", "calculated"), pa.string())
    return records.set_column(records.schema.get_field_index("status"), "status", status)
