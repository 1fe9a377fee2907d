"""DOCX and XLSX: zip archives, of which nothing is believed that was not unpacked, and nothing is kept."""

import re
import struct
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from disputes.files.refusals import damaged, refused

CHUNK = 64 * 1024
MOST_ENTRIES = 2_000
LONGEST_DIRECTORY = 1024 * 1024
MOST_UNPACKED = 100 * 1024 * 1024
HIGHEST_RATIO = 100
RATIO_FROM = 1024 * 1024
LONGEST_TABLE = 1024 * 1024
END, LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s5H3L2H")
TABLE = re.compile(r"(?:.*\.rels|\[content_types\]\.xml)", re.IGNORECASE)
MACROS = re.compile(r"vbaproject|vbadata|macrosheets/|activex/|(?:^|/)macros/", re.IGNORECASE)
MAIN = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": "xlsx",
}
NESTED = {
    b"PK\x03\x04": "another archive",
    b"Rar!": "another archive",
    b"7z\xbc\xaf": "another archive",
    b"\x1f\x8b\x08": "another archive",
    b"BZh": "another archive",
    b"\xfd7zXZ": "another archive",
    b"\xd0\xcf\x11\xe0": "an embedded object",
    b"MZ": "a program",
    b"\x7fELF": "a program",
}


@dataclass
class Budget:
    packed: int
    unpacked: int = 0

    def spend(self, count: int) -> None:
        self.unpacked += count
        if self.unpacked > MOST_UNPACKED:
            raise _too_much(f"unpacks to more than {MOST_UNPACKED // 1024 // 1024} MiB")
        if self.unpacked > RATIO_FROM and self.unpacked > HIGHEST_RATIO * self.packed:
            raise _too_much(f"unpacks to more than {HIGHEST_RATIO} times its size")


def _too_much(why: str) -> Exception:
    return refused("too_much_inside", f"The document {why}.")


def office_kind(file: IO[bytes]) -> str | None:
    """`docx`, `xlsx`, or None for any other archive. A document that is more than a document is refused."""
    kinds: set[str] = set()
    for entry, start in _entries(file):
        if entry.filename == "[Content_Types].xml":
            table = b"".join(_unpacked(file, entry, start, Budget(entry.compress_size)))
            kinds = _content_types(table)
    return MAIN[next(iter(kinds))] if len(kinds) == 1 else None


def examine_office(file: IO[bytes]) -> None:
    budget = Budget(file.seek(0, 2))
    for entry, start in _entries(file):
        if MACROS.search(entry.filename):
            raise refused("active_content", f"The document has macros ({entry.filename}). Save it without.")
        _examine_entry(entry.filename, _checked(file, entry, start, budget))


def _entries(file: IO[bytes]) -> list[tuple[zipfile.ZipInfo, int]]:
    """Each with where its bytes start. The two places that tell of an entry must tell the same."""
    size = file.seek(0, 2)
    file.seek(max(size - END.size, 0))
    tail = file.read(END.size)
    if len(tail) < END.size or not tail.startswith(b"PK\x05\x06"):
        raise damaged("document", "its end is missing, or something follows it")
    *_, count, length, offset, comment = END.unpack(tail)
    if comment or offset + length != size - END.size:
        raise damaged("document", "something is in it that is no part of it")
    if count > MOST_ENTRIES or length > LONGEST_DIRECTORY:
        raise _too_much(f"has more than {MOST_ENTRIES:,} parts")
    try:
        entries = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        raise damaged("document", "its table of contents cannot be read") from None
    if len(entries) != count:
        raise damaged("document", "its table of contents is not as long as it says")
    return _in_order(file, entries)


def _in_order(file: IO[bytes], entries: list[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, int]]:
    found, names, free_from = [], set(), 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        _refuse_bad_name(entry.orig_filename)
        start = _start(file, entry)
        if entry.header_offset < free_from or entry.filename.lower() in names:
            raise damaged("document", "two of its parts lie in one place or have one name")
        names.add(entry.filename.lower())
        free_from = start + entry.compress_size
        found.append((entry, start))
    return found


def _refuse_bad_name(name: str) -> None:
    if not name or "\0" in name or "\\" in name or ":" in name or name.startswith("/") or ".." in name.split("/"):
        raise refused("bad_name", "A part of the document has a path for a name that leads out of it.")


