"""Configurations, runs of the calculation, and the records that it makes."""

from attribution.models.adjustments import Adjustment, with_net
from attribution.models.configurations import AttributionModel, ModelConfig, PayableModel, Training, VisibleToStaff
from attribution.models.daily import ChangedDay, DailyCredit
from attribution.models.records import EDGES, FROZEN, AttributionRecord, KeptJourney, Status, fallback
from attribution.models.runs import Comparison, Finding, Run, Shard, Verification
from attribution.models.settlements import Settlement, SettlementLine

from attribution.models import witnesses  # isort: skip  # noqa: F401  (what the log lacks of these tables)

__all__ = [
    "EDGES",
    "FROZEN",
    "Adjustment",
    "AttributionModel",
    "AttributionRecord",
    "ChangedDay",
    "Comparison",
    "DailyCredit",
    "Finding",
    "KeptJourney",
    "ModelConfig",
    "PayableModel",
    "Run",
    "Settlement",
    "SettlementLine",
    "Shard",
    "Status",
    "Training",
    "Verification",
    "VisibleToStaff",
    "fallback",
    "with_net",
]
