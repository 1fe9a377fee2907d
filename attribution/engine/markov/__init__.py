"""The data-driven model: exact Markov removal effects of order 1 to 4."""

from attribution.engine.markov.chain import MAX_WINDOWS, ORDERS, TooManyWindows
from attribution.engine.markov.selection import Selection, best_order
from attribution.engine.markov.training import Markov, train

__all__ = ["MAX_WINDOWS", "ORDERS", "Markov", "Selection", "TooManyWindows", "best_order", "train"]
