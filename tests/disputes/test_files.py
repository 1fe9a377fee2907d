"""What may be evidence, and what pretends to be."""

import contextlib
import csv
import hashlib
import io
import re
import zipfile

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from disputes import files
from disputes.files.names import LONGEST, plain_name
from tests.disputes import samples as s

OFFICE = "application/vnd.openxmlformats-officedocument."
GOOD = {
    "a.pdf": (s.pdf(), "application/pdf"),
    "a.png": (s.picture("PNG"), "image/png"),
    "a.JPG": (s.picture("JPEG"), "image/jpeg"),
    "a.webp": (s.picture("WEBP"), "image/webp"),
    "a.gif": (s.picture("GIF"), "image/gif"),
    "a.docx": (s.document({s.RELATIONS: s.relation("hyperlink")}), f"{OFFICE}wordprocessingml.document"),
    "a.xlsx": (s.workbook(), f"{OFFICE}spreadsheetml.sheet"),
    "a.txt": ("Größe, and 1 < 2 <b>\n".encode(), "text/plain"),
    "with BOM.txt": ("\ufefftext".encode(), "text/plain"),
    "MZ is no program.txt": (b"MZ is how it begins", "text/plain"),
    "a.csv": (b'lead;note\nlead-123;"two\nlines"\n', "text/csv"),
    "a.json": (b'{"clicks": [{"id": "]]]]"}, 1e3, null]}', "application/json"),
    "deep.json": (b"[" * 100 + b"]" * 100, "application/json"),
    "a.eml": (s.mail(s.pdf(), s.picture("PNG")), "message/rfc822"),
    "8 bits.eml": (s.MAIL_HEAD + "\r\nGröße\r\n".encode("latin-1"), "message/rfc822"),
}


def check(content, name, sent_as=None):
    upload = SimpleUploadedFile("x", content, sent_as) if sent_as else io.BytesIO(content)
    return files.check(upload, name=name)


def refusal(content, name, sent_as=None):
    with pytest.raises(ValidationError) as refused:
        check(content, name, sent_as)
    [(field, [error])] = refused.value.error_dict.items()
    assert field == "file"
    return error.code, error.message


@pytest.mark.parametrize(("name", "content", "kind"), [(name, *told) for name, told in GOOD.items()], ids=GOOD)
def test_what_is_what_it_says_is_taken(name, content, kind):
    found = check(content, name)
    assert found == files.CheckedFile(name, kind, len(content), hashlib.sha256(content).hexdigest())
    assert check(content, name, kind) == check(content, name, "application/octet-stream") == found


def test_a_checked_file_stands_at_its_beginning():
    file = io.BytesIO(b"text")
    file.seek(3)
    files.check(file, name="a.txt")
    assert file.tell() == 0


