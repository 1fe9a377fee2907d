"""What monitoring is told of the ledger, read at each scrape."""

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from payouts.models import Reconciliation, ToBook

DIFFERENCES = "What the latest reconciliation found. Anything but 0 is an alarm, and payouts stand still."
FINISHED = "When it ended. Old: the nightly one does not run."
WAITING = "When the oldest decision was made that is not booked yet. Old: the worker does not book."


class LedgerCollector(Collector):
    def describe(self):
        # Otherwise registering would collect, with no database yet.
        return []

    def collect(self):
        latest, waiting = Reconciliation.objects.first(), ToBook.objects.order_by("id").first()
        yield _gauge("reconciliation_differences", DIFFERENCES, latest and latest.differences)
        yield _gauge("reconciliation_finished_timestamp_seconds", FINISHED, latest and latest.finished_at.timestamp())
        yield _gauge("to_book_oldest_timestamp_seconds", WAITING, waiting and waiting.noted_at.timestamp())


def _gauge(name, about, value):
    gauge = GaugeMetricFamily(f"payouts_{name}", about)
    if value is not None:
        gauge.add_metric([], value)
    return gauge
