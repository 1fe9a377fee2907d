"""How long records wait before they may be approved, by the terms of their payees."""

import datetime as dt
from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa
from django.db.models import Max
from numpy.typing import NDArray

from payouts.models.terms import GroupMembership, Terms
from payouts.terms.choosing import Agreements

DAY = np.int64(24 * 60 * 60 * 1_000_000)
COLUMNS = ["payee_type", "payee_id", "currency"]


class Holding:
    """What is agreed on with everybody, as stored when this was made: one query where no terms hold, else three."""

    def __init__(self) -> None:
        self.longest: int = Terms.objects.aggregate(days=Max("hold_days"))["days"] or 0
        if self.longest:
            agreements = Agreements(GroupMembership.objects.all(), Terms.objects.all())
            self.days = cache(lambda payee, currency, day: agreements.at(payee, currency, day).hold_days)

    def held(self, records: pa.Table, at: dt.datetime) -> NDArray[np.bool_]:
        """records: with payable, payee_type, payee_id, currency and occurred_at. A day of a hold is 24 hours."""
        held = np.zeros(records.num_rows, dtype=np.bool_)
        if not self.longest or not records.num_rows:
            return held
        occurred = records["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        now = round(at.timestamp() * 1_000_000)
        young = records["payable"].to_numpy() & (occurred + self.longest * DAY > now)
        places = np.flatnonzero(young & (records["payee_type"].to_numpy() != "house"))
        rows = records.select(COLUMNS).take(places).to_pylist()
        days = [self._days(row, moment) for row, moment in zip(rows, occurred[places], strict=True)]
        held[places] = occurred[places] + np.array(days, dtype=np.int64) * DAY > now
        return held

    def _days(self, row: dict[str, str], occurred: np.int64) -> int:
        day = dt.date(1970, 1, 1) + dt.timedelta(days=int(occurred // DAY))
        return self.days((row["payee_type"], row["payee_id"]), row["currency"], day)

    def days_of(self, rows: Iterable[tuple[str, str, str, dt.date]]) -> list[int]:
        """rows: payee's type and id, currency, the conversion's day."""
        return [self.days((kind, pk), currency, day) if self.longest else 0 for kind, pk, currency, day in rows]
