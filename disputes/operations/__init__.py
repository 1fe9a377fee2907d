"""Everything that changes disputes: one function a verb, a file a subject."""

from disputes.deciders import AppealToAnother, NotYoursToDo, OwnDispute
from disputes.operations.appealing import AppealFinal, AppealTooLate, appeal_dispute, is_final
from disputes.operations.evidence import add_file, add_json, remove_orphans
from disputes.operations.filing import AlreadyDisputed, InHold, NoMoney, check_filing, file_dispute
from disputes.operations.handling import (
    AssignedToAnother,
    add_note,
    answer_information,
    ask_information,
    assign_dispute,
    go_on_without_answer,
    post_message,
    withdraw_dispute,
)
from disputes.operations.locking import DisputeClosed, NotInThisState
from disputes.operations.reminders import remind_of_disputes, remind_of_questions
from disputes.operations.resolving import (
    LONGEST_RESOLUTION,
    Option,
    reject_dispute,
    resolve_dispute,
    simulate,
)
from disputes.operations.shown import ChangedSinceShown, check_unchanged, lock_state, state_of_claim

__all__ = [
    "LONGEST_RESOLUTION",
    "AlreadyDisputed",
    "AppealFinal",
    "AppealToAnother",
    "AppealTooLate",
    "AssignedToAnother",
    "ChangedSinceShown",
    "DisputeClosed",
    "InHold",
    "NoMoney",
    "NotInThisState",
    "NotYoursToDo",
    "Option",
    "OwnDispute",
    "add_file",
    "add_json",
    "add_note",
    "answer_information",
    "appeal_dispute",
    "ask_information",
    "assign_dispute",
    "check_filing",
    "check_unchanged",
    "file_dispute",
    "go_on_without_answer",
    "is_final",
    "lock_state",
    "post_message",
    "reject_dispute",
    "remind_of_disputes",
    "remind_of_questions",
    "remove_orphans",
    "resolve_dispute",
    "simulate",
    "state_of_claim",
    "withdraw_dispute",
]
