"""Evidence over HTTP: files and data, what is refused, and who is given it."""

import base64
import hashlib
import io
import json
import os
import time
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from attribution_site.api.idempotency import HEADER
from disputes.models import Evidence
from disputes.tasks import remove_orphaned_evidence
from partners.models import uuid7
from tests.disputes.doors import URL, filed, ok, partner, refusal, service, signed_in
from tests.disputes.test_storage import store
from tests.disputes.worlds import decider, records, sold

pytestmark = pytest.mark.django_db
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NOTE = b"Called at 9:30, =1+1, <b>bold</b>\n"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EVIDENCE_FOLDER = tmp_path / "evidence"
    return settings.EVIDENCE_FOLDER


@pytest.fixture
def dispute():
    conversion = sold()
    return filed(partner(0), records(conversion)[0])


def send(client, dispute, content=NOTE, name="note.txt", content_type="text/plain", **headers):
    file = SimpleUploadedFile(name, content, content_type)
    return client.post(f"{URL}/{dispute['id']}/evidence", {"file": file}, format="multipart", headers=headers)


def bomb():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * 300_000_000)
    return packed.getvalue()


def test_a_file_is_kept_hashed_and_given_to_who_may_see_the_dispute(dispute):
    item = ok(send(partner(0), dispute), 201)
    assert {name: item[name] for name in ("kind", "name", "contentType", "size", "sha256", "source")} == {
        "kind": "file",
        "name": "note.txt",
        "contentType": "text/plain",
        "size": len(NOTE),
        "sha256": hashlib.sha256(NOTE).hexdigest(),
        "source": "claimant",
    }
    path = f"{URL}/{dispute['id']}/evidence/{item['id']}"
    for client in (partner(0), service(), signed_in(decider(is_superuser=True))):
        response = client.get(f"{path}/content", headers={"Accept": "text/plain"})
        assert (response.status_code, b"".join(response.streaming_content)) == (200, NOTE)
        assert response["Content-Disposition"] == 'attachment; filename="note.txt"'
        assert response["X-Content-Type-Options"] == "nosniff"
    assert ok(partner(0).get(path))["content"] is None
    for end in ("", "/content"):
        assert refusal(partner(1).get(path + end)) == (404, {(None, "not_found")})


def test_the_same_file_again_is_the_same_item(dispute):
    assert ok(send(partner(0), dispute), 201)["id"] == ok(send(partner(0), dispute), 201)["id"]


@pytest.mark.parametrize(
    ("content", "name", "content_type", "code"),
    [
        (b"MZ\x90\x00" + b"\x00" * 200, "invoice.pdf", "application/pdf", "type_mismatch"),
        (PNG, "invoice.pdf", "application/pdf", "type_mismatch"),
        (PNG, "shot.png", "image/jpeg", "type_mismatch"),
        (SVG, "logo.svg", "image/svg+xml", "unsupported_type"),
        (SVG, "logo.png", "image/png", "type_mismatch"),
        (b"%PDF-1.7 not really", "invoice.pdf", "application/pdf", "damaged"),
        (b"", "note.txt", "text/plain", "empty"),
        (NOTE, "note", "text/plain", "unsupported_type"),
        (NOTE, "note\u202etxt.exe", "text/plain", "unsupported_type"),
        (NOTE, "...", "text/plain", "bad_name"),
    ],
)
def test_a_file_that_is_no_evidence_is_refused_by_name(dispute, content, name, content_type, code):
    assert refusal(send(partner(0), dispute, content, name, content_type)) == (400, {("file", code)})
    assert not Evidence.objects.filter(kind="file").exists()


def test_a_zip_bomb_is_refused_unopened(dispute):
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    status, errors = refusal(send(partner(0), dispute, bomb(), "letter.docx", office))
    assert status == 400
    assert {attr for attr, _code in errors} == {"file"}


@pytest.mark.parametrize("name", ["../../etc/passwd.txt", "C:\\Windows\\note.txt", "/root/note.txt"])
def test_of_a_path_in_a_file_name_its_last_part_is_left(dispute, folder, name):
    item = ok(send(partner(0), dispute, name=name), 201)
    assert item["name"] in {"passwd.txt", "note.txt"}
    stored = {path.name for path in folder.rglob("*") if path.is_file()}
    assert stored == {hashlib.sha256(NOTE).hexdigest()}


@pytest.mark.parametrize("asker", ["a program", "a person"])
def test_two_hundred_megabytes_are_refused_before_they_are_read(dispute, asker, monkeypatch):
    client = partner(0) if asker == "a program" else signed_in(decider())
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    response = client.generic(
        "POST",
        f"{URL}/{dispute['id']}/evidence",
        head + b"a" * (11 * 1024 * 1024) + b"\r\n--b--\r\n",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(200 * 1024 * 1024),
    )
    assert refusal(response) == (413, {(None, "too_large")})


def test_a_session_without_its_token_sends_nothing_and_is_bounded_too(dispute, folder, tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "uploads")
    (tmp_path / "uploads").mkdir()
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(decider())
    client.cookies["csrftoken"] = "a" * 32
    assert refusal(send(client, dispute))[0] == 403
    assert refusal(send(client, dispute, b"a" * (11 * 1024 * 1024)))[0] == 413
    assert not folder.exists()


