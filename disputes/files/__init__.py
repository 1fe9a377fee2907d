"""What may be evidence: a file that is what it says, whole, and does nothing by itself."""

import hashlib
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from disputes.files.kinds import ALLOWED, BY_EXTENSION, SAYS_NOTHING, Kind, examine, kind_of, mismatch
from disputes.files.names import extension, plain_name
from disputes.files.refusals import refused

CHUNK = 64 * 1024


@dataclass(frozen=True)
class CheckedFile:
    name: str
    content_type: str
    size: int
    sha256: str


def check(upload: IO[bytes], *, name: str) -> CheckedFile:
    """What the file is. A ValidationError says why it is no evidence; nothing is written anywhere."""
    plain = plain_name(name)
    named = BY_EXTENSION.get(extension(plain))
    if named is None:
        told = extension(plain)[:20] or "without an extension"
        raise refused("unsupported_type", f"A file {told} is no evidence. Send {ALLOWED}, named so.")
    size, sha256 = _measured(upload)
    found = kind_of(upload, named=named)
    _refuse_lies(found, named, getattr(upload, "content_type", None))
    examine(upload, found)
    upload.seek(0)
    return CheckedFile(plain, found.content_type, size, sha256)


def _measured(file: IO[bytes]) -> tuple[int, str]:
    most, size, sha256 = settings.EVIDENCE_MAX_BYTES, 0, hashlib.sha256()
    file.seek(0)
    while chunk := file.read(min(CHUNK, most + 1 - size)):
        size += len(chunk)
        sha256.update(chunk)
        if size > most:
            raise refused("too_large", f"The file is larger than {most:,} bytes.")
    if not size:
        raise refused("empty", "The file is empty.")
    return size, sha256.hexdigest()


def _refuse_lies(found: Kind, named: Kind, sent_as: str | None) -> None:
    if found is not named:
        raise mismatch(named, found.title)
    sent = (sent_as or "").partition(";")[0].strip().lower()
    if sent not in {found.content_type, *found.also_sent_as} | SAYS_NOTHING:
        raise refused("type_mismatch", f"The file was sent as {sent[:100]}, but it is {found.title}.")
