"""A form with a file, through a view as ours are, without and with a session."""

import socket
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from attribution_site import urls
from attribution_site.api import access, wire
from disputes import uploads
from reports.models import Spend
from tests.api import BASE, refused
from tests.factories import UserFactory

PATH = f"{BASE}/tests/evidence"
LIMIT = 100_000


class Evidence(APIView):
    permission_classes = []
    parser_classes = [uploads.EvidenceParser, wire.StrictJSONParser]
    authentication_classes = [access.KeyAuthentication, access.SessionAuthentication]

    def post(self, request):
        file = uploads.file_in(request, texts={"note"})
        return Response({"name": file.name, "size": len(file.read()), "is_temporary": hasattr(file.file, "name")})


urlpatterns = [path(PATH.removeprefix("/"), Evidence.as_view()), *urls.urlpatterns]
for each in ("handler400", "handler403", "handler404", "handler500"):
    globals()[each] = getattr(urls, each)


@pytest.fixture(autouse=True)
def bounded(settings, tmp_path):
    settings.ROOT_URLCONF = __name__
    settings.EVIDENCE_MAX_BYTES = LIMIT
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    return tmp_path


@pytest.fixture
def nobody():
    return APIClient()


@pytest.fixture
def session(db):
    """Somebody in a browser, whose requests are checked for forgery, as the test client does not by default."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(role="Operations"))
    client.cookies["csrftoken"] = "c" * 32
    return client


TOKEN = {"HTTP_X_CSRFTOKEN": "c" * 32}


def file(size=10, name="a.txt"):
    return SimpleUploadedFile(name, b"x" * size, "text/plain")


def test_a_file_and_a_text_are_taken(nobody):
    response = nobody.post(PATH, {"file": file(LIMIT), "note": "see page 2"}, format="multipart")
    assert response.json() == {"name": "a.txt", "size": LIMIT, "isTemporary": True}


def test_a_session_is_taken_too(session):
    response = session.post(PATH, {"file": file(), "note": "n"}, **TOKEN)
    assert response.json()["size"] == 10


def test_without_the_token_a_session_is_refused(session):
    assert session.post(PATH, {"file": file()}).status_code == 403


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + uploads.REST_OF_FORM + 1])
def test_a_byte_too_many_is_413_in_the_one_shape(nobody, size, bounded):
    response = nobody.post(PATH, {"file": file(size)}, format="multipart")
    assert response.status_code == 413
    assert refused(response) == {(None, "too_large")}
    assert response.json()["errors"][0]["detail"] == "The file is larger than 100,000 bytes."
    assert not list(bounded.iterdir()), "a temporary file is left"


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + uploads.REST_OF_FORM + 1])
def test_for_a_session_too_whose_token_is_looked_for_in_the_form(session, size, bounded):
    response = session.post(PATH, {"file": file(size)}, **TOKEN)
    assert response.status_code == 413
    assert refused(response) == {(None, "too_large")}
    assert not list(bounded.iterdir())


def test_a_session_fills_no_disk_where_no_file_is_taken_at_all(session, bounded):
    response = session.post(f"{BASE}/conversions", {"file": file(LIMIT + uploads.REST_OF_FORM + 1)}, **TOKEN)
    assert response.status_code == 415
    assert not list(bounded.iterdir())


BAD_FORMS = {
    "no file": ({"note": "n"}, {("file", "required")}),
    "nothing": ({}, {("file", "required")}),
    "a file as a text": ({"file": "text"}, {("file", "invalid")}),
    "an unknown text": ({"file": file(), "Hidden_field": "1"}, {("Hidden_field", "unknown_field")}),
    "a file of another name": ({"file": file(), "second": file()}, {("second", "unknown_field")}),
    "two files": ({"file": [file(), file()]}, {("file", "given_twice")}),
    "a text twice": ({"file": file(), "note": ["a", "b"]}, {("note", "given_twice")}),
    "a text for a file beside one": ({"file": [file(), "text"]}, {("file", "given_twice")}),
}


def fresh(form):
    """Files of a form are read once; each request has its own."""
    again = {}
    for name, value in form.items():
        values = value if isinstance(value, list) else [value]
        again[name] = [each if isinstance(each, str) else file() for each in values]
    return again


@pytest.mark.parametrize(("form", "told"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_what_is_missing_or_too_much_is_named(nobody, form, told):
    response = nobody.post(PATH, fresh(form), format="multipart")
    assert response.status_code == 400
    assert refused(response) == told


@pytest.mark.parametrize(("form", "told"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_and_for_a_session_it_is_the_same(session, form, told):
    response = session.post(PATH, fresh(form), **TOKEN)
    assert response.status_code == 400
    assert refused(response) == told


BROKEN = {
    "no boundary": ("multipart/form-data", b"x", 400),
    "a bad boundary": ("multipart/form-data; boundary=\xe9", b"x", 400),
    "cut off": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"',
        400,
    ),
    "another type": ("application/octet-stream", b"x", 415),
    "JSON": ("application/json", b"{}", 415),
    "a form without files": ("application/x-www-form-urlencoded", b"file=x", 415),
    "base64 that is none": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!!\r\n--b--\r\n",
        400,
    ),
}


@pytest.mark.parametrize(("kind", "body", "status"), BROKEN.values(), ids=BROKEN)
def test_a_body_that_is_no_form_is_refused_in_the_one_shape(nobody, kind, body, status):
    response = nobody.generic("POST", PATH, body, content_type=kind)
    assert response.status_code == status
    assert refused(response)


def test_a_path_for_a_name_is_gone_before_anybody_sees_it(nobody):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../etc/a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nx\r\n--b--\r\n"
    )
    response = nobody.generic("POST", PATH, body, content_type="multipart/form-data; boundary=b")
    assert response.json()["name"] == "a.txt"


@pytest.mark.django_db(transaction=True)
def test_200_mb_are_refused_before_they_are_sent(live_server, bounded):
    """The answer comes after the headers and the first bytes: nobody waits for the rest."""
    address = live_server.thread.host, live_server.thread.port
    with socket.create_connection(address, timeout=20) as connection:
        begun = time.monotonic()
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {200 * 1024 * 1024}\r\nConnection: close\r\n\r\n--b\r\n".encode()
        )
        answer = connection.recv(65536)
        assert b" 413 " in answer.split(b"\r\n")[0]
        assert time.monotonic() - begun < 10
    assert not list(bounded.iterdir())


def test_pages_of_the_back_office_take_files_by_their_own_bounds(settings, client, db):
    settings.EVIDENCE_MAX_BYTES = 10
    client.force_login(UserFactory(role="Finance"))
    table = b"day,channel,campaign,currency,amount\n2026-01-05,email,home,USD,10.50\n"
    response = client.post("/admin/reports/spend/import/", {"file": SimpleUploadedFile("spend.csv", table, "text/csv")})
    assert (response.status_code, Spend.objects.count()) == (302, 1)
