"""Writes of partners, brokers and API keys."""

from partners.operations.keys import LONGEST_OVERLAP, OVERLAP, KeyIsOver, create_key, digest_of, revoke_key, rotate_key
from partners.operations.payees import Outcome, change_payee, save_payee, save_payees

__all__ = [
    "LONGEST_OVERLAP",
    "OVERLAP",
    "KeyIsOver",
    "Outcome",
    "change_payee",
    "create_key",
    "digest_of",
    "revoke_key",
    "rotate_key",
    "save_payee",
    "save_payees",
]
