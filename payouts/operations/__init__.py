"""Everything that moves money in payouts: one function a verb, a file a subject."""

from payouts.operations.banking import (
    AccountDecided,
    AccountWaits,
    OwnAccount,
    account_for,
    confirm_account,
    may_confirm,
    propose_account,
    refuse_account,
    withdraw_account,
)
from payouts.operations.booking import book
from payouts.operations.building import RunInProgress, build_run, preview_run, resume_lost_runs, start_run
from payouts.operations.holds import AlreadyOnHold, HoldLifted, lift_hold, place_hold
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
<<<<<<< ours
    "AccountDecided",
    "AccountWaits",
=======
    "AlreadyOnHold",
>>>>>>> theirs
    "HasDisputes",
    "HoldLifted",
    "LedgerOff",
    "MayBePaid",
    "NotInThisState",
    "NothingLeft",
    "OwnAccount",
    "OwnPayout",
    "OwnProposal",
    "PayoutChanged",
    "ProposalDecided",
    "RunInProgress",
    "accept_proposal",
    "account_for",
    "approvals_for",
    "approve_payout",
    "book",
    "build_run",
    "check_ledger",
    "confirm_account",
    "decline_proposal",
    "disputed_lines",
    "hold_back",
    "lift_hold",
    "mark_paid",
<<<<<<< ours
    "may_confirm",
=======
    "place_hold",
>>>>>>> theirs
    "preview_run",
    "propose_account",
    "propose_adjustment",
    "reconcile",
    "refuse_account",
    "reissue_payout",
    "resume_lost_runs",
    "return_payment",
    "send_back",
    "start_run",
    "submit_payout",
    "void_payout",
    "withdraw_account",
]
