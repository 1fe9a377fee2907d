"""Spend as CSV: lines become the items that JSON would have had. An empty cell is a field left out."""

import csv
import io
import re
from decimal import Decimal

COLUMNS = ("day", "channel", "campaign", "partnerId", "currency", "amount")
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


class NoTable(Exception):
    """The text as a whole cannot be read; it says why."""


def items_of(body):
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        if set(header) - set(COLUMNS) or len(set(header)) < len(header) or "day" not in header:
            raise NoTable(f"The first line names the columns, some of {', '.join(COLUMNS)}.")
        return [_item(header, line, lines.line_num) for line in lines if line]
    except UnicodeDecodeError:
        raise NoTable("It is not UTF-8.") from None
    except csv.Error as error:
        raise NoTable(f"It is not CSV: {error}.") from None


def _item(header, line, number):
    if len(line) != len(header):
        raise NoTable(f"Line {number} has {len(line)} cells, the first line {len(header)}.")
    item = {name: cell for name, cell in zip(header, line, strict=True) if cell}
    if PLAIN_NUMBER.fullmatch(item.get("amount", "")):
        # Other text is left as it is, for the field to refuse.
        item["amount"] = Decimal(item["amount"])
    return item
