from payouts.api.banking import BankAccountViewSet
from payouts.api.payouts import PayoutViewSet
from payouts.api.statements import StatementViewSet

__all__ = ["BankAccountViewSet", "PayoutViewSet", "StatementViewSet"]
