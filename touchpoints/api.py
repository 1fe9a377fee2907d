"""The routes of touchpoints, but for what they say of conversions: `conversions/api.py` adds that."""

import django_filters
from django.core.validators import ProhibitNullCharactersValidator
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from attribution_site.api.errors import described
from attribution_site.api.fields import MaskedPayees, StrictModelSerializer, StrictUUID
from attribution_site.api.lists import BoundaryFilter, KeysetPagination
from attribution_site.api.wire import Negotiation, camel
from partners.models import payee_of
from touchpoints import operations
from touchpoints.ingestion import sharing
from touchpoints.ingestion.parser import MAX_CLICK_ID, MAX_CLICK_ID_NAME, MAX_CLICK_IDS, LeanParser
from touchpoints.ingestion.sharing import Busy, SharedCommit
from touchpoints.ingestion.touch import Touch, as_json
from touchpoints.models import Channel, Touchpoint

MAX_ITEMS = 10_000


class Overloaded(APIException):
    """More comes in than can be stored. Nothing of this request was."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = sharing.OVERLOADED
    default_detail = sharing.TOO_MUCH
    wait = 1  # answered as Retry-After


class DatabaseAway(APIException):
    """Whether it was stored nobody knows where the connection broke during the commit."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_away"
    default_detail = "The database did not answer. Send it again, with an id of your own: it is then stored once."
    wait = 1


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


class RedactedField(serializers.Field):
    """The fields that something personal was taken out of, by the names that clients know."""

    def to_representation(self, value):
        return [camel(name) for name in value]


class TouchpointSerializer(MaskedPayees, StrictModelSerializer):
    id = StrictUUID(required=False)
    click_ids = ClickIdsField(required=False, allow_null=True)
    redacted = RedactedField(read_only=True)

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
            "redacted",
        ]

    def validate(self, attrs):
        if self.instance is None and "id" in attrs and "timestamp" not in attrs:
            message = "Required with an id of your own, as the two together name the touch."
            raise ValidationError({"timestamp": message}, code="required")
        if self.instance is not None and attrs.pop("id", self.instance.id) != self.instance.id:
            raise ValidationError({"id": "An id cannot change."}, code="fixed")
        return attrs


def stored(rows, payee=None):
    """What became of each row, and whether more is known of it than was sent."""
    return [(outcome, False) for outcome in operations.create_touchpoints(rows=rows, payee=payee)]


def as_answer(json, http_status):
    """An answer that is JSON already. Of no REST framework, whose renderer would take ten times as long."""
    return HttpResponse(json, content_type="application/json", status=http_status)


class TouchpointViewSet(viewsets.ModelViewSet):
    queryset = Touchpoint.objects.all()
    unread = queryset
    serializer_class = TouchpointSerializer
    filterset_class = TouchpointFilter
    pagination_class = KeysetPagination
    parser_classes = [LeanParser]
    content_negotiation_class = Negotiation
    throttle_scopes = {"create": "ingest"}
    keyset = ("-timestamp", "-id")
    shared: SharedCommit = SharedCommit(stored)
    # What this app knows nothing of, by whether the asker may read it: how the JSON of a new touch ends.
    end_of_new = {True: b"}", False: b"}"}

    def get_queryset(self):
        touchpoints = Touchpoint.objects.visible_to(self.request.user)
        if "lead_id" in self.kwargs:
            return touchpoints.filter(lead_id=self.kwargs["lead_id"])
        return touchpoints

    def create(self, request, *args, **kwargs):
        sent = request.data
        try:
            if isinstance(sent, list):
                return self._answer_each(sent)
            outcome, more_is_known = self._stored(sent if isinstance(sent, Touch) else self._checked(sent))
        except Busy as error:
            raise Overloaded from error
        except (OperationalError, InterfaceError) as error:
            raise DatabaseAway from error
        if outcome.error:
            raise outcome.error
        http_status = status.HTTP_201_CREATED if outcome.is_new else status.HTTP_200_OK
        if more_is_known or outcome.touch.redacted or not outcome.is_new:
            return self._answer(outcome.touch.id, http_status)
        # What reading it would answer, without reading it.
        return as_answer(as_json(outcome.touch)[:-1] + self.end_of_new[self._may_read()], http_status)

    def update(self, request, *args, partial=False, **kwargs):
        touchpoint = self.get_object()
        serializer = self.get_serializer(touchpoint, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        changes = serializer.validated_data if partial else _whole(serializer)
        payee = payee_of(request.user)
        operations.change_touchpoint(touchpoint_id=touchpoint.pk, changes=changes, payee=payee)
        return self._answer(touchpoint.pk)

    def perform_destroy(self, instance):
        operations.delete_touchpoint(touchpoint_id=instance.pk, payee=payee_of(self.request.user))

    def _answer(self, pk, http_status=status.HTTP_200_OK):
        """What is stored. Who may write but not read is answered what is the touch's own, and nothing of its lead."""
        touchpoints = self.get_queryset() if self._may_read() else self.unread
        return Response(self.get_serializer(touchpoints.get(pk=pk)).data, status=http_status)

    def _may_read(self):
        return self.request.user.has_perm("touchpoints.view_touchpoint")

    def _checked(self, data):
        return _touch(self.get_serializer().run_validation(data))

    def _stored(self, touch):
        payee = payee_of(self.request.user)
        if payee or connection.in_atomic_block:
            # The connection's transaction, or the rights that it has, are this request's own.
            return self.shared.write([touch], payee)[0]
        return self.shared.store(touch)

    def _answer_each(self, items):
        if len(items) > MAX_ITEMS:
            raise ValidationError(f"At most {MAX_ITEMS:,} items a call.", code="too_many")
        serializer, touches, answers = self.get_serializer(), {}, {}
        for index, item in enumerate(items):
            try:
                touches[index] = item if isinstance(item, Touch) else _touch(serializer.run_validation(item))
            except ValidationError as error:
                answers[index] = {"index": index, "errors": described(error)}
        payee = payee_of(self.request.user)
        outcomes = operations.create_touchpoints(rows=list(touches.values()), payee=payee)
        for index, outcome in zip(touches, outcomes, strict=True):
            told = {"id": outcome.touch.id} if outcome.touch else {"errors": described(outcome.error)}
            answers[index] = {"index": index, **told}
        accepted = sum(outcome.is_new for outcome in outcomes)
        rejected = sum("errors" in answer for answer in answers.values())
        answer = {
            "accepted": accepted,
            "rejected": rejected,
            "duplicates": len(items) - accepted - rejected,
            "items": [answers[index] for index in range(len(items))],
        }
        return Response(answer) if rejected else as_answer(as_json(answer), status.HTTP_200_OK)


def _touch(values):
    return Touch(**({"timestamp": timezone.now()} | values))


def _whole(serializer):
    """PUT: what the body leaves out is emptied. The time is kept, as a touch always has one."""
    optional = {name: None for name, field in serializer.fields.items() if field.allow_null and not field.read_only}
    return optional | serializer.validated_data
