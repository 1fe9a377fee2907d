"""What a CSV file would do, row by row, and doing it. Rows stand or fall by themselves."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connection, transaction

from attribution.models import AttributionRecord
from attribution_site.errors import DomainError
from conversions.models import Conversion
from disputes import csv_rows, operations
from disputes.actors import Actor
from disputes.models import Dispute
from partners.admin.pages import words_of

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

    @property
    def about(self):
        """What the row names, where there is no dispute to show."""
        names = ("number", "id", "attributionId", "conversionId")
        return next((self.cells[name] for name in names if name in self.cells), "–")


def lines_of(rows, do, *, by):
    """`do` with each row; what it refuses is told in the row's line."""
    return [_tried(Line(number, cells), do, by) for number, cells in enumerate(rows, 2)]


def _tried(line, do, by):
    try:
        with transaction.atomic():
            do(line, by)
    except REFUSALS as error:
        line.refused = MISSING.get(type(error)) or words_of(error)
        line.dispute = None
    return line


def check_filing(line: Line, by: Actor) -> None:
    (kind, pk), subject = operations.check_filing(**csv_rows.filing_of(line.cells), by=by)
    about = "its record is frozen" if subject.get("record_id") else "a missing touch: no record is frozen"
    line.told = f"Filed for {kind} {pk}; {about}"
    line.moved = f"{subject['at_stake']:,.2f} {subject['currency']}"


def file(line: Line, by: Actor) -> None:
    line.dispute = operations.file_dispute(**csv_rows.filing_of(line.cells), by=by)
    line.told, line.moved = "Filed", f"{line.dispute.at_stake:,.2f} {line.dispute.currency}"


def check_deciding(line: Line, by: Actor) -> None:
    """Decided and taken back: nothing less would tell what the database itself says of it."""
    with transaction.atomic():
        decide(line, by)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def decide(line: Line, by: Actor) -> None:
    asked = csv_rows.decision_of(line.cells)
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


def repeated(lines: list[Line]) -> None:
    """A dispute that two lines decide: the second would be refused, so it is said beforehand."""
    seen: dict[object, int] = {}
    for line in lines:
        key = line.dispute.pk if line.dispute else _claimed(line.cells)
        if line.refused or key is None:
            continue
        if key in seen:
            line.refused = f"Line {seen[key]} is about the same."
        seen.setdefault(key, line.number)


def _claimed(cells: Mapping[str, str]) -> object:
    about = cells.get("attributionId") or cells.get("conversionId")
    return (about, cells.get("claimantType", ""), cells.get("claimantId", "")) if about else None
