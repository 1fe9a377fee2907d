"""The finance console: what is agreed, runs, payouts with their steps, bank files and accounts, and the ledger."""

from payouts.admin import agreements, answers, banking, decisions, exports, ledger, payouts, runs

__all__ = ["agreements", "answers", "banking", "decisions", "exports", "ledger", "payouts", "runs"]
