"""Answering and keeping reports, and writing what was spent."""

from reports.operations.answers import answer, ask, generate_report, kept_result
from reports.operations.spend import save_spend, save_spends

__all__ = ["answer", "ask", "generate_report", "kept_result", "save_spend", "save_spends"]
