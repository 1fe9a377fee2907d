"""What a CSV file would do, row by row, and doing it. Rows stand or fall by themselves."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DataError, IntegrityError, connection, transaction

from attribution.models import AttributionRecord
from attribution_site.errors import DomainError
from conversions.models import Conversion
from disputes import csv_rows, operations
from disputes.actors import Actor
from disputes.models import Dispute
from partners.admin.pages import words_of

logger = logging.getLogger(__name__)
REFUSALS = (DomainError, ValidationError, ObjectDoesNotExist)
MISSING: dict[type[Exception], str] = {
    AttributionRecord.DoesNotExist: "There is no such record.",
    Conversion.DoesNotExist: "There is no such conversion.",
}


@dataclass
class Line:
    """A row of the file and what comes, or came, of it. Numbered as people count: the first names the columns."""

    number: int
    cells: Mapping[str, str]
    told: str = ""
    moved: str = ""
    dispute: Dispute | None = None
    refused: str = ""
    # Digest of what it stood on when it was looked at.
    shown: str = ""

    @property
    def about(self):
        """What the row names, where there is no dispute to show."""
        names = ("number", "id", "attributionId", "conversionId")
        return next((self.cells[name] for name in names if name in self.cells), "–")


def lines_of(rows: Iterable[Mapping[str, str]]) -> list[Line]:
    return [Line(number, cells) for number, cells in enumerate(rows, 2)]


def done(lines: list[Line], do: Callable[[Line, Actor], None], by: Actor) -> list[Line]:
    """`do` with each line; what it refuses is told in the line."""
    for line in lines:
        try:
            with transaction.atomic():
                do(line, by)
        except REFUSALS as error:
            line.refused = MISSING.get(type(error)) or words_of(error)
        except (DataError, IntegrityError):
            # What the lines before have done stands and must be told, whatever is wrong with this one.
            logger.exception("Line %s of a CSV file", line.number)
            line.refused = "The database refuses it, and nothing was done. It is in the log of errors."
        if line.refused:
            line.dispute = None
    return lines


def check_filing(lines: list[Line], by: Actor) -> list[Line]:
    done(lines, _check_claim, by)
    _repeated(lines)
    return lines


def _check_claim(line: Line, by: Actor) -> None:
    claimant, subject = operations.check_filing(**csv_rows.filing_of(line.cells), by=by)
    about = "its record is frozen" if subject.get("record_id") else "a missing touch: no record is frozen"
    line.told = f"Filed for {' '.join(claimant)}; {about}"
    line.moved = f"{subject['at_stake']:,.2f} {subject['currency']}"
    line.shown = operations.state_of_claim(claimant, subject)


def file(line: Line, by: Actor) -> None:
    """As it was shown. Raises ChangedSinceShown."""
    dispute = operations.file_dispute(**csv_rows.filing_of(line.cells), by=by)
    if operations.state_of_claim(dispute.claimant, dispute) != line.shown:
        raise operations.ChangedSinceShown("The record changed since it was shown. Nothing was done; look at it anew.")
    line.dispute, line.told, line.moved = dispute, "Filed", f"{dispute.at_stake:,.2f} {dispute.currency}"


def check_deciding(lines: list[Line], by: Actor) -> list[Line]:
    """Decided and taken back: nothing less would tell what the database itself says of it. Lines about one conversion
    one after the other, as they would be done."""
    by_conversion: dict[object, list[Line]] = defaultdict(list)
    seen: dict[object, int] = {}

    def find(line: Line, by: Actor) -> None:
        csv_rows.decision_of(line.cells)
        dispute = csv_rows.dispute_of(line.cells)
        if seen.setdefault(dispute.pk, line.number) != line.number:
            raise DomainError(f"Line {seen[dispute.pk]} is about the same.")
        by_conversion[dispute.conversion_id].append(line)

    done(lines, find, by)
    for group in by_conversion.values():
        with transaction.atomic():
            done(group, _try, by)
            transaction.set_rollback(True)
    return lines


def _try(line: Line, by: Actor) -> None:
    asked = csv_rows.decision_of(line.cells)
    line.shown = operations.lock_state(dispute_id=asked["dispute_id"], by=by)
    _carry_out(line, asked, by)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def decide(line: Line, by: Actor) -> None:
    """On what was shown. Raises ChangedSinceShown."""
    asked = csv_rows.decision_of(line.cells)
    now = operations.lock_state(dispute_id=asked["dispute_id"], by=by)
    operations.check_unchanged(dispute_id=asked["dispute_id"], shown=line.shown, now=now)
    _carry_out(line, asked, by)


def _carry_out(line: Line, asked: dict[str, Any], by: Actor) -> None:
    verb = operations.reject_dispute if "rejection" in asked else operations.resolve_dispute
    line.dispute = verb(**asked, by=by)
    line.told = line.dispute.get_status_display()
    line.moved = "; ".join(changes(line.dispute.settlement)) or "No money moves"


def changes(settlement) -> list[str]:
    """What each payee gains or loses."""
    if settlement is None:
        return []
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in settlement.lines.all():
        sums[line.payee_type, line.payee_id] += line.commission_change
    named = ((f"{kind} {pk}" if pk else "the house", change) for (kind, pk), change in sums.items() if change)
    return [f"{name} {change:+,.2f} {settlement.currency}" for name, change in named]


def _repeated(lines: list[Line]) -> None:
    """A claim that two lines make: the second would be refused, so it is said beforehand."""
    seen: dict[object, int] = {}
    for line in lines:
        cells = line.cells
        about = cells.get("attributionId") or cells.get("conversionId")
        key = (about, cells.get("claimantType"), cells.get("claimantId"))
        if line.refused:
            continue
        if key in seen:
            line.refused = f"Line {seen[key]} is about the same."
        seen.setdefault(key, line.number)
