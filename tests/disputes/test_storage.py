"""Evidence on disk, and served from there."""

import datetime as dt
import errno
import hashlib
import io
import os
import resource
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from django.db import transaction
from django.utils import timezone

from disputes import storage
from disputes.files import CheckedFile

CONTENT = b"Lead lead-123 came by our link.\n" * 1000


@dataclass
class Row:
    path: str
    sha256: str
    name: str = "notes.txt"
    content_type: str = "text/plain"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EVIDENCE_FOLDER = tmp_path / "evidence"
    return settings.EVIDENCE_FOLDER


def checked(content=CONTENT, name="notes.txt"):
    return CheckedFile(name, "text/plain", len(content), hashlib.sha256(content).hexdigest())


def store(content=CONTENT):
    return storage.store(io.BytesIO(content), checked(content))


def files(folder):
    return [each for each in folder.rglob("*") if each.is_file()]


def test_a_file_lies_under_its_hash_for_us_alone(folder):
    path, sha256 = store(), checked().sha256
    assert path == f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert (folder / path).read_bytes() == CONTENT
    assert stat.S_IMODE((folder / path).stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in [folder, *folder.rglob("*/")] if each.is_dir()} == {0o700}
    assert files(folder) == [folder / path]


def in_memory():
    return InMemoryUploadedFile(io.BytesIO(CONTENT), "file", "a.txt", "text/plain", len(CONTENT), None)


def temporary():
    upload = TemporaryUploadedFile("a.txt", "text/plain", 0, None)
    upload.write(CONTENT)
    return upload


@pytest.mark.parametrize("upload", [in_memory, temporary])
def test_what_django_uploads_is_stored_from_its_beginning(folder, upload):
    file = upload()
    file.seek(7)
    assert (folder / storage.store(file, checked())).read_bytes() == CONTENT


def test_the_same_bytes_again_are_the_same_file_and_never_written_over(folder):
    path = store()
    before = (folder / path).stat().st_ino
    assert store() == path
    assert (folder / path).stat().st_ino == before
    assert files(folder) == [folder / path]


def test_what_was_damaged_on_disk_is_told_when_it_comes_again(folder):
    path = store()
    (folder / path).write_bytes(b"something else")
    with pytest.raises(storage.EvidenceDamaged, match="not what its name says"):
        store()
    assert files(folder) == [folder / path]


def test_bytes_that_changed_since_the_check_are_not_stored(folder):
    with pytest.raises(storage.EvidenceDamaged, match="not what was checked"):
        storage.store(io.BytesIO(b"changed"), checked())
    assert not folder.exists()


def test_it_opens_as_it_was_filed():
    with storage.open_evidence(store(), checked().sha256) as file:
        assert file.read() == CONTENT


def test_a_changed_byte_shows(folder):
    path = store()
    (folder / path).write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(storage.EvidenceDamaged, match=checked().sha256):
        storage.open_evidence(path, checked().sha256)


def test_a_missing_file_is_told():
    with pytest.raises(storage.EvidenceMissing, match="ab/cd/abcd"):
        storage.open_evidence("ab/cd/abcd", "abcd")


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "ab/../../outside"])
def test_no_path_leads_out(folder, path):
    (folder.parent / "outside").write_bytes(CONTENT)
    with pytest.raises(SuspiciousFileOperation):
        storage.open_evidence(path, checked().sha256)


@pytest.fixture
def little_room():
    """The system itself refuses to write past 8 KiB of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_leaves_nothing_behind(folder, little_room):
    with pytest.raises(OSError, match="too large") as error:
        store()
    assert error.value.errno == errno.EFBIG
    assert files(folder) == []


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_leaves_an_orphan_that_is_found(folder):
    later = timezone.now() + dt.timedelta(hours=1)
    kept = store(b"kept")
    with transaction.atomic():
        lost = store()
        transaction.set_rollback(True)
    assert list(storage.orphans({checked(b"kept").sha256}, before=later)) == [lost]
    assert sorted(storage.orphans(set(), before=later)) == sorted([kept, lost])
    assert store() == lost, "filed again it is the same file"


def test_orphans_are_old_ones_and_what_is_filed_again_is_new(folder):
    path, now = store(), timezone.now()
    hour = dt.timedelta(hours=1)
    assert list(storage.orphans(set(), before=now - hour)) == []
    long_ago = (now - 2 * hour).timestamp()
    os.utime(folder / path, (long_ago, long_ago))
    assert list(storage.orphans(set(), before=now - hour)) == [path]
    store()
    assert list(storage.orphans(set(), before=now - hour)) == []


def test_what_a_killed_process_was_writing_is_an_orphan(folder):
    path = Path(store())
    (folder / path.parent / ".writing-abc").write_bytes(b"half")
    found = storage.orphans({path.name}, before=timezone.now() + dt.timedelta(hours=1))
    assert list(found) == [f"{path.parent}/.writing-abc"]


def test_an_orphan_that_is_filed_again_while_it_is_taken_away_stays(folder, monkeypatch):
    path, now = store(), timezone.now()
    long_ago = (now - dt.timedelta(days=2)).timestamp()
    os.utime(folder / path, (long_ago, long_ago))
    rename = os.rename

    def filed_again_just_before(*names):
        store()
        rename(*names)

    monkeypatch.setattr(os, "rename", filed_again_just_before)
    assert storage.remove_orphans(set(), before=now - dt.timedelta(days=1)) == []
    assert (folder / path).read_bytes() == CONTENT
    assert os.listdir((folder / path).parent) == [checked().sha256]


def test_without_a_folder_there_are_no_orphans():
    assert list(storage.orphans(set(), before=timezone.now())) == []


def test_it_is_served_to_be_saved_and_never_shown():
    response = storage.serve(Row(store(), checked().sha256))
    assert b"".join(response) == CONTENT
    assert {name.lower(): value for name, value in response.items()} == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(CONTENT)),
        "content-disposition": 'attachment; filename="notes.txt"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "private, no-store",
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Größe €.pdf", "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe%20%E2%82%AC.pdf"),
        ('a"b.pdf', 'attachment; filename="a\\"b.pdf"'),
        ("a\r\nSet-Cookie: x.pdf", "attachment; filename*=utf-8''a%0D%0ASet-Cookie%3A%20x.pdf"),
    ],
)
def test_any_name_is_told_to_browsers_safely(name, told):
    response = storage.serve(Row(store(), checked().sha256, name, "application/pdf"))
    assert response["Content-Disposition"] == told
    assert response["Content-Type"] == "application/pdf"


def test_what_was_changed_is_not_served(folder):
    path = store()
    (folder / path).write_bytes(b"<script>")
    with pytest.raises(storage.EvidenceDamaged):
        storage.serve(Row(path, checked().sha256))


def test_evidence_has_no_address():
    with pytest.raises(ValueError, match="no address"):
        storage.storages["evidence"].url("ab/cd/abcd")
