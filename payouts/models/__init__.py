"""The ledger, payouts with their lines and approvals, and the files that go to the bank and come back."""

from payouts.models.entries import Entry, Kind, OpenEntry, ToBook
from payouts.models.exports import BankFile, Export, Exported, Reconciliation
from payouts.models.payouts import LIVE, Approval, Payout, PayoutLine, Status
from payouts.models.proposals import Proposal
from payouts.models.runs import Hold, LeftOut, PayoutRun

__all__ = [
    "LIVE",
    "Approval",
    "BankFile",
    "Entry",
    "Export",
    "Exported",
    "Hold",
    "Kind",
    "LeftOut",
    "OpenEntry",
    "Payout",
    "PayoutLine",
    "PayoutRun",
    "Proposal",
    "Reconciliation",
    "Status",
    "ToBook",
]
