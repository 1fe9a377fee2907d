from payouts.api.banking import BankAccountViewSet
from payouts.api.payouts import PayoutViewSet

__all__ = ["BankAccountViewSet", "PayoutViewSet"]
