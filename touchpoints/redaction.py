"""What a free text of a touch must not keep: whatever looks like an e-mail address, a phone, SSN or card number.

`docs/ingestion.md` has the rules in words. Numbers of campaigns and ads, which are bare runs of digits, stay.
"""

import re
from collections.abc import Callable, Iterable

from prometheus_client import Counter

# The fields that tell where a lead came from, with their lengths. Ids and click ids must stay what they are.
REDACTED_FIELDS = {"source": 255, "medium": 255, "campaign": 255, "content": 255, "term": 255, "referral_code": 64}

REDACTED = Counter("touchpoints_redacted", "Texts taken out of touchpoints on arrival.", ["kind"])

# What no text can hold any of without matching this. It is plain enough for every regular expression engine.
SUSPECT = r"@|%40|[0-9]([^0-9]{0,3}[0-9]){7}"
_SUSPECT = re.compile(SUSPECT)

# A space may have come as it is, or encoded for a URL. Such marks do not stand at both ends of what they join.
_GAP = r"(?:[-. _+]|%20)"
_NO_DIGIT_BEFORE = r"(?<![0-9])(?<![0-9][-. _+])"
_NO_DIGIT_AFTER = rf"(?!{_GAP}?[0-9])"
EMAIL = re.compile(r"[\w.!#$%'*+^`{|}~-]{0,64}(?:@|%40)(?:[\w-]{1,63}\.)+[^\W\d_]{2,63}")
CARD = re.compile(r"(?<![0-9])[2-6](?:[- ]?[0-9]){12,18}(?![0-9])")
SSN = re.compile(
    rf"{_NO_DIGIT_BEFORE}(?!000|666|9)[0-9]{{3}}({_GAP})(?!00)[0-9]{{2}}\1(?!0000)[0-9]{{4}}{_NO_DIGIT_AFTER}"
)
PHONE = re.compile(
    # With a plus, which must not be the one that joins two words of a URL.
    r"(?<![\w+])(?:\+|%2B)[1-9](?:[-. ()/]{0,2}[0-9]){7,14}(?![0-9])"
    # As North America writes it: 555-010-1234, (555) 010-1234, 1.555.010.1234.
    rf"|{_NO_DIGIT_BEFORE}(?:1{_GAP})?(?:\([2-9][0-9]{{2}}\){_GAP}?|[2-9][0-9]{{2}}{_GAP})[0-9]{{3}}{_GAP}[0-9]{{4}}"
    rf"{_NO_DIGIT_AFTER}",
    re.IGNORECASE,
)
# Prefix and lengths of the cards that are issued.
ISSUERS = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11}"  # Diners
    r"|(?:6011|65[0-9]{2}|64[4-9][0-9])[0-9]{12}"  # Discover
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"  # JCB
    r"|62[0-9]{14,17}"  # UnionPay
)


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub("[^0-9]", "", match[0])
    return bool(ISSUERS.fullmatch(digits)) and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _always(match: re.Match[str]) -> bool:
    return True


# In this order: a card number in groups may hold what looks like a phone number.
KINDS: dict[str, tuple[re.Pattern[str], Callable[[re.Match[str]], bool]]] = {
    "email": (EMAIL, _always),
    "card": (CARD, _is_card),
    "ssn": (SSN, _always),
    "phone": (PHONE, _always),
}


def redacted(text: str) -> str:
    """The text without what looks personal."""
    if _SUSPECT.search(text):
        for kind, (pattern, is_one) in KINDS.items():
            text = pattern.sub(lambda match, kind=kind, is_one=is_one: _mark(match, kind, is_one), text)  # type: ignore[misc]
    return text


def _mark(match: re.Match[str], kind: str, is_one: Callable[[re.Match[str]], bool]) -> str:
    if not is_one(match):
        return match[0]
    REDACTED.labels(kind).inc()
    return f"[{kind}]"


def redactions(texts: Iterable[str | None]) -> dict[str, str]:
    """Of the texts of REDACTED_FIELDS, in their order: those that hold something personal, without it, by field."""
    texts = list(texts)
    # Hardly ever one does: one look at all of them together says so.
    if not _SUSPECT.search("\n".join(filter(None, texts))):
        return {}
    clean = {name: redacted(text) for name, text in zip(REDACTED_FIELDS, texts, strict=True) if text}
    was = dict(zip(REDACTED_FIELDS, texts, strict=True))
    return {name: text[: REDACTED_FIELDS[name]] for name, text in clean.items() if text != was[name]}
