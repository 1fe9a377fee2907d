"""Disputes filed and decided by CSV: a line becomes what the operation takes, or says what is wrong with it.

The columns are named as in JSON. An empty cell is a field left out."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, Way
from disputes.models import Dispute
from disputes.operations import LONGEST_RESOLUTION
from disputes.operations.bulk import MOST_ROWS

FILING = {
    "attributionId": "of the disputed record; empty for a missing touch",
    "conversionId": "for a missing touch: of the conversion that lacks it",
    "disputeType": ", ".join(Dispute.Type.values),
    "reason": "what is wrong, and how it should be",
    "expectedAmount": "the commission that is claimed, if one is",
    "claimantType": "partner or broker; empty: the record's payee claims",
    "claimantId": "its id",
}
DECIDING = {
    "id": "of the dispute, or else its number",
    "number": "D-1001 or 1001",
    "status": "resolved or rejected",
    "resolution": "why: the payees are told",
    "rejection": f"of a rejected one: {', '.join(Dispute.Rejection.values)}",
    "way": "of a resolved one, if money shall move: reassign, split, exclude or restore",
    "touchpointId": "which touch; empty: the disputed record's",
    "payeeType": "partner, broker or house: who gets the touch",
    "payeeId": "its id; empty: the claimant",
    "percentage": "of a split: the payee's part",
}
# The others need more than a line can say.
WAYS = (Way.REASSIGN, Way.SPLIT, Way.EXCLUDE, Way.RESTORE)


class NoTable(Exception):
    """The file as a whole can't be read; it says why."""


def rows_of(body: bytes, columns: Mapping[str, str]) -> list[dict[str, str]]:
    """The file's lines by column. Raises NoTable."""
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        if not header or set(header) - set(columns) or len(set(header)) < len(header):
            raise NoTable(f"The first line names the columns, some of {', '.join(columns)}.")
        rows = [_row(header, line, lines.line_num) for line in lines if any(line)]
    except UnicodeDecodeError:
        raise NoTable("It is not UTF-8.") from None
    except csv.Error as error:
        raise NoTable(f"It is not CSV: {error}.") from None
    if not rows or len(rows) > MOST_ROWS:
        raise NoTable(f"It has {len(rows):,} rows; 1 to {MOST_ROWS:,} go at once.")
    return rows


def _row(header: list[str], line: list[str], number: int) -> dict[str, str]:
    if len(line) != len(header):
        raise NoTable(f"Line {number} has {len(line)} cells, the first line {len(header)}.")
    return {name: cell.strip() for name, cell in zip(header, line, strict=True) if cell.strip()}


def filing_of(row: Mapping[str, str]) -> dict[str, Any]:
    """Of `operations.file_dispute`, but for who files."""
    _check_text(row)
    claim: dict[str, Any] = {
        "dispute_type": _choice(row, "disputeType", Dispute.Type.values),
        "reason": _text(row, "reason", 4000),
    }
    if "expectedAmount" in row:
        claim["expected_amount"] = _number(row, "expectedAmount", Decimal("999999999999.99"))
    return {
        "record_id": _uuid(row, "attributionId"),
        "conversion_id": _uuid(row, "conversionId"),
        "claimant": _payee(row, "claimant", ("partner", "broker")),
        "claim": claim,
    }


def decision_of(row: Mapping[str, str]) -> dict[str, Any]:
    """What `operations.resolve_dispute` takes or, with `rejection` in it, `reject_dispute`, but for who decides. Raises
    ValidationError by field."""
    dispute = dispute_of(row)
    status = _choice(row, "status", [Dispute.Status.RESOLVED, Dispute.Status.REJECTED])
    asked: dict[str, Any] = {"dispute_id": dispute.pk, "resolution": _text(row, "resolution", LONGEST_RESOLUTION)}
    if status == Dispute.Status.REJECTED:
        if "way" in row:
            raise _wrong("way", "A rejected dispute moves no money.")
        return asked | {"rejection": _choice(row, "rejection", Dispute.Rejection.values)}
    if "rejection" in row:
        raise _wrong("rejection", "A resolved dispute has no reason to be rejected.")
    return asked | {"decision": _decision(row, dispute) if "way" in row else None}


def dispute_of(row: Mapping[str, str]) -> Dispute:
    """The one that it decides. Raises ValidationError by field."""
    _check_text(row)
    pk = _uuid(row, "id")
    digits = row.get("number", "").lower().removeprefix("d-")
    if pk is None and not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise _wrong("number", "Which dispute? Give its id, or its number as D-1001.")
    found = Dispute.objects.filter(pk=pk) if pk else Dispute.objects.filter(number=int(digits))
    dispute = found.first()
    if dispute is None:
        raise _wrong("id" if pk else "number", "There is no such dispute.", "does_not_exist")
    return dispute


def _decision(row: Mapping[str, str], dispute: Dispute) -> Decision:
    way = _choice(row, "way", WAYS)
    touch = _uuid(row, "touchpointId")
    if touch is None and dispute.record_id:
        of_record = AttributionRecord.objects.filter(pk=dispute.record_id).values_list("touchpoint_id", flat=True)
        touch = of_record.first()
    if touch is None:
        raise _wrong("touchpointId", "Which touch?", "required")
    if way in {Way.EXCLUDE, Way.RESTORE}:
        return Decision(way, touch)
    payee = HOUSE if row.get("payeeType") == "house" else _payee(row, "payee", ("partner", "broker", "house"))
    percentage = _number(row, "percentage", Decimal(100)) if way == Way.SPLIT else None
    return Decision(way, touch, payee or dispute.claimant, percentage=percentage)


def _payee(row: Mapping[str, str], name: str, kinds: tuple[str, ...]) -> tuple[str, str] | None:
    if f"{name}Type" not in row and f"{name}Id" not in row:
        return None
    kind = _choice(row, f"{name}Type", kinds)
    if f"{name}Id" not in row:
        raise _wrong(f"{name}Id", "Which one?", "required")
    return kind, row[f"{name}Id"]


def _check_text(row: Mapping[str, str]) -> None:
    """Postgres keeps no NUL."""
    for name, cell in row.items():
        if "\0" in cell:
            raise _wrong(name, "It has a NUL, which is no character of a text.", "null_characters_not_allowed")


def _choice(row: Mapping[str, str], name: str, choices: Any) -> str:
    value = row.get(name, "").lower()
    if value not in choices:
        raise _wrong(name, f"One of {', '.join(choices)}.", "invalid_choice")
    return value


def _text(row: Mapping[str, str], name: str, longest: int) -> str:
    text = row.get(name, "")
    if not text:
        raise _wrong(name, "This is required.", "required")
    if len(text) > longest:
        raise _wrong(name, f"At most {longest:,} characters.", "max_length")
    return text


def _uuid(row: Mapping[str, str], name: str) -> UUID | None:
    if name not in row:
        return None
    try:
        return UUID(row[name])
    except ValueError:
        raise _wrong(name, "It is no id.") from None


def _number(row: Mapping[str, str], name: str, most: Decimal) -> Decimal:
    try:
        number = Decimal(row.get(name, ""))
    except InvalidOperation:
        raise _wrong(name, "Give a number such as 12.50.") from None
    if not number.is_finite() or not 0 <= number <= most or number != round(number, 2):
        raise _wrong(name, f"From 0 to {most}, with two decimals at most.")
    return number


def _wrong(name: str, message: str, code: str = "invalid") -> ValidationError:
    return ValidationError({name: ValidationError(message, code=code)})
