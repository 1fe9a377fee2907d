"""What an account's number must be, and what of it may be seen. No message here has the number in it."""

import re

from stdnum import bic as bics
from stdnum import iban as ibans
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.us import rtn

EEA = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)
# The rest of the SEPA's own list. Payments there name the bank too.
SEPA_BEYOND = frozenset("AD AL CH GB GI MC MD ME MK RS SM VA".split())  # noqa: SIM905
# A bank's BIC may name a territory whose accounts have the IBANs of another country.
TERRITORIES = {
    "FR": frozenset("GF GP MQ YT RE PM BL MF NC PF WF".split()),  # noqa: SIM905
    "GB": frozenset(["GG", "JE", "IM"]),
    "FI": frozenset(["AX"]),
    "MC": frozenset(["FR"]),
}
ACH_NUMBER = re.compile(r"[0-9A-Z-]{4,17}")
# Of the Federal Reserve's districts, of thrifts, and electronic ones; others are no banks' to be paid at.
PAID_AT = re.compile(r"(0[1-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2])\d{7}")


class Wrong(Exception):
    """What is wrong with a number, in words that do not repeat it."""


def iban(text: str) -> str:
    """The IBAN without its spaces. Raises Wrong."""
    number = _compact(text)
    try:
        ibans.validate(number)
    except InvalidChecksum:
        raise Wrong("The IBAN's check digits do not fit: look for a typing error.") from None
    except ValidationError:
        raise Wrong("That is no IBAN of any country: look at its length and its first letters.") from None
    if number[:2] not in EEA | SEPA_BEYOND:
        raise Wrong(f"{number[:2]} is not in the SEPA: a SEPA payment cannot go there.")
    return number


def bic(text: str, *, country: str) -> str:
    """The BIC, which names a bank of the IBAN's country. Raises Wrong."""
    number = _compact(text)
    if not number:
        if country in SEPA_BEYOND:
            raise Wrong(f"Give the bank's BIC too: {country} is outside the EEA.")
        return ""
    try:
        bics.validate(number)
    except ValidationError:
        raise Wrong("That is no BIC: it has 8 or 11 letters and digits.") from None
    if number[4:6] != country and number[4:6] not in TERRITORIES.get(country, ()):
        raise Wrong(f"The BIC is of a bank in {number[4:6]}, the IBAN of one in {country}.")
    return number


def routing(text: str) -> str:
    """The ABA routing number. Raises Wrong."""
    number = _compact(text)
    try:
        rtn.validate(number)
    except InvalidChecksum:
        raise Wrong("The routing number's check digit does not fit: look for a typing error.") from None
    except ValidationError:
        raise Wrong("A routing number has nine digits.") from None
    if not PAID_AT.fullmatch(number):
        raise Wrong("No bank has a routing number that begins like this.")
    return number


def ach_account(text: str) -> str:
    """The number of an account at a bank of the United States. Raises Wrong."""
    number = _compact(text)
    if not ACH_NUMBER.fullmatch(number) or not any(each.isdigit() for each in number):
        raise Wrong("An account number has 4 to 17 digits, letters or hyphens.")
    return number


def mask(number: str) -> str:
    """Its last characters: four, and of a short one no more than half."""
    plain = number.replace("-", "")
    return f"•••• {plain[-min(4, len(plain) // 2) :]}"


def _compact(text: str) -> str:
    return "".join(text.split()).upper()
