"""The routes of webhooks: of all of them for the house, of their own for partners and brokers."""

import datetime as dt

import django_filters
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from attribution_site.api.access import person_of
from attribution_site.api.fields import Moment, Number, StrictModelSerializer, StrictSerializer, Text
from attribution_site.api.lists import BoundaryFilter, KeysetPagination, check_parameters
from partners.models import Broker, Partner, opaque_id, payee_of
from partners.webhooks import operations
from partners.webhooks.events import EVENTS, PING
from partners.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage

SHOWN_ONCE = {"Cache-Control": "no-store"}
PAYEES = {"partner_id": Partner, "broker_id": Broker}


class WebhookFilter(django_filters.FilterSet):
    # By text: a choice among the partners would tell which there are.
    partner_id = django_filters.CharFilter(max_length=64)
    broker_id = django_filters.CharFilter(max_length=64)
    status = django_filters.ChoiceFilter(choices=[("active", "active"), ("disabled", "disabled")])

    class Meta:
        model = WebhookEndpoint
        fields: list[str] = []


class WebhookSerializer(StrictModelSerializer):
    events = serializers.ListField(child=serializers.ChoiceField(list(EVENTS)), allow_empty=False, max_length=50)
    description = Text(required=False, allow_null=True, max_length=200)
    partner_id = Text(required=False, allow_null=True, validators=[opaque_id])
    broker_id = Text(required=False, allow_null=True, validators=[opaque_id])
    status = serializers.CharField(read_only=True)

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id",
            "url",
            "description",
            "events",
            "partner_id",
            "broker_id",
            "status",
            "failing_since",
            "disabled_at",
            "disabled_reason",
            "created_at",
        ]

    def validate_description(self, value):
        return value or ""

    def validate(self, attrs):
        named = {name: pk for name in PAYEES if (pk := attrs.pop(name, None))}
        if self.instance is None:
            attrs["payee"] = self._payee(named)
        elif any(getattr(self.instance, name) != pk for name, pk in named.items()):
            raise ValidationError(dict.fromkeys(named, "A webhook stays whose it is."), code="fixed")
        return attrs

    def _payee(self, named):
        """Whose the new webhook is: the asker's, or the one's that somebody of the house names."""
        if len(named) > 1:
            message = "A webhook is of a partner or of a broker, not of both."
            raise ValidationError({"broker_id": message}, code="one_payee")
        own = payee_of(self.context["request"].user)
        for name, pk in named.items():
            kind = name.removesuffix("_id")
            known = (kind, pk) == tuple(own) if own else PAYEES[name].objects.filter(pk=pk).exists()
            if not known:
                raise ValidationError({name: f"There is no {kind} {pk}."}, code="does_not_exist")
            return kind, pk
        return tuple(own) if own else None


class RotationSerializer(StrictSerializer):
    overlap_hours = Number(max_digits=3, decimal_places=0, min_value=0, required=False)


class SinceSerializer(StrictSerializer):
    since = Moment(required=False)


class AttemptSerializer(serializers.ModelSerializer):
    at = Moment()

    class Meta:
        model = WebhookAttempt
        fields = ["at", "status_code", "duration_ms", "error", "answer"]


class DeliverySerializer(StrictModelSerializer):
    attempts = serializers.IntegerField(read_only=True)
    log = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = WebhookMessage
        fields = [
            "id",
            "event",
            "status",
            "attempts",
            "next_attempt_at",
            "created_at",
            "delivered_at",
            "body",
            "log",
        ]


class DeliveryFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=WebhookMessage.Status.choices)
    event = django_filters.ChoiceFilter(choices=[(name, name) for name in [*EVENTS, PING]])
    start_date = BoundaryFilter(field_name="created_at", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = WebhookMessage
        fields: list[str] = []


VIEW = ["partners.view_webhookendpoint"]
CHANGE = [*VIEW, "partners.change_webhookendpoint"]


class WebhookViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, viewsets.ReadOnlyModelViewSet):
    queryset = WebhookEndpoint.objects.all()
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    lookup_url_kwarg = "webhook_id"
    permissions_by_action = dict.fromkeys(["ping", "rotate_secret", "enable", "replay_failed"], CHANGE)
    # Each makes us knock at somebody's door.
    throttle_scopes = {"ping": "work", "replay_failed": "work"}

    def get_queryset(self):
        return WebhookEndpoint.objects.visible_to(self.request.user).order_by("-id")

    def create(self, request):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        endpoint, secret = operations.create_endpoint(**serializer.validated_data, created_by=person_of(request.user))
        return self._with_secret(endpoint, secret, status.HTTP_201_CREATED)

    def update(self, request, webhook_id, partial=False):
        endpoint = self.get_object()
        serializer = self.get_serializer(endpoint, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        emptied = {} if partial else {"description": ""}
        changes = emptied | serializer.validated_data
        return self._told(operations.change_endpoint(endpoint_id=endpoint.pk, changes=changes))

    def partial_update(self, request, webhook_id):
        return self.update(request, webhook_id, partial=True)

    def perform_destroy(self, instance):
        operations.delete_endpoint(endpoint_id=instance.pk)

    @action(detail=True, methods=["post"])
    def ping(self, request, webhook_id):
        message = operations.ping(endpoint_id=self.get_object().pk)
        return Response(DeliverySerializer(message).data, status=status.HTTP_202_ACCEPTED)

    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request, webhook_id):
        endpoint = self.get_object()
        hours = self._asked(RotationSerializer).get("overlap_hours")
        overlap = operations.OVERLAP if hours is None else dt.timedelta(hours=int(hours))
        return self._with_secret(*operations.rotate_secret(endpoint_id=endpoint.pk, overlap=overlap))

    @action(detail=True, methods=["post"])
    def enable(self, request, webhook_id):
        return self._told(operations.enable_endpoint(endpoint_id=self.get_object().pk))

    @action(detail=True, methods=["post"], url_path="replay-failed")
    def replay_failed(self, request, webhook_id):
        endpoint = self.get_object()
        since = self._asked(SinceSerializer).get("since")
        replayed = operations.replay_failed(endpoint_id=endpoint.pk, since=since)
        return Response({"replayed": replayed}, status=status.HTTP_202_ACCEPTED)

    def _asked(self, serializer_class):
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def _told(self, endpoint):
        return Response(self.get_serializer(endpoint).data)

    def _with_secret(self, endpoint, secret, http_status=status.HTTP_200_OK):
        answer = self.get_serializer(endpoint).data
        return Response({**answer, "secret": secret}, status=http_status, headers=SHOWN_ONCE)


class DeliveryViewSet(viewsets.ReadOnlyModelViewSet):
    """What was sent to one webhook, or waits to be: the newest first, each with its attempts."""

    queryset = WebhookMessage.objects.all()
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    pagination_class = KeysetPagination
    keyset = ("-id",)
    # Who may see a webhook may see what it was sent.
    permissions_by_action = {"list": VIEW, "retrieve": VIEW, "replay": CHANGE}
    throttle_scopes = {"replay": "work"}

    def get_queryset(self):
        endpoints = WebhookEndpoint.objects.visible_to(self.request.user)
        endpoint = get_object_or_404(endpoints, pk=self.kwargs["webhook_id"])
        deliveries = WebhookMessage.objects.visible_to(self.request.user).filter(endpoint=endpoint)
        return deliveries.order_by("-id").prefetch_related("log")

    def replay(self, request, webhook_id, pk):
        check_parameters(request, {})
        message = operations.replay_message(message_id=self.get_object().pk)
        return Response(self.get_serializer(message).data, status=status.HTTP_202_ACCEPTED)