def test_other_forms_and_fields_are_refused(dispute):
    path = f"{URL}/{dispute['id']}/evidence"
    xml = partner(0).generic("POST", path, b"<a/>", content_type="application/xml")
    assert refusal(xml) == (415, {(None, "unsupported_media_type")})
    no_file = partner(0).post(path, {"text": "hello"}, format="multipart")
    assert refusal(no_file) == (400, {("file", "required"), ("text", "unknown_field")})
    assert refusal(partner(0).post(path, [1])) == (400, {(None, "invalid")})
    assert refusal(partner(0).post(path, {})) == (400, {(None, "empty")})


def test_data_comes_back_as_it_was_sent_and_its_hash_can_be_made_again(dispute):
    data = {"callLog": [{"at": "2026-03-05", "seconds": 31.5, "snake_name": None, "=1+1": "<b>"}], "n": 10**20}
    item = ok(partner(0).post(f"{URL}/{dispute['id']}/evidence", data), 201)
    path = f"{URL}/{dispute['id']}/evidence/{item['id']}"
    assert ok(partner(0).get(path))["content"] == data
    content = partner(0).get(f"{path}/content").content
    assert hashlib.sha256(content).hexdigest() == item["sha256"]
    assert json.loads(content) == data


def test_each_party_and_the_house_bring_their_own_and_only_the_house_sees_all(dispute):
    for number in (0, 1):
        ok(partner(number).post(f"{URL}/{dispute['id']}/evidence", {"from": f"partner-{number}"}), 201)
    ok(service().post(f"{URL}/{dispute['id']}/evidence", {"from": "the house"}), 201)
    listed = [ok(client.get(f"{URL}/{dispute['id']}/evidence")) for client in (partner(0), partner(1), service())]
    assert [page["count"] for page in listed] == [1, 1, 8]
    assert {item["source"] for item in listed[1]["results"]} == {"respondent"}
    assert {item["source"] for item in listed[2]["results"]} == {"claimant", "respondent", "house", "system"}


def test_a_closed_dispute_takes_no_more_and_does_not_say_who_decided(dispute):
    person = decider()
    answer = {"status": "resolved", "resolution": "You are right."}
    ok(signed_in(person).put(f"{URL}/{dispute['id']}/resolve", answer))
    response = send(partner(0), dispute)
    assert refusal(response) == (409, {(None, "dispute_closed")})
    assert person.username not in response.content.decode()


def test_a_file_sent_again_under_its_key_gets_the_first_answer_whatever_its_boundary(dispute):
    path, client = f"{URL}/{dispute['id']}/evidence", partner(0)

    def sent(boundary, content=NOTE):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="note.txt"\r\n'
        body = f"{head}Content-Type: text/plain\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return client.generic("POST", path, body, content_type=kind, headers={HEADER: "file-1"})

    first, second = sent("one"), sent("two")
    assert (first.status_code, second.content) == (201, first.content)
    assert second["Idempotency-Replayed"] == "true"
    assert refusal(sent("three", b"Something else"))[0] == 422


def test_a_form_too_long_for_a_key_is_told_so(dispute, settings):
    settings.EVIDENCE_MAX_BYTES = 100 * 1024 * 1024
    response = partner(0).generic(
        "POST",
        f"{URL}/{dispute['id']}/evidence",
        b"",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(17 * 1024 * 1024),
        headers={HEADER: "file-1"},
    )
    assert refusal(response) == (413, {(None, "too_large")})
    assert "Idempotency-Key" in response.json()["errors"][0]["detail"]


def test_an_item_of_another_dispute_is_not_found_under_this_one(dispute):
    other = filed(partner(1), records(sold(lead="lead-2"))[1])
    item = ok(partner(1).post(f"{URL}/{other['id']}/evidence", {"a": 1}), 201)
    for pk in (item["id"], uuid7()):
        assert service().get(f"{URL}/{dispute['id']}/evidence/{pk}").status_code == 404


def stored(folder):
    return [each for each in folder.rglob("*") if each.is_file()]


def test_each_party_has_room_of_its_own_and_what_has_none_is_not_stored(dispute, folder, monkeypatch):
    monkeypatch.setattr("disputes.operations.evidence.MOST_ITEMS", 2)
    for number in range(2):
        ok(send(partner(0), dispute, content=b"Call %d" % number), 201)
    assert refusal(send(partner(0), dispute, content=b"Call 2")) == (400, {("file", "too_many")})
    assert refusal(partner(0).post(f"{URL}/{dispute['id']}/evidence", {"call": 3})) == (400, {("file", "too_many")})
    assert len(stored(folder)) == 2
    ok(send(partner(0), dispute, content=b"Call 1"), 201)  # the same again takes no room
    ok(send(partner(1), dispute, content=b"Our call"), 201)
    ok(send(service(), dispute, content=b"Our note"), 201)
    assert len(stored(folder)) == 4


def test_of_what_is_over_nothing_is_stored(dispute, folder):
    ok(partner(0).post(f"{URL}/{dispute['id']}/withdraw", {}))
    assert refusal(send(partner(0), dispute)) == (409, {(None, "dispute_closed")})
    assert stored(folder) == []


def test_each_night_old_files_that_no_evidence_names_are_removed(dispute, folder):
    def old(path):
        two_days_ago = time.time() - 2 * 24 * 3600
        os.utime(path, (two_days_ago, two_days_ago))
        return path

    lost = old(folder / store(b"lost"))
    remove_orphaned_evidence()
    assert lost.exists()  # a database that names no file at all is another's
    ok(send(partner(0), dispute), 201)
    [kept] = [old(each) for each in stored(folder) if each != lost]
    young = folder / store(b"young")
    remove_orphaned_evidence()
    assert sorted(stored(folder)) == sorted([kept, young])
