"""The back office of attribution: one module a kind of page, all imported here for the admin to find them."""

from attribution.admin import configurations, records, runs, trainings

__all__ = ["configurations", "records", "runs", "trainings"]
