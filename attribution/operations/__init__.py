"""Everything that changes attribution: one function a verb, a file a subject."""

from attribution.earlier import UndoesDecisions
from attribution.operations.approvals import (
    APPROVED_AT_MOST,
    Approved,
    RecordOutdated,
    approve_records,
    check_in_effect,
    check_shares,
    outdated,
    to_approve,
)
from attribution.operations.calculations import (
    Calculation,
    NothingToCalculate,
    Saved,
    Share,
    calculate,
    calculate_and_save,
)
from attribution.operations.comparisons import (
    KEPT_FOR,
    MOST_CONTENDERS,
    NotYours,
    TooManyComparisons,
    compare,
    delete_comparison,
    drop_old_comparisons,
    resume_lost_comparisons,
    start_comparison,
)
from attribution.operations.configurations import rules_for
from attribution.operations.daily_credit import daily_credit_differences, mark_changed, refresh_daily_credit
from attribution.operations.explanations import explain
from attribution.operations.late_touches import calculate_late_touches
from attribution.operations.record_changes import NotAllowedNow, change_record
from attribution.operations.resharing import OnlyTouch
from attribution.operations.reversals import Line, plan_reversal, reverse_conversion
from attribution.operations.runs import (
    RunIsOver,
    calculate_recent,
    calculate_shard,
    cancel_run,
    resume_lost_shards,
    start_run,
)
from attribution.operations.scheduling import (
    EARLIEST,
    RecordsAreWritten,
    create_model_config,
    plan_model_config,
)
from attribution.operations.settlements import (
    NothingChanges,
    NothingToShare,
    Plan,
    SharesOutdated,
    plan_settlement,
    settle,
)
from attribution.operations.trainings import (
    AlreadyTraining,
    resume_lost_trainings,
    start_training,
    train,
    train_current,
)
from attribution.operations.verification import NIGHTLY_SAMPLE, verify_records
from attribution.standing import ConversionMoved, OtherCurrency

__all__ = [
    "APPROVED_AT_MOST",
    "EARLIEST",
    "KEPT_FOR",
    "MOST_CONTENDERS",
    "NIGHTLY_SAMPLE",
    "AlreadyTraining",
    "Approved",
    "Calculation",
    "ConversionMoved",
    "Line",
    "NotAllowedNow",
    "NotYours",
    "NothingChanges",
    "NothingToCalculate",
    "NothingToShare",
    "OnlyTouch",
    "OtherCurrency",
    "Plan",
    "RecordOutdated",
    "RecordsAreWritten",
    "RunIsOver",
    "Saved",
    "Share",
    "SharesOutdated",
    "TooManyComparisons",
    "UndoesDecisions",
    "approve_records",
    "calculate",
    "calculate_and_save",
    "calculate_late_touches",
    "calculate_recent",
    "calculate_shard",
    "cancel_run",
    "change_record",
    "check_in_effect",
    "check_shares",
    "compare",
    "create_model_config",
    "daily_credit_differences",
    "delete_comparison",
    "drop_old_comparisons",
    "explain",
    "mark_changed",
    "outdated",
    "plan_model_config",
    "plan_reversal",
    "plan_settlement",
    "refresh_daily_credit",
    "resume_lost_comparisons",
    "resume_lost_shards",
    "resume_lost_trainings",
    "reverse_conversion",
    "rules_for",
    "settle",
    "start_comparison",
    "start_run",
    "start_training",
    "to_approve",
    "train",
    "train_current",
    "verify_records",
]
