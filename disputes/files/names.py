"""A file's name as a plain name: no path, nothing that shows itself as something else, none that a system reserves."""

import re
import unicodedata

from django.core.exceptions import ValidationError

from disputes.files.refusals import refused

LONGEST = 200  # bytes
# They turn the order of what follows: "cod\u202efdp.exe" is read as "codexe.pdf".
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NOT_IN_A_NAME = {"Cc", "Cs", "Zl", "Zp"}
NOT_SEEN = {"Cf", "Cn", "Co"}
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)[ .]*(\..*)?", re.IGNORECASE)


def plain_name(name: str) -> str:
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    if any(each in TURNING or unicodedata.category(each) in NOT_IN_A_NAME for each in name):
        raise _refused("The name has characters that control how text is shown. Rename the file.")
    seen = "".join(each for each in last if unicodedata.category(each) not in NOT_SEEN)
    plain = re.sub(r'[<>:"|?*]', "_", seen).strip(" .")
    if not plain:
        raise _refused("The file has no name. Give it one with its extension, such as invoice.pdf.")
    return _shortened(f"_{plain}" if RESERVED.fullmatch(plain) else plain)


def extension(name: str) -> str:
    return name[name.rindex(".") :].lower() if "." in name else ""


def _shortened(name: str) -> str:
    end = extension(name) if len(extension(name)) <= 10 else ""
    stem = name[: len(name) - len(end)].encode()[: LONGEST - len(end.encode())]
    return stem.decode(errors="ignore").rstrip(" .") + name[len(name) - len(end) :]


def _refused(told: str) -> ValidationError:
    return refused("bad_name", told)
