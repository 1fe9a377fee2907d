"""How a number is kept: sealed, and beside it a mask for people and a fingerprint to find the same account by."""

import hashlib
import hmac
from decimal import Decimal

from django.conf import settings

from partners.webhooks.sealing import seal, unseal
from payouts.banking import numbers
from payouts.banking.details import Details
from payouts.exports.orders import CannotExport, Instruction
from payouts.models import BankAccount


def kept(details: Details) -> dict[str, str]:
    """The columns that stand for the number."""
    return {
        "sealed": seal(details.number),
        "mask": numbers.mask(details.number),
        "fingerprint": fingerprints(details.routing, details.number)[0],
    }


def fingerprints(routing: str, number: str) -> list[str]:
    """By every key that is in use, the current one first: what was kept under an older key is found as well.

    Keyed, as account numbers are few enough to try them all."""
    account = f"{routing}:{number}".encode()
    keys = (hashlib.sha256(b"bank fingerprint:" + key.encode()).digest() for key in settings.FIELD_ENCRYPTION_KEYS)
    return [hmac.new(key, account, "sha256").hexdigest() for key in keys]


def fingerprints_of(account: BankAccount) -> list[str]:
    return fingerprints(account.routing, unseal(account.sealed))


def sealed_file(content: bytes) -> bytes:
    """A file of the bank's as it is kept. As Latin-1 any bytes are a text, and come back the same."""
    return seal(content.decode("latin-1")).encode()


def opened_file(sealed: bytes, sha256: str) -> bytes:
    """Raises CannotExport where it is not the file of that hash."""
    content = unseal(sealed.decode()).encode("latin-1")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CannotExport("The file is not as it was made: its SHA-256 is another.")
    return content


def instruction(account: BankAccount, *, end_to_end_id: str, payee: str, amount: Decimal, text: str) -> Instruction:
    """An order to pay to the account. Nothing else opens a number.

    Raises CannotExport if the row was tampered with: a number that was put in the place of another has not its
    fingerprint."""
    number = unseal(account.sealed)
    if account.fingerprint not in fingerprints(account.routing, number) or account.mask != numbers.mask(number):
        raise CannotExport(f"{end_to_end_id}: the bank account is not as it was confirmed.")
    is_sepa = account.method == BankAccount.Method.SEPA
    return Instruction(
        end_to_end_id=end_to_end_id,
        payee=payee,
        holder=account.holder,
        method=account.method,
        amount=amount,
        currency=account.currency,
        text=text,
        is_company=account.is_company,
        iban=number if is_sepa else "",
        bic=account.bic,
        routing=account.routing,
        account="" if is_sepa else number,
        account_type=account.account_type,
    )
