"""Where evidence lies: under the hash of its content, outside of whatever a web server serves, written once.

Rows name files by their hash, and a file is there, whole and on disk, before its row is committed. When the commit
fails, or the process dies before it, a file stays that no row names: an orphan, which harms nobody.
"""

import contextlib
import datetime as dt
import hashlib
import io
import os
import tempfile
from collections.abc import Collection, Iterator
from typing import IO, Any, Protocol, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.http import FileResponse

from disputes.files import CheckedFile

CHUNK = 64 * 1024


class EvidenceDamaged(Exception):
    """The stored bytes are not those that were filed."""


class EvidenceMissing(Exception):
    pass


class Evidence(Protocol):
    """What is served: a row of evidence, or anything alike."""

    path: str
    sha256: str
    name: str
    content_type: str


class EvidenceFolder(FileSystemStorage):
    """Files appear under their name complete and synced, or not at all, and are never replaced."""

    def __init__(self) -> None:
        super().__init__(file_permissions_mode=0o600, directory_permissions_mode=0o700)

    @property
    def base_location(self) -> str:
        return str(settings.EVIDENCE_FOLDER)

    @property
    def location(self) -> str:
        return os.path.abspath(self.base_location)

    def url(self, name: str | None) -> str:
        raise ValueError("Evidence has no address of its own: who may see it is asked first.")

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # what is there under this name is the same

    def _save(self, name: str, content: "File[Any]") -> str:
        target = self.path(name)
        self._make_folders(os.path.dirname(target))
        descriptor, temporary = tempfile.mkstemp(prefix=".writing-", dir=os.path.dirname(target))
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks(CHUNK):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            self._link(temporary, target)
        finally:
            os.unlink(temporary)
        _sync(os.path.dirname(target))
        return name

    def _make_folders(self, folder: str) -> None:
        if os.path.isdir(folder):
            return
        parent = os.path.dirname(folder)
        self._make_folders(parent)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _sync(parent)

    def _link(self, temporary: str, target: str) -> None:
        """Unlike a rename, a link never takes the place of what is there."""
        try:
            os.link(temporary, target)
        except FileExistsError:
            try:
                _check_same(temporary, target)
                os.utime(target)  # new to whom looks for old orphans
            except FileNotFoundError:
                os.link(temporary, target)  # it was an orphan, and is taken away this moment

    def delete_old(self, name: str, *, before: dt.datetime) -> bool:
        """Whether it is deleted. Moved aside first, and asked for its age then: what is filed again at this moment
        stays."""
        target = self.path(name)
        aside = f"{target}.removing"
        os.rename(target, aside)
        is_old = os.stat(aside).st_mtime < before.timestamp()
        if not is_old:
            with contextlib.suppress(FileExistsError):
                os.link(aside, target)
        os.unlink(aside)
        return is_old


def _check_same(new_path: str, path: str) -> None:
    with open(path, "rb") as there, open(new_path, "rb") as new:
        if digest(there) != digest(new):
            raise EvidenceDamaged(f"{os.path.basename(path)} on disk is not what its name says.")


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _storage() -> Storage:
    return storages["evidence"]


def digest(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()


def store(upload: IO[bytes], checked: CheckedFile) -> str:
    """The path of the stored file; storing the same bytes again is the same path. A full disk is an OSError, and
    leaves nothing."""
    if digest(upload) != checked.sha256:
        raise EvidenceDamaged(f"{checked.name} is not what was checked.")
    upload.seek(0)
    path = f"{checked.sha256[:2]}/{checked.sha256[2:4]}/{checked.sha256}"
    return _storage().save(path, File(upload))


def open_evidence(path: str, sha256: str) -> IO[bytes]:
    """The file, after a look at all of it."""
    try:
        file = _storage().open(path)
    except FileNotFoundError:
        raise EvidenceMissing(f"There is no file {path} among the evidence.") from None
    if digest(file) != sha256:
        file.close()
        raise EvidenceDamaged(f"{path} is not what was filed: its SHA-256 is not {sha256}.")
    file.seek(0)
    return file


def serve(evidence: Evidence) -> FileResponse:
    """For who may see it, which the caller has asked. A browser saves it, and never shows or runs it."""
    charset = "; charset=utf-8" if evidence.content_type.startswith("text/") else ""
    file = open_evidence(evidence.path, evidence.sha256)
    response = FileResponse(
        file, as_attachment=True, filename=evidence.name, content_type=evidence.content_type + charset
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    return response


def orphans(named: Collection[str], *, before: dt.datetime) -> Iterator[str]:
    """Paths of files, last written before a moment, whose hash is not among those named. With a moment well in the
    past it finds no file whose row is about to be committed."""
    storage = _storage()
    for path in _paths(storage, "", depth=2):
        name = path.rpartition("/")[2]
        if name not in named and storage.get_modified_time(path) < before:
            yield path


def remove_orphans(named: Collection[str], *, before: dt.datetime) -> list[str]:
    """Those that are removed."""
    folder = cast("EvidenceFolder", _storage())
    return [path for path in list(orphans(named, before=before)) if folder.delete_old(path, before=before)]


def _paths(storage: Storage, folder: str, *, depth: int) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for each in sorted(folders if depth else files):
        path = f"{folder}/{each}" if folder else each
        yield from _paths(storage, path, depth=depth - 1) if depth else [path]
