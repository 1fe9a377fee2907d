"""Webhooks in the back office."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from partners.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from partners.webhooks import sealing, sending
from tests.factories import PartnerFactory, UserFactory, WebhookEndpointFactory, WebhookMessageFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:partners_webhookendpoint_changelist")
DELIVERIES = reverse("admin:partners_webhookmessage_changelist")
ADD = reverse("admin:partners_webhookendpoint_add")


def of(endpoint, name="change"):
    return reverse(f"admin:partners_webhookendpoint_{name}", args=[endpoint.pk])


def as_(role):
    client = Client()
    client.force_login(UserFactory(role=role))
    return client


@pytest.fixture
def operations():
    return as_("Operations")


def page(client, path, data=None):
    response = client.get(path, data)
    assert response.status_code == 200, response
    return response.content.decode()


def row_of(html, text):
    [row] = [row for row in re.findall(r"<tr.*?</tr>", html, re.S) if text in row]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row))


def test_the_list_shows_at_a_glance_whether_messages_arrive(operations):
    fine = WebhookEndpointFactory(description="Fine", partner=PartnerFactory(name="Summit"))
    WebhookEndpointFactory(description="Ailing", failing_since=timezone.now())
    WebhookEndpointFactory(description="Dead", status="disabled", disabled_at=timezone.now())
    WebhookEndpointFactory(description="Removed", status="deleted", secret="")
    for status, number in (("delivered", 3), ("failed", 2)):
        for _ in range(number):
            WebhookMessageFactory(endpoint=fine, status=status)
    WebhookMessageFactory(endpoint=fine, created_at=timezone.now() - timezone.timedelta(days=2))
    html = page(operations, LIST)
    assert re.search(r"Fine.*Summit.*Arriving.*3 2 0", row_of(html, "Fine"))
    assert "Failing" in row_of(html, "Ailing")
    assert "Switched off" in row_of(html, "Dead")
    assert "Removed" not in html
    assert "Ailing" not in page(operations, LIST, {"health": "disabled"})


def test_the_menu_says_how_many_gave_up(operations):
    menu = re.compile(r"<span>Webhooks</span>\s*(?:<span[^>]*>\s*(\d+)\s*</span>)?")
    assert menu.search(page(operations, DELIVERIES)).group(1) is None
    WebhookEndpointFactory(status="disabled", disabled_at=timezone.now())
    assert menu.search(page(operations, DELIVERIES)).group(1) == "1"


def test_a_webhook_is_added_with_its_secret_shown_once(operations):
    partner = PartnerFactory(id="partner-a")
    asked = {"url": "https://hooks.example.com/in", "events": ["records.changed"], "partner_id": "partner-a"}
    html = operations.post(ADD, asked).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.partner, endpoint.created_by.groups.get().name) == (partner, "Operations")
    secret = sealing.unseal(endpoint.secret)
    assert secret in html
    assert secret not in page(operations, of(endpoint))
    assert LogEntry.objects.get().object_id == str(endpoint.pk)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"url": "https://127.0.0.1/", "events": ["records.changed"]}, "Webhooks do not go to this address."),
        ({"url": "https://hooks.example.com/", "events": []}, "This field is required."),
        (
            {"url": "https://hooks.example.com/", "events": ["conversion.created"], "partner_id": "partner-a"},
            "Give some of records.changed",
        ),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(operations, asked, told):
    PartnerFactory(id="partner-a")
    response = operations.post(ADD, asked)
    assert response.status_code == 422
    assert told in response.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_a_webhook_is_changed_rotated_pinged_and_deleted(operations, receiver):
    endpoint = WebhookEndpointFactory()
    asked = {"url": receiver.url, "description": "New", "events": ["conversion.updated"]}
    operations.post(of(endpoint, "edit"), asked)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description, endpoint.events) == (receiver.url, "New", ["conversion.updated"])

    html = operations.post(of(endpoint, "rotate"), {"overlap_hours": 1}).content.decode()
    assert sealing.unseal(WebhookEndpoint.objects.get().secret) in html

    operations.post(of(endpoint, "ping"))
    assert sending.send_due() == 1
    assert b'"type":"ping"' in receiver.requests[0][3]

    operations.post(of(endpoint, "remove"))
    assert WebhookEndpoint.objects.get().status == "deleted"
    assert operations.get(of(endpoint)).status_code == 302
    assert LogEntry.objects.count() == 4


def test_one_that_was_switched_off_says_why_and_can_be_switched_on(operations):
    endpoint = WebhookEndpointFactory(status="disabled", disabled_at=timezone.now(), disabled_reason="It was gone.")
    WebhookMessageFactory(endpoint=endpoint, status="failed", delivered_at=None)
    html = page(operations, of(endpoint))
    assert "It was gone." in html
    assert "Switch on" in html
    assert "Ping it" not in html
    operations.post(of(endpoint, "ping"))
    assert WebhookMessage.objects.filter(event="ping").count() == 0
    operations.post(of(endpoint, "enable"))
    assert WebhookEndpoint.objects.get().status == "active"
    operations.post(of(endpoint, "replay"))
    assert WebhookMessage.objects.get().status == "pending"


def test_a_delivery_shows_its_attempts_and_can_be_sent_again(operations):
    message = WebhookMessageFactory(status="failed", delivered_at=None)
    WebhookAttempt.objects.create(
        message=message,
        at=timezone.now(),
        status_code=500,
        duration_ms=1234,
        error="The answer was 500.",
        answer="<b>no",
    )
    path = reverse("admin:partners_webhookmessage_change", args=[message.pk])
    html = page(operations, path)
    assert "The answer was 500." in html
    assert "1,234" in html
    assert "&lt;b&gt;no" in html
    assert "Send it again" in html
    operations.post(reverse("admin:partners_webhookmessage_replay", args=[message.pk]))
    message.refresh_from_db()
    assert message.status == "pending"
    assert "Send it again" not in page(operations, path)


def test_deliveries_of_one_webhook_are_a_click_away(operations):
    message, other = WebhookMessageFactory(status="failed"), WebhookMessageFactory(status="failed")
    html = page(operations, of(message.endpoint))
    [link] = re.findall(r'href="([^"]*webhookmessage/\?[^"]*status__exact=failed)"', html)
    html = page(operations, link.replace("&amp;", "&"))
    assert str(message.pk) in html
    assert str(other.pk) not in html


@pytest.mark.parametrize("role", ["Analyst", "Auditor", "Finance"])
def test_who_may_only_look_changes_nothing(role):
    client, message = as_(role), WebhookMessageFactory(status="failed")
    endpoint = message.endpoint
    html = page(client, of(endpoint))
    for button in ("Ping it", "New secret", "Delete", "Change …"):
        assert button not in html
    for name in ("edit", "rotate", "remove", "ping", "enable", "replay"):
        assert client.post(of(endpoint, name)).status_code == 403
    assert client.post(ADD).status_code == 403
    assert client.post(reverse("admin:partners_webhookmessage_replay", args=[message.pk])).status_code == 403
    assert WebhookMessage.objects.get().status == "failed"


def test_nothing_happens_by_a_get(operations):
    endpoint = WebhookMessageFactory(status="failed").endpoint
    for name in ("ping", "enable", "replay"):
        assert operations.get(of(endpoint, name)).status_code == 405
    page(operations, of(endpoint, "remove"))
    assert WebhookEndpoint.objects.get().status == "active"
    assert WebhookMessage.objects.get().status == "failed"


@pytest.mark.parametrize("path", [LIST, DELIVERIES])
def test_lists_ask_no_more_for_more_rows(operations, path):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            page(operations, path)
        return len(captured)

    WebhookMessageFactory(endpoint__partner=PartnerFactory(), endpoint__events=["records.changed"])
    before = queries()
    for _ in range(5):
        WebhookMessageFactory(endpoint__partner=PartnerFactory(), endpoint__events=["records.changed"])
    assert queries() == before
