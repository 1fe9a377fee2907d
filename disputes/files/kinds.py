"""The kinds that evidence may be, and which of them some bytes are."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO

import puremagic
from django.core.exceptions import ValidationError

from disputes.files import mails, packed, pdf, pictures, texts
from disputes.files.refusals import damaged, refused

HEAD = 4096
NEAR_THE_START = 1024
SAYS_NOTHING = {"", "application/octet-stream", "binary/octet-stream", "application/unknown"}
OFFICE = "application/vnd.openxmlformats-officedocument."
ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Kind:
    title: str
    content_type: str
    extensions: tuple[str, ...]
    examine: Callable[[IO[bytes]], None]
    also_sent_as: tuple[str, ...] = ()
    is_text: bool = False


def _examine_mail(file: IO[bytes]) -> None:
    for attached in mails.attachments(file):
        content = io.BytesIO(attached)
        examine(content, kind_of(content, named=None))


KINDS = (
    Kind("a PDF", "application/pdf", (".pdf",), pdf.examine_pdf, ("application/x-pdf",)),
    Kind("a PNG picture", "image/png", (".png",), partial(pictures.examine_picture, kind="PNG"), ("image/x-png",)),
    Kind(
        "a JPEG picture",
        "image/jpeg",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        partial(pictures.examine_picture, kind="JPEG"),
        ("image/jpg", "image/pjpeg"),
    ),
    Kind("a WebP picture", "image/webp", (".webp",), partial(pictures.examine_picture, kind="WEBP")),
    Kind("a GIF picture", "image/gif", (".gif",), partial(pictures.examine_picture, kind="GIF")),
    Kind("a DOCX document", f"{OFFICE}wordprocessingml.document", (".docx",), packed.examine_office),
    Kind("an XLSX workbook", f"{OFFICE}spreadsheetml.sheet", (".xlsx",), packed.examine_office),
    Kind("plain text", "text/plain", (".txt", ".text", ".log"), texts.examine_text, is_text=True),
    Kind(
        "CSV",
        "text/csv",
        (".csv",),
        texts.examine_csv,
        ("text/plain", "application/csv", "text/x-csv", "application/vnd.ms-excel"),
        is_text=True,
    ),
    Kind("JSON", "application/json", (".json",), texts.examine_json, ("text/json", "text/plain"), is_text=True),
    Kind("a mail", "message/rfc822", (".eml",), _examine_mail, ("text/plain",), is_text=True),
)
BY_EXTENSION = {extension: kind for kind in KINDS for extension in kind.extensions}
BY_TYPE = {kind.content_type: kind for kind in KINDS}
PLAIN_TEXT = BY_TYPE["text/plain"]
ALLOWED = "PDF, PNG, JPEG, WebP, GIF, plain text, CSV, JSON, EML, DOCX or XLSX"

# What people send most, in their words; puremagic's words for the rest.
KNOWN = {
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a Java or macOS program",
    b"PK": "a zip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Office document or a mail of Outlook (.doc, .xls, .msg)",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
}


IN_TEXT = {b"{\\rtf": "an RTF document", b"%!PS": "PostScript"}


def kind_of(file: IO[bytes], *, named: Kind | None) -> Kind:
    """By its content. Kinds of text look alike, so among them the one that it is named for counts."""
    file.seek(0)
    head = file.read(HEAD)
    found = _office(file) if head.startswith(ZIP) else _by_magic(head)
    if found is None and _may_be_text(head):
        found = named if named and named.is_text else PLAIN_TEXT
    if found is None:
        told = description(head)
        raise mismatch(named, told) if named else refused("unsupported_type", f"In the mail is {told}. Take it out.")
    return found


def mismatch(named: Kind, told: str) -> ValidationError:
    return refused("type_mismatch", f"The file is named {named.extensions[0]}, but it is {told}.")


def _by_magic(head: bytes) -> Kind | None:
    known = [BY_TYPE[each.mime_type] for each in _magic(head) if each.mime_type in BY_TYPE]
    return next((kind for kind in known if not kind.is_text), None)


def _may_be_text(head: bytes) -> bool:
    """What is not UTF-8 further on is told so, for what it is named, and not as some strange format."""
    return b"\0" not in head and texts.markup(head) is None and _known(head, IN_TEXT) is None


def _known(head: bytes, among: dict[bytes, str]) -> str | None:
    return next((told for magic, told in among.items() if head.startswith(magic)), None)


def _office(file: IO[bytes]) -> Kind | None:
    found = packed.office_kind(file)
    return BY_EXTENSION[f".{found}"] if found else None


def _magic(head: bytes) -> list[puremagic.PureMagicWithConfidence]:
    try:
        return puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return []


def description(head: bytes) -> str:
    """In words that follow "it is"."""
    if texts.is_text(head):
        return texts.markup(head) or _known(head, IN_TEXT) or PLAIN_TEXT.title
    named = next((each.name for each in _magic(head) if each.name), None)
    return _known(head, KNOWN) or (named and f"of the kind {named}") or "of a kind that is not known here"


def examine(file: IO[bytes], kind: Kind) -> None:
    _refuse_second_face(file, kind)
    kind.examine(file)


def _refuse_second_face(file: IO[bytes], kind: Kind) -> None:
    """Bytes that one program opens as this and another as that."""
    file.seek(0)
    start = file.read(NEAR_THE_START)
    faces = [b"%PDF-" in start and kind.content_type != "application/pdf" and "a PDF"]
    if not kind.is_text:
        page = any(each in start.lower() for each in (b"<html", b"<script", b"<!doctype html", b"<svg"))
        faces.append(page and "an HTML page")
    if not kind.content_type.startswith(OFFICE):
        faces.append(zipfile.is_zipfile(file) and "a zip archive")
    for face in filter(None, faces):
        raise refused("two_types", f"The file is {kind.title} and {face} in one.")
    if not start.strip():
        raise damaged("file", "it is blank")
