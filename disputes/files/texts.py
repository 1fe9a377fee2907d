"""Text, CSV and JSON. HTML is no text here, whatever it is named: what opens like a page may be shown as one."""

import codecs
import csv
import io
import re
from typing import IO

import msgspec
import numpy as np

from disputes.files.refusals import damaged, refused

CHUNK = 64 * 1024
DEEPEST = 100
LONGEST_FIELD = 128 * 1024
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
IN_JSON = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
OPENING = re.compile(r"(?:\s|<!--.*?(?:-->|$)|<\?xml.*?(?:\?>|$))*", re.DOTALL | re.IGNORECASE)
PAGE = re.compile(
    r"<(?:!doctype|html|head|body|script|iframe|object|embed|form|meta|link|style|title|base|h1|div|font|table|"
    r"img|br|p|a|b)(?=[\s>/]|$)",
    re.IGNORECASE,
)


def markup(head: bytes) -> str | None:
    """What the first bytes open like, if it is none of our kinds."""
    text = head.decode("utf-8-sig", errors="replace")
    opening = OPENING.match(text)
    rest = text[opening.end() if opening else 0 :]
    if re.match(r"<(?:\w+:)?svg\b", rest, re.IGNORECASE) or re.match(r"<!doctype\s+svg", rest, re.IGNORECASE):
        return "an SVG picture"
    if re.match(r"\s*<\?xml", text, re.IGNORECASE):
        return "an XML document"
    if PAGE.match(rest) or (not rest and "<!--" in text):
        return "an HTML page"
    return "a script" if text.startswith("#!") else None


def examine_text(file: IO[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK):
            _refuse_control(decoder.decode(chunk))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise refused("not_text", "The text is not UTF-8. Save it as UTF-8.") from None


def _refuse_control(text: str) -> None:
    if found := CONTROL.search(text):
        raise refused("not_text", f"This is no plain text: it has the character U+{ord(found[0]):04X}.")


def examine_csv(file: IO[bytes]) -> None:
    """Whatever separates its fields: nothing is made of them here."""
    examine_text(file)
    file.seek(0)
    rows = csv.reader(io.StringIO(file.read().decode("utf-8-sig"), newline=""))
    try:
        for row in rows:
            # csv's own limit is the whole process's, and an import raises it.
            if any(len(field) > LONGEST_FIELD for field in row):
                raise csv.Error(f"a field is longer than {LONGEST_FIELD:,} characters")
    except csv.Error as error:
        raise damaged("CSV file", f"line {rows.line_num}: {error}") from None


def examine_json(file: IO[bytes]) -> None:
    examine_text(file)
    file.seek(0)
    data = file.read().removeprefix(codecs.BOM_UTF8)
    if _depth(data) > DEEPEST:
        raise refused("too_much_inside", f"The JSON is nested deeper than {DEEPEST}.")
    try:
        # Raw: it is read through, and nothing is built of it.
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise damaged("JSON file", str(error).removeprefix("JSON is malformed: ")) from None


def _depth(data: bytes) -> int:
    """How deep it goes, also where it is too deep to be read or does not close what it opens."""
    brackets = IN_JSON.sub(b"", data).translate(None, NO_BRACKETS)
    opened = np.isin(np.frombuffer(brackets, np.uint8), np.frombuffer(b"[{", np.uint8))
    return int(np.cumsum(np.where(opened, 1, -1), dtype=np.int32).max(initial=0))


def is_text(data: bytes) -> bool:
    """So far: it may end within a character."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return CONTROL.search(text) is None
