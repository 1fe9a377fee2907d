"""The routes of touchpoints, but for what they say of conversions: `conversions/api.py` adds that."""

import django_filters
from django.core.validators import ProhibitNullCharactersValidator
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from attribution_site.api.errors import described
from attribution_site.api.fields import StrictModelSerializer, StrictUUID
from attribution_site.api.lists import BoundaryFilter, KeysetPagination
from touchpoints import operations
from touchpoints.models import Channel, Touchpoint

MAX_ITEMS = 10_000
MAX_CLICK_IDS = 20
MAX_CLICK_ID_NAME, MAX_CLICK_ID = 64, 512


class TouchpointFilter(django_filters.FilterSet):
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices)
    start_date = BoundaryFilter(field_name="timestamp", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = Touchpoint
        fields = [
            "lead_id",
            "session_id",
            "channel",
            "source",
            "medium",
            "campaign",
            "referral_code",
            "partner_id",
            "broker_id",
        ]


class ClickIdsField(serializers.Field):
    """A flat object of strings. Its keys are the ad platforms' words and stay as they are."""

    default_error_messages = {
        "invalid": "Give a flat object of strings.",
        "too_many": f"At most {MAX_CLICK_IDS} click ids.",
        "too_long": f"Names have 1 to {MAX_CLICK_ID_NAME} characters, values at most {MAX_CLICK_ID}.",
    }

    def to_internal_value(self, data):
        if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
            self.fail("invalid")
        if len(data) > MAX_CLICK_IDS:
            self.fail("too_many")
        if any(not 1 <= len(k) <= MAX_CLICK_ID_NAME or len(v) > MAX_CLICK_ID for k, v in data.items()):
            self.fail("too_long")
        for text in (*data.keys(), *data.values()):
            ProhibitNullCharactersValidator()(text)
            ProhibitSurrogateCharactersValidator()(text)
        return data

    def to_representation(self, value):
        return value


class TouchpointSerializer(StrictModelSerializer):
    id = StrictUUID(required=False)
    click_ids = ClickIdsField(required=False, allow_null=True)

    class Meta:
        model = Touchpoint
        fields = [
            "id",
            "lead_id",
            "session_id",
            "channel",
            "source",
            "medium",
            "campaign",
            "content",
            "term",
            "referral_code",
            "partner_id",
            "broker_id",
            "click_ids",
            "timestamp",
        ]

    def validate(self, attrs):
        if self.instance is None and "id" in attrs and "timestamp" not in attrs:
            message = "Required with an id of your own, as the two together name the touch."
            raise ValidationError({"timestamp": message}, code="required")
        if self.instance is not None and attrs.pop("id", self.instance.id) != self.instance.id:
            raise ValidationError({"id": "An id cannot change."}, code="fixed")
        return attrs


class TouchpointViewSet(viewsets.ModelViewSet):
    serializer_class = TouchpointSerializer
    filterset_class = TouchpointFilter
    pagination_class = KeysetPagination
    keyset = ("-timestamp", "-id")

    def get_queryset(self):
        touchpoints = Touchpoint.objects.visible_to(self.request.user)
        if "lead_id" in self.kwargs:
            return touchpoints.filter(lead_id=self.kwargs["lead_id"])
        return touchpoints

    def create(self, request, *args, **kwargs):
        if isinstance(request.data, list):
            return Response(self._stored_each(request.data))
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        touchpoint, is_new = operations.create_touchpoint(values=serializer.validated_data)
        http_status = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self._answer(touchpoint.pk), status=http_status)

    def update(self, request, *args, partial=False, **kwargs):
        touchpoint = self.get_object()
        serializer = self.get_serializer(touchpoint, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        changes = serializer.validated_data if partial else _whole(serializer)
        operations.change_touchpoint(touchpoint_id=touchpoint.pk, changes=changes)
        return Response(self._answer(touchpoint.pk))

    def perform_destroy(self, instance):
        operations.delete_touchpoint(touchpoint_id=instance.pk)

    def _answer(self, pk):
        return self.get_serializer(self.get_queryset().get(pk=pk)).data

    def _stored_each(self, items):
        if len(items) > MAX_ITEMS:
            raise ValidationError(f"At most {MAX_ITEMS:,} items a call.", code="too_many")
        serializer, rows, answers = self.get_serializer(), {}, {}
        for index, item in enumerate(items):
            try:
                rows[index] = serializer.run_validation(item)
            except ValidationError as error:
                answers[index] = {"index": index, "errors": described(error)}
        outcomes = dict(zip(rows, operations.create_touchpoints(rows=list(rows.values())), strict=True))
        for index, outcome in outcomes.items():
            told = {"id": outcome.touchpoint.id} if outcome.touchpoint else {"errors": described(outcome.error)}
            answers[index] = {"index": index, **told}
        accepted = sum(outcome.is_new for outcome in outcomes.values())
        rejected = sum("errors" in answer for answer in answers.values())
        return {
            "accepted": accepted,
            "rejected": rejected,
            "duplicates": len(items) - accepted - rejected,
            "items": [answers[index] for index in range(len(items))],
        }


def _whole(serializer):
    """PUT: what the body leaves out is emptied. The time is kept, as a touch always has one."""
    optional = {name: None for name, field in serializer.fields.items() if field.allow_null}
    return optional | serializer.validated_data