LIES = {
    "a program named .pdf": (s.EXE, "a.pdf", "a Windows program"),
    "a program named .txt": (s.EXE, "a.txt", "a Windows program"),
    "a program for Linux": (b"\x7fELF\x02\x01\x01" + b"\0" * 60, "a.csv", "a Linux program"),
    "HTML named .txt": (s.HTML, "a.txt", "an HTML page"),
    "HTML after a comment": (b"\n <!-- hi --><SCRIPT>alert(1)</SCRIPT>", "a.csv", "an HTML page"),
    "HTML after a long comment": (b"<!--" + b" " * 5000 + b"--><html>", "a.txt", "an HTML page"),
    "HTML named .json": (s.HTML, "a.json", "an HTML page"),
    "SVG with a script, named .png": (s.SVG, "a.png", "an SVG picture"),
    "SVG with a script, named .txt": (s.SVG, "a.txt", "an SVG picture"),
    "XML": (b'<?xml version="1.0"?><a/>', "a.txt", "an XML document"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", "a.txt", "a script"),
    "RTF": (b"{\\rtf1 text}", "a.txt", "an RTF document"),
    "a zip archive": (s.archive({"a.txt": "x"}), "a.docx", "a zip archive"),
    "a zip archive named .txt": (s.archive({"a.txt": "x"}), "a.txt", "a zip archive"),
    "a workbook named .docx": (s.workbook(), "a.docx", "an XLSX workbook"),
    "a PNG named .jpg": (s.picture("PNG"), "a.jpg", "a PNG picture"),
    "a PDF named .txt": (s.pdf(), "a.txt", "a PDF"),
    "text named .pdf": (b"hello", "a.pdf", "plain text"),
    "a bitmap": (s.picture("BMP"), "a.png", "Bitmap"),
    "an old document": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.docx", "an old Office document"),
    "UTF-16": ("text".encode("utf-16"), "a.txt", "text in UTF-16"),
    "noise": (bytes(range(256)), "a.gif", "not known here"),
}


@pytest.mark.parametrize(("content", "name", "really"), LIES.values(), ids=LIES)
def test_a_file_that_lies_about_its_type_is_told_what_it_is(content, name, really):
    code, told = refusal(content, name)
    assert code == "type_mismatch"
    assert really in told
    assert name[1:] in told


def test_a_client_that_lies_about_the_type_is_told_so():
    assert refusal(s.pdf(), "a.pdf", "image/png") == (
        "type_mismatch",
        "The file was sent as image/png, but it is a PDF.",
    )
    assert check(b"a,b\n", "a.csv", "application/vnd.ms-excel; charset=x").content_type == "text/csv"


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.exe", "a.zip", "a.docm", "a.pdf.exe", "pdf", "a." + "b" * 300])
def test_other_extensions_are_no_evidence(name):
    code, told = refusal(b"hello", name)
    assert code == "unsupported_type"
    assert "PDF, PNG" in told
    assert len(told) < 200


class Endless(io.RawIOBase):
    """More than any disk holds."""

    given = 0

    def seek(self, *_):
        return 0

    def read(self, size=-1):
        assert size > 0, "all of it was asked for"
        self.given += size
        return b"x" * size


def test_no_more_is_read_than_may_be(settings):
    settings.EVIDENCE_MAX_BYTES = 1_000_000
    file = Endless()
    with pytest.raises(ValidationError, match="larger than 1,000,000 bytes"):
        files.check(file, name="a.txt")
    assert file.given == 1_000_001
    assert check(b"x" * 1_000_000, "a.txt").size == 1_000_000


REFUSED = {
    "empty": (b"", "a.txt", "empty"),
    "blank": (b" \n", "a.txt", "damaged"),
    "not UTF-8": ("Größe".encode("latin-1"), "a.txt", "not_text"),
    "not UTF-8 further on": (b"x" * 70_000 + b"\xff", "a.csv", "not_text"),
    "cut in a character": ("ö".encode()[:1], "a.txt", "not_text"),
    "NUL further on": (b"x" * 70_000 + b"\0", "a.txt", "not_text"),
    "an escape": (b"\x1b[2J", "a.txt", "not_text"),
    "an endless field": (b'"' + b"x" * 200_000, "a.csv", "damaged"),
    "no JSON": (b"{'a': 1}", "a.json", "damaged"),
    "two of JSON": (b"[] []", "a.json", "damaged"),
    "deep JSON": (b"[" * 101 + b"]" * 101, "a.json", "too_much_inside"),
    "very deep JSON": (b'{"a":' * 1_000_000, "a.json", "too_much_inside"),
    "no mail": (b"Dear all,\n", "a.eml", "damaged"),
    "a mail from nobody": (b"Subject: x\nDate: y\n\n", "a.eml", "damaged"),
    "a mail with a program": (s.mail(s.EXE), "a.eml", "unsupported_type"),
    "a mail with an archive": (s.mail(s.archive({"a": "b"})), "a.eml", "unsupported_type"),
    "a mail with an SVG": (s.mail(s.SVG), "a.eml", "unsupported_type"),
    "a mail with a PDF that acts": (s.mail(s.pdf(s.action("JavaScript", JS="x"))), "a.eml", "active_content"),
    "a mail of nested mails": (s.MAIL_HEAD + b'Content-Type: a/b; boundary="x"\r\n' * 40, "a.eml", "too_much_inside"),
    "a mail of lines": (s.MAIL_HEAD + b"\r\n" * 300_000, "a.eml", "too_much_inside"),
    "a PNG cut off": (s.picture("PNG")[:-20], "a.png", "damaged"),
    "a PNG with a changed byte": (s.picture("PNG").replace(b"IDAT", b"IDAT\x01", 1), "a.png", "damaged"),
    "a head of a JPEG": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "a.jpg", "damaged"),
    "a PNG of 60,000 × 60,000": (s.png_of(60_000, 60_000), "a.png", "too_much_inside"),
    "a PNG of 8,000 × 8,000": (s.png_of(8_000, 8_000), "a.png", "too_much_inside"),
    "a PDF cut off": (s.pdf()[:-200], "a.pdf", "damaged"),
    "a head of a PDF": (b"%PDF-1.7\n%%EOF", "a.pdf", "damaged"),
    "a PDF of brackets": (
        b"%PDF-1.7\n1 0 obj\n" + b"[" * 100_000 + b"\ntrailer<</Root 1 0 R>>\n%%EOF",
        "a.pdf",
        "damaged",
    ),
    "a PDF with a password": (s.pdf(lambda w: w.encrypt("secret", algorithm="AES-256")), "a.pdf", "encrypted"),
}


