"""The routes of partners, brokers and keys."""

from partners.api.keys import KeyViewSet
from partners.api.payees import BrokerViewSet, PartnerViewSet

__all__ = ["BrokerViewSet", "KeyViewSet", "PartnerViewSet"]
