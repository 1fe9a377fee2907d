<<<<<<< ours
"""The back office of payouts."""

from payouts.admin.banking import BankAccountAdmin

__all__ = ["BankAccountAdmin"]
=======
"""The finance console: runs, payouts with their steps, the ledger and what is decided beside it."""

from payouts.admin import decisions, ledger, payouts, runs

__all__ = ["decisions", "ledger", "payouts", "runs"]
>>>>>>> theirs
