"""What is agreed with payees, the ledger, payouts with lines and approvals, files that go to the bank and come back."""

from payouts.models.banking import BankAccount
from payouts.models.entries import Entry, Kind, OpenEntry, ToBook
from payouts.models.exports import BankFile, Download, Export, Exported, Reconciliation
from payouts.models.payouts import LIVE, Approval, Payout, PayoutLine, Status
from payouts.models.proposals import Proposal
from payouts.models.rules import ApprovalRule
from payouts.models.runs import Hold, LeftOut, PayoutRun
from payouts.models.terms import GroupMembership, PayeeGroup, Terms

__all__ = [
    "LIVE",
    "Approval",
    "ApprovalRule",
    "BankAccount",
    "BankFile",
    "Download",
    "Entry",
    "Export",
    "Exported",
    "GroupMembership",
    "Hold",
    "Kind",
    "LeftOut",
    "OpenEntry",
    "PayeeGroup",
    "Payout",
    "PayoutLine",
    "PayoutRun",
    "Proposal",
    "Reconciliation",
    "Status",
    "Terms",
    "ToBook",
]
