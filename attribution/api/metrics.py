"""`GET /metrics` for Prometheus: the process's own metrics, and what the latest verifications found."""

import secrets

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView  # type: ignore[import-untyped]
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from attribution.models import Verification
from attribution_site.audit.metrics import AuditCollector

GAUGES = {
    "records_checked": "Records that the latest verification calculated again.",
    "records_differing": "Records that came out otherwise than they are stored. Anything but 0 is an alarm.",
    "finished_timestamp_seconds": "When the latest verification ended. Old: the nightly one does not run.",
}


class VerificationCollector(Collector):
    """Read at each scrape, so that every process of the site tells the same."""

    def describe(self):
        # Otherwise registering would collect, with no database yet.
        return []

    def collect(self):
        latest = Verification.objects.first()
        for name, about in GAUGES.items():
            gauge = GaugeMetricFamily(f"attribution_verification_{name}", about)
            if latest:
                gauge.add_metric([], _value(latest, name))
            yield gauge


def _value(verification, name):
    return verification.finished_at.timestamp() if name.endswith("seconds") else getattr(verification, name)


REGISTRY.register(VerificationCollector())
REGISTRY.register(AuditCollector())


@require_safe
def metrics(request):
    """For monitoring with its token, and for people who may see verifications: figures of the business are no
    public matter, and what is wrong with its money least of all."""
    if request.user.has_perm("attribution.view_verification") or _has_token(request):
        return ExportToDjangoView(request)
    if request.user.is_authenticated:
        return HttpResponse("You may not see metrics.\n", status=403, content_type="text/plain")
    answer = HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401, content_type="text/plain")
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def _has_token(request):
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    # An installation without a token has none that fits.
    return bool(wanted) and kind == "Bearer" and secrets.compare_digest(given.encode(), wanted.encode())
