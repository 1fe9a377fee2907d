"""The rejected rows: a file beside the import's, and counts by reason."""

import contextlib
import csv
import os
import re
import tempfile
from collections import Counter

from touchpoints.importing.chunks import Unreadable

HEADER = ["row", "column", "value", "reason"]
LONGEST_VALUE = 200
WHOLE_LINE = ""


class Rejects:
    """Written under another name and moved at the end, so that two imports at once do not mix their lines."""

    def __init__(self, path):
        self.path = path
        self.rows = 0
        self.reasons: Counter[str] = Counter()

    def __enter__(self):
        folder, name = os.path.split(os.path.abspath(self.path))
        try:
            handle, self.draft = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        except OSError as error:
            raise Unreadable(
                f"Rejected rows cannot be written beside {self.path}: {error.strerror}. Give --rejected PATH."
            ) from error
        self.file = os.fdopen(handle, "w", newline="", encoding="utf-8")
        self.writer = csv.writer(self.file)
        self.writer.writerow(HEADER)
        return self

    def __exit__(self, *failure):
        self.file.close()
        if self.rows:
            os.chmod(self.draft, 0o640)
            os.replace(self.draft, self.path)
            return
        os.unlink(self.draft)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)  # what an earlier import rejected is no longer so

    def add(self, lines):
        """Lines of (row, column, value, reason), several for a row with several faults."""
        self.rows += len({row for row, *_ in lines})
        for row, column, value, reason in sorted(lines, key=lambda line: line[:2]):
            self.reasons[f"{column}: {reason}" if column else reason] += 1
            self.writer.writerow([row, column, shown(value), reason])


def shown(value):
    """Safe to open in a spreadsheet: no formulas, nothing that breaks the line."""
    text = "" if value is None else str(value)[:LONGEST_VALUE]
    text = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
