"""The model lab's sums: what one lot of conversions would earn under several rules, side by side.

Batches are read once and every contender's rules applied to them, by the code that makes records. Everything is
added up in whole numbers (credit in units of 10**-10, money in hundredths), so that attributed and unattributed make
the total for each contender, to the cent. No record comes of it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attribution import records
from attribution.reading import Batch

# What a share is added up by. A group's name is a list of texts: see `labels`.
GROUPINGS = ("channel", "source", "campaign", "payee")
AMOUNTS = ("credits", "revenue", "commission")
COMMISSION = AMOUNTS.index("commission")
# Tables with more groups end with one row for all the others.
MOST_GROUPS = 500
# Text in a touch holds no control characters.
SEPARATOR = "\x1f"

Amounts = NDArray[np.int64]


class Groups:
    """Sums by group, which grow with the groups that are met. `sums`: (contenders, AMOUNTS, groups)."""

    def __init__(self, contenders: int) -> None:
        self.codes: dict[str, int] = {}
        self.sums: Amounts = np.zeros((contenders, len(AMOUNTS), 0), dtype=np.int64)

    def encode(self, labels: pa.Array) -> NDArray[np.int64]:
        """(m,) the group of each label."""
        encoded = labels.dictionary_encode()
        known = [self.codes.setdefault(label, len(self.codes)) for label in encoded.dictionary.to_pylist()]
        new = np.zeros((*self.sums.shape[:2], len(self.codes) - self.sums.shape[2]), dtype=np.int64)
        self.sums = np.concatenate([self.sums, new], axis=2)
        groups: NDArray[np.int64] = np.array(known, dtype=np.int64)[encoded.indices.to_numpy()]
        return groups

    def add(self, contender: int, groups: NDArray[np.int64], amounts: Sequence[Amounts]) -> None:
        for sums, amount in zip(self.sums[contender], amounts, strict=True):
            np.add.at(sums, groups, amount)


class Tally:
    """Adds up batches. A contender is rules of which each conversion takes the model that is payable when it
    occurred: of one model alone, or of all that commission is paid under in turn."""

    def __init__(self, contenders: Sequence[records.Rules]) -> None:
        self._contenders = contenders
        self._groups = {name: Groups(len(contenders)) for name in GROUPINGS}
        self._attributed, self._by_position = ([0] * len(contenders) for _ in range(2))
        self._conversions = self._revenue = self._commission = 0

    def add(self, batch: Batch) -> None:
        self._conversions += batch.conversions.num_rows
        self._revenue += pc.sum(batch.conversions["value_cents"]).as_py() or 0
        self._commission += pc.sum(batch.conversions["commission_cents"]).as_py() or 0
        codes = {name: self._groups[name].encode(labels(batch.touches, name)) for name in GROUPINGS}
        for place, rules in enumerate(self._contenders):
            for model, versions in rules.versions.items():
                shares = records.shares_of(batch, model, versions)
                paid = records.is_payable(batch.occurred_at[shares.conversion], model, rules)
                self._add_shares(place, shares, paid, codes)
                if model == "data_driven":
                    self._by_position[place] += _distinct(shares.conversion[paid & (shares.learnt == 0)])

    def _add_shares(
        self, place: int, shares: records.Shares, paid: NDArray[np.bool_], codes: dict[str, NDArray[np.int64]]
    ) -> None:
        touch = shares.touch[paid]
        amounts = [column[paid] for column in (shares.credits, shares.values, shares.commissions)]
        for name, groups in codes.items():
            self._groups[name].add(place, groups[touch], amounts)
        self._attributed[place] += _distinct(shares.conversion[paid])

    def result(self) -> dict[str, Any]:
        """As plain whole numbers; of the groups, those that earn or change most, in a stable order."""
        totals = self._groups["channel"].sums.sum(axis=2).tolist()
        payees = self._groups["payee"]
        return {
            "conversions": self._conversions,
            "revenue": self._revenue,
            "commission": self._commission,
            "contenders": [
                {
                    "attributed": self._attributed[place],
                    "by_position": self._by_position[place],
                    **dict(zip(AMOUNTS, totals[place], strict=True)),
                    **moves(payees, place, unattributed=totals[0][COMMISSION] - totals[place][COMMISSION]),
                }
                for place in range(len(self._contenders))
            ],
            "groups": {name: table(self._groups[name]) for name in GROUPINGS},
        }


def _distinct(places: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(places)))


def labels(touches: pa.Table, grouping: str) -> pa.Array:
    """(m,) a text a touch: the parts of the group's name, joined."""
    if grouping == "payee":
        # Broker, partner or house by the rule that makes records.
        parts = [_one(column) for column in records.payee_of(touches)]
    else:
        columns = {"channel": ["channel"], "source": ["channel", "source"], "campaign": ["campaign"]}[grouping]
        parts = [pc.fill_null(_one(touches[name]), "") for name in columns]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, SEPARATOR)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def moves(payees: Groups, contender: int, *, unattributed: int) -> dict[str, int]:
    """What changes against the first contender: how many payees gain and lose, and how much commission would go to
    another than it goes to now. The house and what stays unattributed are places it goes to, but no payees."""
    changes = payees.sums[contender, COMMISSION] - payees.sums[0, COMMISSION]
    is_payee = np.array([not label.startswith("house") for label in payees.codes], dtype=np.bool_)
    return {
        "gain": int(np.count_nonzero(changes[is_payee] > 0)),
        "lose": int(np.count_nonzero(changes[is_payee] < 0)),
        "moved": int(changes[changes > 0].sum()) + max(unattributed, 0),
    }


def table(groups: Groups) -> list[dict[str, Any]]:
    """One entry a group: `name` and, a contender each, `sums` in the order of AMOUNTS. The one of `name` None, if
    there is one, has the groups that the table has no place for."""
    changes = np.abs(groups.sums[:, COMMISSION] - groups.sums[0, COMMISSION]).max(axis=0, initial=0)
    revenue = groups.sums[:, AMOUNTS.index("revenue")].max(axis=0, initial=0)
    credited = groups.sums[:, AMOUNTS.index("credits")].max(axis=0, initial=0) > 0
    names = list(groups.codes)
    # By name at last: the order of the batches decides nothing.
    ranked = sorted(np.flatnonzero(credited).tolist(), key=lambda code: (-changes[code], -revenue[code], names[code]))
    entries: list[dict[str, Any]] = [
        {"name": names[code].split(SEPARATOR), "sums": groups.sums[:, :, code].tolist()}
        for code in ranked[:MOST_GROUPS]
    ]
    if rest := ranked[MOST_GROUPS:]:
        entries.append({"name": None, "groups": len(rest), "sums": groups.sums[:, :, rest].sum(axis=2).tolist()})
    return entries
