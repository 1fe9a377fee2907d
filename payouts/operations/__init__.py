"""Everything that moves money in payouts: one function a verb, a file a subject."""

from payouts.operations.booking import book
from payouts.operations.building import RunInProgress, build_run, preview_run, resume_lost_runs, start_run
from payouts.operations.payouts import (
    HasDisputes,
    MayBePaid,
    NothingLeft,
    NotInThisState,
    OwnPayout,
    PayoutChanged,
    approvals_for,
    approve_payout,
    disputed_lines,
    hold_back,
    mark_paid,
    reissue_payout,
    return_payment,
    send_back,
    submit_payout,
    void_payout,
)
from payouts.operations.proposals import (
    OwnProposal,
    ProposalDecided,
    accept_proposal,
    decline_proposal,
    propose_adjustment,
)
from payouts.operations.reconciling import IDENTITIES, LedgerOff, check_ledger, reconcile

__all__ = [
    "IDENTITIES",
    "HasDisputes",
    "LedgerOff",
    "MayBePaid",
    "NotInThisState",
    "NothingLeft",
    "OwnPayout",
    "OwnProposal",
    "PayoutChanged",
    "ProposalDecided",
    "RunInProgress",
    "accept_proposal",
    "approvals_for",
    "approve_payout",
    "book",
    "build_run",
    "check_ledger",
    "decline_proposal",
    "disputed_lines",
    "hold_back",
    "mark_paid",
    "preview_run",
    "propose_adjustment",
    "reconcile",
    "reissue_payout",
    "resume_lost_runs",
    "return_payment",
    "send_back",
    "start_run",
    "submit_payout",
    "void_payout",
]
