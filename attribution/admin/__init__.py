"""The back office of attribution: one module a kind of page, all imported here for the admin to find them."""

from attribution.admin import comparisons, configurations, conversions, records, runs, settled, trainings, verifications

__all__ = ["comparisons", "configurations", "conversions", "records", "runs", "settled", "trainings", "verifications"]
