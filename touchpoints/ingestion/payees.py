"""Which of the partners and brokers that touches name there are."""

import time
from collections.abc import Iterable

from django.db import connection

from partners.models import Broker, Partner

OF_COLUMN = {"partner_id": Partner, "broker_id": Broker}
BELIEVED = 5.0  # seconds that this process believes that one is there
MOST_KNOWN = 100_000

_believed_until: dict[tuple[str, str], float] = {}


def unknown(column: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that nobody has. Only what is there is believed for a while: a miss asks the database."""
    now = time.monotonic()
    # What a transaction of one's own shows may be undone, so nothing is learnt in one.
    in_transaction = connection.in_atomic_block
    missing = {each for each in ids if in_transaction or _believed_until.get((column, each), 0.0) < now}
    if not missing:
        return missing
    found = set(OF_COLUMN[column].objects.filter(pk__in=missing).values_list("pk", flat=True))
    if not in_transaction:
        if len(_believed_until) > MOST_KNOWN:
            _believed_until.clear()
        _believed_until.update(((column, each), now + BELIEVED) for each in found)
    return missing - found
