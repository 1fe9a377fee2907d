"""Real files, good ones and such as were made to harm."""

import io
import struct
import zipfile
import zlib
from email.message import EmailMessage

import openpyxl
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
TYPES = f'<Types><Override PartName="/word/document.xml" ContentType="{WORD}"/></Types>'
RELATIONS = "word/_rels/document.xml.rels"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + b"\x00" * 200
SVG = b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html>\n<html><script>alert(1)</script></html>"
MAIL_HEAD = b"From: a@partner.example\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nSubject: lead-123\r\n"


def written(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def picture(kind, size=(40, 30), **options):
    return written(lambda file: Image.new("RGB", size, "teal").save(file, kind, **options))


def pdf(change=None):
    """One page, written by pypdf, after `change` of its writer."""
    writer = PdfWriter(clone_from=io.BytesIO(picture("PDF")))
    if change:
        change(writer)
    return written(writer.write)


def action(kind, **entries):
    """A change that has the PDF do something when it is opened."""

    def change(writer):
        names = {NameObject(f"/{name}"): TextStringObject(text) for name, text in entries.items()}
        started = DictionaryObject({NameObject("/S"): NameObject(f"/{kind}")} | names)
        writer.root_object[NameObject("/OpenAction")] = writer._add_object(ArrayObject([started]))

    return change


def workbook():
    book = openpyxl.Workbook()
    book.active["A1"] = "lead-123"
    book.active["A1"].hyperlink = "https://partner.example/lead-123"
    return written(book.save)


def archive(parts, method=zipfile.ZIP_DEFLATED):
    def write(file):
        with zipfile.ZipFile(file, "w", method) as packed:
            for name, content in parts.items():
                packed.writestr(name, content)

    return written(write)


def document(parts=None, types=TYPES, **options):
    return archive({"[Content_Types].xml": types, "word/document.xml": "<document/>"} | (parts or {}), **options)


def relation(kind, mode="External"):
    kind = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
    one = f'<Relationship Id="r1" Type="{kind}" Target="http://x.example/" TargetMode="{mode}"/>'
    return f"<Relationships>{one}</Relationships>"


def that_lies_about_length(content=b"x" * 5000, told=10):
    """Of its last part, both headers say less than there is, and the checksum is that of the part so cut."""
    data = bytearray(document({"word/media/a.dat": content}))
    lie = struct.pack("<L", zlib.crc32(content[:told]))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        at = packed.getinfo("word/media/a.dat").header_offset
    directory = data.rindex(b"PK\x01\x02")
    for place, checksum, length in [(at, 14, 22), (directory, 16, 24)]:
        data[place + checksum : place + checksum + 4] = lie
        data[place + length : place + length + 4] = struct.pack("<L", told)
    return bytes(data)


def that_uses_bytes_twice():
    """One part lies within the bytes of another, header and all."""
    within = archive({"word/b.xml": "<a/>"}, zipfile.ZIP_STORED)
    within = within[: within.index(b"PK\x01\x02")]
    data = bytearray(document({"word/a.dat": b"x" + within, "word/b.xml": "<a/>"}, method=zipfile.ZIP_STORED))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 42 : directory + 46] = struct.pack("<L", data.index(within))
    return bytes(data)


def that_hides_bytes_behind_a_part():
    """Stored bytes that are told to be compressed ones: their stream ends, and something follows."""
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = squeeze.compress(b"text") + squeeze.flush() + b"hidden"
    data = bytearray(document({"word/a.dat": packed}, method=zipfile.ZIP_STORED))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        at = opened.getinfo("word/a.dat").header_offset
    directory = data.rindex(b"PK\x01\x02")
    for place, method, checksum, length in [(at, 8, 14, 22), (directory, 10, 16, 24)]:
        data[place + method] = 8
        data[place + checksum : place + checksum + 4] = struct.pack("<L", zlib.crc32(b"text"))
        data[place + length : place + length + 4] = struct.pack("<L", 4)
    return bytes(data)


def png_of(width, height):
    """A whole PNG whose header promises that many pixels, in a few bytes."""

    def chunk(name, content):
        return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))

    header = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def mail(*attached):
    message = EmailMessage()
    message["From"], message["Message-ID"] = "a@partner.example", "<1@partner.example>"
    message.set_content("See there.")
    message.add_alternative("<html><b>See there.</b></html>", subtype="html")
    for content in attached:
        message.add_attachment(content, maintype="application", subtype="pdf", filename="proof.pdf")
    return message.as_bytes()


def pdf_of_compressed_objects():
    """A script that no byte of the file spells: all objects but their container lie compressed in it."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/OpenAction 4 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        b"<</S/JavaScript/JS(app.alert\\(1\\))>>",
    ]
    starts = [sum(len(each) + 1 for each in objects[:index]) for index in range(len(objects))]
    index = b" ".join(b"%d %d" % (number + 1, start) for number, start in enumerate(starts)) + b"\n"
    content = zlib.compress(index + b"\n".join(objects))
    head = b"%PDF-1.5\n"
    container = b"5 0 obj\n<</Type/ObjStm/N 4/First %d/Filter/FlateDecode/Length %d>>stream\n" % (
        len(index),
        len(content),
    )
    file = head + container + content + b"\nendstream\nendobj\n"
    rows = [(0, 0, 255), *((2, 5, place) for place in range(4)), (1, len(head), 0), (1, len(file), 0)]
    table = b"".join(struct.pack(">BHB", *row) for row in rows)
    xref = b"6 0 obj\n<</Type/XRef/Size 7/W[1 2 1]/Root 1 0 R/Length %d>>stream\n" % len(table)
    return file + xref + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(file)
