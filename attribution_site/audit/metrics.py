"""What monitoring is told of the audit log, read at each scrape."""

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from attribution_site.audit.models import AuditSeal, AuditVerification

VERIFIED = {
    "findings": ("findings_count", "What the latest verification of the audit log found. Anything but 0 is an alarm."),
    "verified_timestamp_seconds": ("finished_at", "When it ended. Old: the nightly one does not run."),
}
SEALED = {
    "seal_number": ("number", "The last seal. Falling: seals were taken away, or an older database was restored."),
    "sealed_timestamp_seconds": ("sealed_at", "When it was made. Nothing is sealed while nothing changes."),
}


class AuditCollector(Collector):
    def describe(self):
        # Otherwise registering would collect, with no database yet.
        return []

    def collect(self):
        yield from _gauges(VERIFIED, AuditVerification.objects.first())
        yield from _gauges(SEALED, AuditSeal.objects.defer("contents").order_by("-number").first())


def _gauges(table, row):
    for name, (field, about) in table.items():
        gauge = GaugeMetricFamily(f"attribution_audit_{name}", about)
        if row:
            value = getattr(row, field)
            gauge.add_metric([], value.timestamp() if name.endswith("seconds") else value)
        yield gauge
