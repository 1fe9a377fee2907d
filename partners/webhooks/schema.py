"""What the API's schema tells of webhooks."""

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes
from rest_framework import serializers

from attribution_site.api.schema.operation import Operation, PageOf
from attribution_site.api.schema.shapes import COUNT, ref, shape
from partners.webhooks.api import DeliverySerializer, RotationSerializer, SinceSerializer, WebhookSerializer
from partners.webhooks.events import EVENTS, PING
from partners.webhooks.models import WebhookEndpoint, WebhookMessage

ENUMS = {
    "WebhookEvent": [*EVENTS],
    "DeliveryEvent": [*EVENTS, PING],
    "WebhookStatus": [WebhookEndpoint.Status.ACTIVE.value, WebhookEndpoint.Status.DISABLED.value],
    "DeliveryStatus": WebhookMessage.Status.values,
}
SHAPES = {"Replayed": shape(replayed=COUNT)}
FIELDS = {
    WebhookSerializer: {"status": ref("WebhookStatus")},
    DeliverySerializer: {"event": ref("DeliveryEvent")},
}
NAMES = {RotationSerializer: "SecretRotation", SinceSerializer: "Since"}


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


ONE = "webhooks/{webhook_id}"
OF_WEBHOOK = (OpenApiParameter("webhook_id", OpenApiTypes.UUID, "path"),)
SECRET = "`secret` is in this answer and never again: it signs what is sent (Standard Webhooks)."

OPERATIONS = {
    ("GET", "webhooks"): Operation("listWebhooks", "List webhooks", {200: PageOf(WebhookSerializer)}),
    ("POST", "webhooks"): Operation(
        "createWebhook",
        "Create a webhook",
        {201: WebhookWithSecretSerializer},
        takes=WebhookSerializer,
        description=SECRET,
    ),
    ("GET", ONE): Operation("getWebhook", "Get a webhook", {200: WebhookSerializer}),
    ("PUT", ONE): Operation("replaceWebhook", "Replace a webhook", {200: WebhookSerializer}, takes=WebhookSerializer),
    ("PATCH", ONE): Operation("changeWebhook", "Change a webhook", {200: WebhookSerializer}, takes=WebhookSerializer),
    ("DELETE", ONE): Operation("deleteWebhook", "Delete a webhook", {204: None}),
    ("POST", f"{ONE}/ping"): Operation("pingWebhook", "Send a webhook a test event", {202: DeliverySerializer}),
    ("POST", f"{ONE}/rotate-secret"): Operation(
        "rotateWebhookSecret",
        "Replace a webhook's secret",
        {200: WebhookWithSecretSerializer},
        takes=RotationSerializer,
        description=f"{SECRET} For `overlapHours` both sign.",
    ),
    ("POST", f"{ONE}/enable"): Operation(
        "enableWebhook", "Enable a webhook that was switched off", {200: WebhookSerializer}
    ),
    ("POST", f"{ONE}/replay-failed"): Operation(
        "replayFailedDeliveries", "Send again what failed", {202: ref("Replayed")}, takes=SinceSerializer
    ),
    ("GET", f"{ONE}/deliveries"): Operation(
        "listDeliveries",
        "List what was sent to a webhook, the newest first",
        {200: PageOf(DeliverySerializer)},
        parameters=OF_WEBHOOK,
    ),
    ("GET", f"{ONE}/deliveries/{{id}}"): Operation(
        "getDelivery", "Get a delivery", {200: DeliverySerializer}, parameters=OF_WEBHOOK
    ),
    ("POST", f"{ONE}/deliveries/{{id}}/replay"): Operation(
        "replayDelivery", "Send a delivery again", {202: DeliverySerializer}, parameters=OF_WEBHOOK
    ),
}
