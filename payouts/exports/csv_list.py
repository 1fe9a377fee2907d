"""The orders as a list that people open in a spreadsheet, or type from."""

from collections.abc import Sequence

from attribution_site.spreadsheets import csv_lines
from payouts.exports.orders import CannotExport, Envelope, Instruction

COLUMNS = [
    *("endToEndId", "payee", "holder", "method", "amount", "currency", "executeOn"),
    *("iban", "bic", "routing", "account", "accountType", "text"),
]


def csv_list(*, instructions: Sequence[Instruction], envelope: Envelope) -> bytes:
    """With a byte order mark, without which spreadsheets take it for another encoding. Raises CannotExport."""
    if not instructions:
        raise CannotExport("There is nothing to pay.")
    rows = (
        [
            *(each.end_to_end_id, each.payee, each.holder, each.method, each.amount, each.currency),
            *(envelope.execute_on.isoformat(), each.iban, each.bic, each.routing, each.account, each.account_type),
            each.text,
        ]
        for each in instructions
    )
    return ("\ufeff" + "".join(csv_lines(COLUMNS, rows))).encode()
