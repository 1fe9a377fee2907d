"""The back office of reports: one module a kind of page, all imported here for the admin to find them."""

from reports.admin import reports, spend

__all__ = ["reports", "spend"]
