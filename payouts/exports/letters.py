"""What banks' formats can write: each has its own small alphabet."""

import unicodedata
from collections.abc import Iterable

from anyascii import anyascii

_DIGITS_AND_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# The EPC's, which every bank of the SEPA takes.
SEPA = frozenset(_DIGITS_AND_LETTERS + "/-?:().,'+ ")
# Nacha takes all of printable ASCII; what some banks' own checks refuse of it is left out.
ACH = frozenset(_DIGITS_AND_LETTERS + " .,-/&'()#+:")
ALPHABETS = {"sepa": SEPA, "ach": ACH}
# What people's keyboards and word processors make of plain signs.
_SAME = {"’": "'", "‘": "'", "ʼ": "'", "´": "'", "–": "-", "—": "-", "\u2011": "-", "\u00a0": " ", "&": "+"}


def unwritable(text: str, method: str) -> list[str]:
    """The characters of a text that a format has nothing for, each once."""
    return list(dict.fromkeys(each for each in _composed(text) if not _written(each, ALPHABETS[method])))


def sepa_text(text: str, limit: int) -> str:
    return _text(text, SEPA, limit)


def ach_text(text: str, limit: int) -> str:
    """In capitals, as banks' systems of that age write."""
    return _text(text, ACH, limit).upper()


def windows_text(text: str) -> str:
    """For a PDF in its built-in fonts: what they lack is written in plain letters."""
    return "".join(each if _is_in_fonts(each) else anyascii(each) if each.isprintable() else " " for each in text)


def _text(text: str, alphabet: Iterable[str], limit: int) -> str:
    written = "".join(_written(each, frozenset(alphabet)) or " " for each in _composed(text))
    return " ".join(written.split())[:limit].rstrip()


def _written(character: str, alphabet: frozenset[str]) -> str:
    """How an alphabet writes one character; empty: not at all. Of letters what they sound like, of nothing else: that
    would make a name of a picture."""
    if character in alphabet:
        return character
    plain = _SAME.get(character, "")
    if not plain and unicodedata.category(character)[0] == "L":
        plain = anyascii(character)
    return plain if plain and all(each in alphabet for each in plain) else ""


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _is_in_fonts(character: str) -> bool:
    try:
        return character.isprintable() and bool(character.encode("cp1252"))
    except UnicodeEncodeError:
        return False
