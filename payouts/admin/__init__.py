"""The finance console: runs, payouts with their steps, bank files and accounts, the ledger, what is decided beside."""

from payouts.admin import answers, banking, decisions, exports, ledger, payouts, runs

__all__ = ["answers", "banking", "decisions", "exports", "ledger", "payouts", "runs"]
