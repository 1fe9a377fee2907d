"""A mail as it was sent (.eml), and what is attached to it."""

import email
import re
from collections.abc import Iterator
from email.message import Message
from typing import IO

from disputes.files.refusals import damaged, refused

# Reading takes as long as the text times how deep it is nested.
MOST_BOUNDARIES = 30
MOST_LINES = 250_000
MOST_PARTS = 200
SENT = ("Date", "Message-ID", "Received")
NESTING = re.compile(rb"boundary|message/(?:rfc822|global|partial|external)", re.IGNORECASE)
FIRST_LINE = re.compile(rb"(?:From [^\n]+\n)?[!-9;-~]+[ \t]*:")
SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
LONGEST_SIGNATURE = 64 * 1024


def attachments(file: IO[bytes]) -> Iterator[bytes]:
    """What is in the mail and no text of it, to be looked at like a file."""
    file.seek(0)
    data = file.read()
    if b"\0" in data or not FIRST_LINE.match(data):
        raise damaged("mail", "it does not begin with headers, such as From and Date")
    if data.count(b"\n") > MOST_LINES or len(NESTING.findall(data)) > MOST_BOUNDARIES:
        raise refused("too_much_inside", f"The mail has more than {MOST_LINES:,} lines, or too many mails in it.")
    try:
        mail = email.message_from_bytes(data)
        parts = list(mail.walk())
    except (RecursionError, ValueError, LookupError, TypeError):
        raise damaged("mail", "it cannot be read through") from None
    if "From" not in mail or not any(name in mail for name in SENT):
        raise damaged("mail", f"it has no From, or none of {', '.join(SENT)}")
    if len(parts) > MOST_PARTS:
        raise refused("too_much_inside", f"The mail has more than {MOST_PARTS} parts.")
    for part in parts:
        if not part.is_multipart():
            yield from _attached(part)


def _attached(part: Message) -> Iterator[bytes]:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError):
        raise damaged("mail", "a part of it cannot be decoded") from None
    if not isinstance(content, bytes) or not content.strip():
        return
    if part.get_content_type() in SIGNATURES and len(content) <= LONGEST_SIGNATURE:
        return
    if part.get_content_maintype() in ("text", "message") and b"\0" not in content:
        return  # what the mail says, as text or as a page, which nobody here shows as one
    yield content
