"""The back office of partners, brokers and keys, and what every back office page of the product shares."""

from partners.admin import keys, payees
from partners.admin.pages import NOTHING, PlainAdmin, ReadOnlyAdmin, list_link, moment, page_link
from partners.admin.payees import payee_link
from partners.webhooks import admin as webhooks

__all__ = [
    "NOTHING",
    "PlainAdmin",
    "ReadOnlyAdmin",
    "keys",
    "list_link",
    "moment",
    "page_link",
    "payee_link",
    "payees",
    "webhooks",
]
