"""The finance console: runs, payouts with their steps, the ledger, bank accounts and what is decided beside them."""

from payouts.admin import agreements, banking, decisions, ledger, payouts, runs

__all__ = ["agreements", "banking", "decisions", "ledger", "payouts", "runs"]
