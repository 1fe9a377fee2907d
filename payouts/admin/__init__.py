"""The finance console: what is agreed, runs, payouts with their steps, bank files, accounts, statements, the ledger."""

from payouts.admin import agreements, answers, banking, decisions, exports, ledger, payouts, runs, statements

__all__ = ["agreements", "answers", "banking", "decisions", "exports", "ledger", "payouts", "runs", "statements"]
