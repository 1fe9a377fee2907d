"""Text, CSV and JSON. HTML is no text here, whatever it is named: what opens like a page may be shown as one."""

import codecs
import csv
import io
import re
from typing import IO

import msgspec

from disputes.files.refusals import damaged, refused

CHUNK = 64 * 1024
DEEPEST = 100
LONGEST_FIELD = 1024 * 1024
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
IN_JSON = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
OPENING = re.compile(r"(?:\s|<!--.*?(?:-->|$)|<\?xml.*?(?:\?>|$))*", re.DOTALL | re.IGNORECASE)
PAGE = re.compile(
    r"<(?:!doctype\s|html|head|body|script|iframe|object|embed|form|meta|link|style|title|base|h1|div|font|table|"
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
    if PAGE.match(rest):
        return "an HTML page"
    if re.match(r"\s*<\?xml", text, re.IGNORECASE):
        return "an XML document"
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
    examine_text(file)
    file.seek(0)
    rows = csv.reader(codecs.getreader("utf-8-sig")(file), strict=True)
    try:
        for row in rows:
            if any(len(field) > LONGEST_FIELD for field in row):
                raise damaged("CSV file", f"line {rows.line_num} has a field that never ends")
    except csv.Error as error:
        raise damaged("CSV file", f"line {rows.line_num}: {error}") from None


def examine_json(file: IO[bytes]) -> None:
    examine_text(file)
    file.seek(0)
    data = file.read().removeprefix(codecs.BOM_UTF8)
    if _depth_exceeds(DEEPEST, data):
        raise refused("too_much_inside", f"The JSON is nested deeper than {DEEPEST}.")
    try:
        # Raw: it is read through, and nothing is built of it.
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise damaged("JSON file", str(error).removeprefix("JSON is malformed: ")) from None


def _depth_exceeds(depth: int, data: bytes) -> bool:
    """Each pass takes away what is innermost, in one go over all that is left."""
    brackets = IN_JSON.sub(b"", data).translate(bytes.maketrans(b"{}", b"[]"), _all_but(b"[]{}"))
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return b"[]" in brackets or len(brackets) > depth


def _all_but(kept: bytes) -> bytes:
    return bytes(each for each in range(256) if each not in kept)


def is_text(file: IO[bytes], length: int) -> bool:
    file.seek(0)
    head = io.BytesIO(file.read(length))
    try:
        _refuse_control(codecs.getincrementaldecoder("utf-8")().decode(head.getvalue()))
    except ValueError:
        return False
    return True