def _start(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    file.seek(entry.header_offset)
    header = file.read(LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise damaged("document", "a part is not where its table of contents says")
    _, _, flags, method, *_, length, extra = LOCAL.unpack(header)
    if (flags | entry.flag_bits) & 1:
        raise refused("encrypted", "The document has a password. Save it without one.")
    # Both lengths are of the local header: it may carry more beside the name than the table of contents does.
    name = file.read(length).decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
    if name != entry.orig_filename or method != entry.compress_type or method not in (0, 8):
        raise damaged("document", "a part is not what its table of contents says")
    return int(entry.header_offset + LOCAL.size + length + extra)


def _unpacked(file: IO[bytes], entry: zipfile.ZipInfo, start: int, budget: Budget) -> Iterator[bytes]:
    """All that is there, however long the headers say that it is."""
    inflate, left = zlib.decompressobj(-zlib.MAX_WBITS), entry.compress_size
    file.seek(start)
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise damaged("document", "its end is missing")
        left -= len(chunk)
        yield from _spent(budget, [chunk] if entry.compress_type == 0 else _inflated(inflate, chunk))
    if entry.compress_type:
        yield from _spent(budget, [inflate.flush()])
        if not inflate.eof or inflate.unused_data:
            raise damaged("document", "a part does not end where it should")


def _inflated(inflate: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    try:
        while chunk:
            yield inflate.decompress(chunk, CHUNK)
            if inflate.eof:
                return
            chunk = inflate.unconsumed_tail
    except zlib.error:
        raise damaged("document", "a part cannot be unpacked") from None


def _spent(budget: Budget, chunks: Iterator[bytes] | list[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        budget.spend(len(chunk))
        yield chunk


def _checked(file: IO[bytes], entry: zipfile.ZipInfo, start: int, budget: Budget) -> Iterator[bytes]:
    length = checksum = 0
    for chunk in _unpacked(file, entry, start, budget):
        length += len(chunk)
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if (length, checksum) != (entry.file_size, entry.CRC):
        raise damaged("document", "a part is not as long as it says, or was changed")


def _examine_entry(name: str, chunks: Iterator[bytes]) -> None:
    is_xml, is_table = name.lower().endswith((".xml", ".rels", ".vml")), TABLE.fullmatch(name)
    table, tail, is_first = b"", b"", True
    for chunk in chunks:
        if is_first and chunk:
            _refuse_nested(name, chunk)
            is_first = False
        if is_xml and (b"<!DOCTYPE" in tail + chunk or b"<!ENTITY" in tail + chunk or b"\0" in chunk):
            raise refused("active_content", f"The document defines entities, or is not UTF-8 ({name}).")
        tail = chunk[-16:]
        table += chunk if is_table else b""
        if len(table) > LONGEST_TABLE:
            raise _too_much(f"has a part that is too long ({name})")
    if is_table:
        _examine_table(name, table)


def _refuse_nested(name: str, head: bytes) -> None:
    for magic, told in NESTED.items():
        if head.startswith(magic):
            raise refused("nested", f"The document contains {told} ({name}). Take it out, and file it by itself.")


def _examine_table(name: str, table: bytes) -> None:
    if not name.lower().endswith(".rels"):
        _content_types(table)
        return
    for relation in _parsed(table):
        is_link = relation.get("Type", "").endswith("/hyperlink")
        if relation.get("TargetMode", "").lower() == "external" and not is_link:
            raise refused(
                "active_content", f"The document loads something from elsewhere ({name}). Embed it or cut it."
            )


def _content_types(table: bytes) -> set[str]:
    told = {each.get("ContentType", "").strip() for each in _parsed(table)}
    if any("macro" in each.lower() or "vbaproject" in each.lower() for each in told):
        raise refused("active_content", "The document has macros. Save it without, as .docx or .xlsx.")
    return told & set(MAIN)


def _parsed(table: bytes) -> ET.Element:
    if b"<!DOCTYPE" in table or b"<!ENTITY" in table or b"\0" in table:
        raise refused("active_content", "The document defines entities, or is not UTF-8.")
    try:
        return ET.fromstring(table)
    except ET.ParseError:
        raise damaged("document", "one of its tables cannot be read") from None
