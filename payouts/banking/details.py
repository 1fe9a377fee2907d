"""A bank account as somebody gives it, checked before anything is kept."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from payouts.banking import numbers
from payouts.exports.letters import unwritable

CURRENCIES = {"sepa": "EUR", "ach": "USD"}
ACCOUNT_TYPES = ("checking", "savings")
LONGEST_HOLDER = 70


@dataclass(frozen=True, kw_only=True)
class Details:
    """`number` is an IBAN or the number of a US account. It is left out of every text made of this."""

    method: str
    currency: str
    holder: str
    number: str = field(repr=False)
    is_company: bool = False
    bic: str = ""
    routing: str = ""
    account_type: str = ""

    @property
    def country(self) -> str:
        return self.number[:2] if self.method == "sepa" else "US"


def checked(details: Details) -> Details:
    """As it is kept. Raises ValidationError, which names each field that is wrong and never a number."""
    if details.method not in CURRENCIES:
        raise ValidationError({"method": ValidationError("Take sepa or ach.", code="invalid_choice")})
    check = _Check()
    holder = " ".join(details.holder.split())
    check.that(_is_holder(holder, details.method), "holder")
    currency = CURRENCIES[details.method]
    if details.currency != currency:
        check.wrong("currency", f"By {details.method.upper()} only {currency} is paid.")
    kept = _of_sepa(details, check) if details.method == "sepa" else _of_ach(details, check)
    if check.errors:
        raise ValidationError(check.errors)
    return dataclasses.replace(kept, holder=holder)


class _Check:
    """Collects what is wrong, so that all of it is told at once."""

    def __init__(self) -> None:
        self.errors: dict[str, ValidationError] = {}

    def wrong(self, name: str, text: str) -> None:
        self.errors[name] = ValidationError(text, code="invalid")

    def that(self, trouble: str, name: str) -> None:
        if trouble:
            self.wrong(name, trouble)

    def number(self, name: str, read: Callable[[], str]) -> str:
        try:
            return read()
        except numbers.Wrong as wrong:
            self.wrong(name, str(wrong))
            return ""


def _is_holder(holder: str, method: str) -> str:
    """What is wrong with the name; empty: nothing."""
    if not holder:
        return "Whose account is it? Give the name that the bank knows."
    if len(holder) > LONGEST_HOLDER:
        return f"A holder's name has {LONGEST_HOLDER} characters at most."
    if strange := unwritable(holder, method):
        shown = ", ".join(each if each.isprintable() else f"U+{ord(each):04X}" for each in strange[:10])
        return f"{method.upper()} cannot write these characters: {shown}"
    return ""


def _of_sepa(details: Details, check: _Check) -> Details:
    for name in ("routing", "account_type"):
        if getattr(details, name):
            check.wrong(name, "A SEPA account has none.")
    number = check.number("number", lambda: numbers.iban(details.number))
    bank = check.number("bic", lambda: numbers.bic(details.bic, country=number[:2])) if number else ""
    return dataclasses.replace(details, number=number, bic=bank)


def _of_ach(details: Details, check: _Check) -> Details:
    if details.bic:
        check.wrong("bic", "A US account has none.")
    if details.account_type not in ACCOUNT_TYPES:
        check.wrong("account_type", "Take checking or savings.")
    number = check.number("number", lambda: numbers.ach_account(details.number))
    bank = check.number("routing", lambda: numbers.routing(details.routing))
    return dataclasses.replace(details, number=number, routing=bank)
