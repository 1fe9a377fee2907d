"""The finance console: runs, payouts with their steps, the ledger, bank accounts and what is decided beside them."""

from payouts.admin import banking, decisions, ledger, payouts, runs, statements

__all__ = ["banking", "decisions", "ledger", "payouts", "runs", "statements"]
