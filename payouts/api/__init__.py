from payouts.api.payouts import PayoutViewSet

__all__ = ["PayoutViewSet"]