@pytest.mark.parametrize(("content", "name", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_broken_or_too_much_is_refused(content, name, code):
    assert refusal(content, name)[0] == code


def test_a_field_is_too_long_whatever_an_import_in_the_same_process_allows():
    before = csv.field_size_limit(10_000_000)
    try:
        assert refusal(b'"' + b"x" * 200_000, "a.csv")[0] == "damaged"
    finally:
        csv.field_size_limit(before)


ACTIVE = {
    "a script": s.pdf(s.action("JavaScript", JS="app.alert(1)")),
    "a script, spelt in another way": s.pdf(s.action("JavaScript", JS="x")).replace(b"/JavaScript", b"/J#61vaScr#69pt"),
    "a program to start": s.pdf(s.action("Launch", F="cmd.exe")),
    "a form to send": s.pdf(s.action("SubmitForm", F="http://x.example")),
    "an attached file": s.pdf(lambda writer: writer.add_attachment("a.exe", s.EXE)),
    "a short name": s.pdf(s.action("X", JS="app.alert(1)")),
    "another short name": s.pdf(s.action("GoToE", F="x.pdf")),
    "a script that no table leads to": s.pdf().replace(
        b"\nstartxref", b"\n99 0 obj\n<</S/JavaScript/J#53(x)>>\nendobj\nstartxref"
    ),
    "a script in compressed objects": s.pdf_of_compressed_objects(),
}


@pytest.mark.parametrize("content", ACTIVE.values(), ids=ACTIVE)
def test_a_pdf_that_does_something_is_refused(content):
    code, told = refusal(content, "a.pdf")
    assert code == "active_content"
    assert "Print it to a new PDF." in told


def test_the_compressed_script_is_in_no_byte_of_the_file():
    assert b"JavaScript" not in s.pdf_of_compressed_objects()
    assert check(s.pdf(), "a.pdf")


def test_a_pdf_that_only_may_not_be_changed_is_taken():
    locked = s.pdf(lambda writer: writer.encrypt("", owner_password="secret", algorithm="AES-256"))
    assert check(locked, "a.pdf").content_type == "application/pdf"


DOCUMENTS = {
    "a bomb": (s.document({"word/media/a.dat": b"\0" * 200_000_000}), "too_much_inside"),
    "a bomb in many parts": (s.document({f"word/{n}.dat": b"\0" * 2_000_000 for n in range(30)}), "too_much_inside"),
    "a bomb in a bomb": (s.document({"word/a.dat": s.archive({"b": b"\0" * 10_000_000})}), "nested"),
    "a bomb for a table": (s.document(types=s.TYPES + " " * 50_000_000), "too_much_inside"),
    "too many parts": (s.document({f"word/{number}.xml": "" for number in range(2_001)}), "too_much_inside"),
    "a lie about length": (s.that_lies_about_length(), "damaged"),
    "bytes behind a part": (s.that_hides_bytes_behind_a_part(), "damaged"),
    "bytes used twice": (s.that_uses_bytes_twice(), "damaged"),
    "macros": (s.document({"word/vbaProject.bin": b"x"}), "active_content"),
    "macros by type": (
        s.document(types=s.TYPES.replace("document.main", "document.macroEnabled.main")),
        "active_content",
    ),
    "old macros": (s.document({"xl/macrosheets/sheet1.xml": "<a/>"}), "active_content"),
    "a path that leads out": (s.document({"../../etc/passwd": "x"}), "bad_name"),
    "a path from the root": (s.document({"/etc/passwd": "x"}), "bad_name"),
    "a path of Windows": (s.document({"C:\\x": "x"}), "bad_name"),
    "a program inside": (s.document({"word/media/a.png": s.EXE}), "nested"),
    "an object inside": (s.document({"word/embeddings/a.bin": b"\xd0\xcf\x11\xe0" + b"x" * 9}), "nested"),
    "a workbook inside": (s.document({"word/embeddings/a.xlsx": s.workbook()}), "nested"),
    "entities": (s.document({"word/a.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "active_content"),
    "entities further on": (s.document({"word/a.xml": "<!--" + "x" * 65_525 + "--><!DOCTYPE a>"}), "active_content"),
    "entities in UTF-16": (s.document({"word/a.xml": "<!DOCTYPE a><a/>".encode("utf-16")}), "active_content"),
    "a template from elsewhere": (s.document({s.RELATIONS: s.relation("attachedTemplate")}), "active_content"),
    "bytes in front": (b"PK\x03\x04" + s.document(), "damaged"),
    "bytes behind": (s.document() + b"<html>", "damaged"),
    "cut off": (s.document()[:-30], "damaged"),
}


@pytest.mark.parametrize(("content", "code"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_is_more_than_one_is_refused(content, code):
    assert len(content) < 10 * 1024 * 1024
    assert refusal(content, "a.docx")[0] == code


def test_a_document_with_a_password_is_told_so():
    data = bytearray(s.document())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert refusal(bytes(data), "a.docx")[0] == "encrypted"


def test_a_stored_part_is_looked_at_like_a_compressed_one():
    plain = s.document(method=zipfile.ZIP_STORED)
    assert check(plain, "a.docx").size == len(plain)
    assert refusal(plain.replace(b"<document/>", b"<documenT/>"), "a.docx")[0] == "damaged"


TWO_FACED = {
    "a PDF and an archive": (s.pdf() + s.archive({"a": "b"}) + b"%%EOF", "a.pdf"),
    "a PDF and a page": (s.pdf().replace(b"\n", b"\n%<script>alert(1)</script>\n", 1), "a.pdf"),
    "a picture and an archive": (s.picture("JPEG") + s.archive({"a": "b"}), "a.jpg"),
    "a picture and a page": (s.picture("JPEG", comment=b"<html><script>"), "a.jpg"),
    "a picture and a PDF": (s.picture("JPEG", comment=b"%PDF-1.4"), "a.jpg"),
    "a text and a PDF": (b"text\n%PDF-1.4\n", "a.txt"),
}


@pytest.mark.parametrize(("content", "name"), TWO_FACED.values(), ids=TWO_FACED)
def test_a_file_of_two_types_is_refused(content, name):
    assert refusal(content, name)[0] == "two_types"


NAMES = {
    "../../etc/x.txt": "x.txt",
    "C:\\x\\y.txt": "y.txt",
    "a<b>:c.txt": "a_b__c.txt",
    "  . a.b .txt. ": "a.b.txt",
    "CON.txt": "_CON.txt",
    "lpt1.tar.txt": "_lpt1.tar.txt",
    "a\u200d.txt": "a.txt",
    "日本.txt": "日本.txt",
    "a" * 300 + ".txt": "a" * 196 + ".txt",
    "ö" * 300 + ".txt": "ö" * 98 + ".txt",
}


@pytest.mark.parametrize(("name", "plain"), NAMES.items())
def test_a_name_becomes_a_plain_name(name, plain):
    assert check(b"text", name).name == plain


@pytest.mark.parametrize(
    "name", ["", "/", "..", "a/", "a\0.txt", "a\n.txt", "cod\u202etxt.exe", "\u2067.txt", "\ud800.txt"]
)
def test_a_name_that_hides_something_or_is_none_is_refused(name):
    assert refusal(b"text", name)[0] == "bad_name"


@settings(deadline=None)
@given(st.text(max_size=40).map(lambda text: text * 6) | st.text(max_size=40))
def test_no_name_comes_out_that_is_a_path_or_hides_anything(name):
    try:
        plain = plain_name(name)
    except ValidationError:
        return
    assert plain == plain.strip(" .") != ""
    assert not re.search(r'[/\\<>:"|?*\x00-\x1f\u202a-\u202e\u2066-\u2069]', plain)
    assert len(plain.encode()) <= LONGEST
    assert plain_name(plain) == plain


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([*GOOD]))
def test_whatever_the_bytes_are_it_is_an_answer_or_a_refusal(noise, name):
    content = GOOD[name][0]
    for damaged in (noise, content[: len(noise)], content[: len(content) // 2] + noise + content[len(content) // 2 :]):
        with contextlib.suppress(ValidationError):
            assert check(damaged, name).sha256 == hashlib.sha256(damaged).hexdigest()
