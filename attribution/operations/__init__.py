"""Everything that changes attribution: one function a verb, a file a subject."""

from attribution.operations.calculations import (
    Calculation,
    NothingToCalculate,
    Saved,
    Share,
    calculate,
    calculate_and_save,
)
from attribution.operations.configurations import create_model_config, rules_for
from attribution.operations.record_changes import NotAllowedNow, change_record
from attribution.operations.runs import (
    RunIsOver,
    calculate_recent,
    calculate_shard,
    cancel_run,
    resume_lost_shards,
    start_run,
)

__all__ = [
    "Calculation",
    "NotAllowedNow",
    "NothingToCalculate",
    "RunIsOver",
    "Saved",
    "Share",
    "calculate",
    "calculate_and_save",
    "calculate_recent",
    "calculate_shard",
    "cancel_run",
    "change_record",
    "create_model_config",
    "resume_lost_shards",
    "rules_for",
    "start_run",
]
