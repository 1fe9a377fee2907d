"""What a payee's balance was, what moved it in a period, and what it is: as figures, as lines, and as files."""

from payouts.statements.csv_file import csv_chunks
from payouts.statements.pdf import pdf_chunks
from payouts.statements.periods import Period
from payouts.statements.reading import FIGURES, Balance, DoesNotBalance, balances, figure_of, lines_of

TYPES = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}
CHUNKS = {"csv": csv_chunks, "pdf": pdf_chunks}

__all__ = [
    "CHUNKS",
    "FIGURES",
    "TYPES",
    "Balance",
    "DoesNotBalance",
    "Period",
    "balances",
    "csv_chunks",
    "figure_of",
    "lines_of",
    "pdf_chunks",
]
