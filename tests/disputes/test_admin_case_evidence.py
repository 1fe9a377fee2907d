"""Evidence on the page of a dispute: added, shown, downloaded."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.disputes.cases import case
from tests.disputes.pages import FETCH, at

pytestmark = pytest.mark.django_db


def test_a_file_is_added_and_comes_back_as_it_was(page):
    dispute = case(3)
    content = b"a log of calls\n"
    page.post(at(dispute, "evidence/"), {"file": SimpleUploadedFile("log.txt", content)})
    item = dispute.evidence.get(kind="file")
    assert (item.source, item.name, item.size) == ("house", "log.txt", len(content))
    response = page.get(at(dispute, f"evidence/{item.pk}/"))
    assert b"".join(response.streaming_content) == content
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_is_none_or_too_long_is_refused_in_words(page, settings):
    dispute = case(3)
    response = page.post(at(dispute, "evidence/"), {"file": SimpleUploadedFile("x.png", b"GIF89a nonsense")}, **FETCH)
    assert (response.status_code, list(response.json()["errors"])) == (422, ["file"])
    assert page.post(at(dispute, "evidence/"), {}, **FETCH).json()["errors"] == {"file": ["Choose a file."]}
    settings.EVIDENCE_MAX_BYTES = 1000
    long = {"file": SimpleUploadedFile("log.txt", b"x" * 200_000)}
    response = page.post(at(dispute, "evidence/"), long, **FETCH)
    assert (response.status_code, "larger than 1,000 bytes" in response.json()["errors"]["file"][0]) == (413, True)
    assert not dispute.evidence.filter(kind="file").exists()


def test_data_is_downloaded_as_the_text_that_its_hash_is_of(page):
    dispute = case(3)
    for item in dispute.evidence.exclude(kind="file"):
        content = page.get(at(dispute, f"evidence/{item.pk}/")).content
        assert hashlib.sha256(content).hexdigest() == item.sha256
