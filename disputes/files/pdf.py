"""A PDF that shows pages and does nothing."""

import re
from collections.abc import Iterator
from typing import IO

from django.core.exceptions import ValidationError
from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject

from disputes.files.refusals import damaged, refused

MOST_OBJECTS = 100_000
MOST_PARTS = 2_000_000
TAIL = 1024
ACTIVE = {
    "JavaScript": "a script",
    "JS": "a script",
    "XFA": "a form with scripts",
    "Launch": "an action that starts a program",
    "ImportData": "an action that reads files",
    "SubmitForm": "an action that sends data",
    "GoToE": "an action on an attached file",
    "EmbeddedFile": "an attached file",
    "EmbeddedFiles": "an attached file",
    "FileAttachment": "an attached file",
    "RichMedia": "a film or program",
}


def _any_spelling(name: str) -> bytes:
    """Each letter may be written as #xx."""
    return "".join(f"(?:{each}|#(?i:{ord(each):02x}))" for each in name).encode()


# In bytes that no table of the file leads to, too. Shorter names come about in compressed bytes by chance.
SPELT = re.compile(
    rb"/(" + b"|".join(_any_spelling(name) for name in ACTIVE if len(name) > 5) + rb")(?![A-Za-z0-9#_.-])"
)


def examine_pdf(file: IO[bytes]) -> None:
    file.seek(0)
    data = file.read()
    if b"%%EOF" not in data[-TAIL:]:
        raise damaged("PDF", "its end is missing")
    if found := SPELT.search(data):
        raise _active(_plain(found[1]))
    try:
        _walk(PdfReader(file, strict=False))
    except (ValidationError, MemoryError):
        raise
    except FileNotDecryptedError:
        raise refused("encrypted", "The PDF has a password. Save it without one.") from None
    except Exception:  # whatever a reader of documents that are made to break it may raise
        raise damaged("PDF", "it cannot be read through. Print it to a new PDF") from None


def _plain(spelt: bytes) -> str:
    return re.sub(rb"#(..)", lambda found: bytes.fromhex(found[1].decode()), spelt).decode()


def _active(name: str) -> ValidationError:
    return refused("active_content", f"The PDF contains {ACTIVE[name]} (/{name}). Print it to a new PDF.")


def _walk(reader: PdfReader) -> None:
    if not len(reader.pages):
        raise damaged("PDF", "it has no page")
    _look_at(reader.trailer, MOST_PARTS)
    left = MOST_PARTS
    for reference in _references(reader):
        left = _look_at(reader.get_object(reference), left)


def _references(reader: PdfReader) -> Iterator[IndirectObject]:
    known = [(number, generation) for generation, table in reader.xref.items() for number in table]
    known += [(number, 0) for number in reader.xref_objStm]
    if len(known) > MOST_OBJECTS:
        raise refused("too_much_inside", f"The PDF has more than {MOST_OBJECTS:,} objects. Print it to a new PDF.")
    return (IndirectObject(number, generation, reader) for number, generation in known)


def _look_at(found: object, left: int) -> int:
    """One object with all that lies directly in it; how much more may be looked at."""
    waiting = [found]
    while waiting:
        each = waiting.pop()
        left -= 1
        if left < 0:
            raise refused("too_much_inside", "The PDF has too much in it. Print it to a new PDF.")
        if isinstance(each, NameObject) and each[1:] in ACTIVE:
            raise _active(each[1:])
        if isinstance(each, DictionaryObject):
            waiting += [part for pair in each.items() for part in pair]
        elif isinstance(each, ArrayObject):
            waiting += list(each)
    return left
