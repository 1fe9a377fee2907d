"""The console for disputes: the queues (`queue`), and the page on which one case is seen whole (`case`)."""

from disputes.admin.disputes import DisputeAdmin

__all__ = ["DisputeAdmin"]
