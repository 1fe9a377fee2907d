"""The audit log as CSV, line by line, so that it may be long."""

import csv
import json

from attribution_site.audit.reading import Question, everything, kind_of
from attribution_site.spreadsheets import harmless

TOLD = ("user", "key", "task", "command", "os_user", "method", "path", "address", "forwarded", "request", "reason")
COLUMNS = (
    "at", "auditRow", "what", "objectId", "action", *TOLD, "databaseLogin", "databaseApplication", "databaseAddress",
    "before", "after",
)  # fmt: skip


class _Line:
    """What csv takes for a file: it hands on what is written."""

    def write(self, text):
        return text


def lines(question: Question):
    writer = csv.writer(_Line(), lineterminator="\r\n")
    yield writer.writerow(COLUMNS)
    for entry in everything(question):
        yield writer.writerow([harmless(value) for value in _values(entry)])


def _values(entry):
    changes = entry.changes
    yield from (entry.row["pgh_created_at"], entry.pk, kind_of(entry.model), entry.object_id, entry.action)
    yield from (entry.context.get(name, "") for name in TOLD)
    yield from (entry.row[f"pgh_{name}"] or "" for name in ("login", "application", "address"))
    yield json.dumps({column: before for column, before, _ in changes if before is not None}, ensure_ascii=False)
    yield json.dumps({column: after for column, _, after in changes if after is not None}, ensure_ascii=False)
