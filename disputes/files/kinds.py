"""The kinds that evidence may be, and which of them some bytes are."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO

import puremagic

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
    b"{\\rtf": "an RTF document",
    b"%!PS": "PostScript",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
}


def kind_of(file: IO[bytes], *, named: Kind | None) -> Kind:
    """By its content. Kinds of text look alike, so among them the one that it is named for counts."""
    file.seek(0)
    head = file.read(HEAD)
    by_magic = next((BY_TYPE[each] for each in _types(head) if each in BY_TYPE and not BY_TYPE[each].is_text), None)
    if head.startswith(ZIP):
        by_magic = _office(file)
    elif by_magic is None and named is not None and named.is_text and texts.markup(head) is None:
        return _as_named(head, named)
    if by_magic is None:
        told = description(head)
        if told != PLAIN_TEXT.title:
            raise refused("unsupported_type", f"The file is {told}. Send {ALLOWED}.")
        return PLAIN_TEXT
    return by_magic


def _as_named(head: bytes, named: Kind) -> Kind:
    """What cannot be text is told by its true name; the rest is looked through as what it is named for."""
    told = description(head)
    if b"\0" in head or head.startswith((b"{\\rtf", b"%!PS")):
        raise refused("type_mismatch", f"The file is named {named.extensions[0]}, but it is {told}.")
    return named


def _office(file: IO[bytes]) -> Kind | None:
    found = packed.office_kind(file)
    return BY_EXTENSION[f".{found}"] if found else None


def _types(head: bytes) -> list[str]:
    return [each.mime_type for each in _magic(head)]


def _magic(head: bytes) -> list[puremagic.PureMagicWithConfidence]:
    try:
        return puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return []


def description(head: bytes) -> str:
    if (told := texts.markup(head)) is not None:
        return told
    if texts.is_text(io.BytesIO(head), len(head)) and not head.startswith((b"{\\rtf", b"%!PS")):
        return PLAIN_TEXT.title
    known = next((told for magic, told in KNOWN.items() if head.startswith(magic)), None)
    named = next((each.name for each in _magic(head) if each.name), None)
    return known or named or "of a kind that is not known here"


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
