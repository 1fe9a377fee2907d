"""What is written stands, whether or not a worker can be told of it."""

import pytest
from kombu.exceptions import OperationalError

from attribution.models import Run
from attribution.tasks import calculate_shard
from conversions.models import Conversion
from partners.models import WebhookMessage
from partners.tasks import send_webhooks
from tests.api import BASE
from tests.factories import ConversionFactory, WebhookEndpointFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_broker(monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("no broker")

    for task in (send_webhooks, calculate_shard):
        monkeypatch.setattr(task, "delay", away)


def test_a_conversion_is_answered_as_stored(api, no_broker):
    WebhookEndpointFactory(events=["conversion.created"])
    answer = api.post(f"{BASE}/conversions", {"leadId": "lead-1", "type": "sale", "value": 10})
    assert answer.status_code == 201
    assert (Conversion.objects.count(), WebhookMessage.objects.filter(status="pending").count()) == (1, 1)


def test_a_run_is_answered_as_started(api, no_broker):
    ConversionFactory(lead_id="lead-1")
    assert api.post(f"{BASE}/attribution/batch", {"leadIds": ["lead-1"]}).status_code == 202
    assert Run.objects.get().status in {"queued", "running", "waiting"}
