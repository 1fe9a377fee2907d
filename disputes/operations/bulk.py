"""Many disputes at once: each row stands or falls by itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction

from attribution_site.errors import DomainError
from disputes.models import Dispute

MOST_ROWS = 1000


@dataclass(frozen=True)
class Outcome:
    """What became of one row: the dispute, or why not."""

    dispute: Dispute | None = None
    error: Exception | None = None


def each(rows: Iterable[Mapping[str, Any]], do: Callable[..., Dispute]) -> list[Outcome]:
    """`do` with each row's values, in the order given."""
    return [_one(row, do) for row in rows]


def _one(row: Mapping[str, Any], do: Callable[..., Dispute]) -> Outcome:
    try:
        with transaction.atomic():
            return Outcome(do(**row))
    except (DomainError, ValidationError, ObjectDoesNotExist) as error:
        return Outcome(error=error)
