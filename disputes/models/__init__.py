"""Claims against credits: what is claimed, by whom, the evidence, what was said, and how it ended."""

from disputes.models.conversation import Message
from disputes.models.disputes import CLOSED, EDGES, OPEN, Dispute, Party
from disputes.models.evidence import Evidence

__all__ = ["CLOSED", "EDGES", "OPEN", "Dispute", "Evidence", "Message", "Party"]
