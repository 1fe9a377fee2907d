"""The back office of payouts."""

from payouts.admin.banking import BankAccountAdmin

__all__ = ["BankAccountAdmin"]
