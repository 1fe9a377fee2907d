"""The routes of disputes, and of the adjustments that they and reversals book."""

from disputes.api.adjustments import AdjustmentViewSet
from disputes.api.conversation import MessageViewSet
from disputes.api.disputes import DisputeViewSet
from disputes.api.evidence import EvidenceViewSet

__all__ = ["AdjustmentViewSet", "DisputeViewSet", "EvidenceViewSet", "MessageViewSet"]
