"""The routes of conversions, and of touchpoints together with what they led to."""

from contextlib import nullcontext

import django_filters
import psycopg
from django.db import connection
from django.db.models import BooleanField, CharField, DateTimeField, DecimalField, Value
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.response import Response

import touchpoints.api
import touchpoints.operations
from attribution_site.api.fields import Moment, Money, StrictModelSerializer
from attribution_site.api.lists import BoundaryFilter, StableOrderingFilter, YesNoFilter
from attribution_site.isolation import as_owner
from conversions import operations
from conversions.models import Conversion, converted_only, with_conversion
from partners.models import opaque_id, payee_of
from touchpoints.ingestion.sharing import SharedCommit


class ConversionFilter(django_filters.FilterSet):
    min_value = django_filters.NumberFilter(field_name="value", lookup_expr="gte")
    max_value = django_filters.NumberFilter(field_name="value", lookup_expr="lte")
    start_date = BoundaryFilter(field_name="occurred_at", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="occurred_at", lookup_expr="lt")
    reversed = YesNoFilter(method="filter_reversed")
    ordering = StableOrderingFilter(fields=[("occurred_at", "occurredAt"), ("value", "value")])

    class Meta:
        model = Conversion
        fields = ["lead_id", "type", "policy_id", "policy_number", "currency"]

    def filter_reversed(self, queryset, name, value):
        return queryset.reversed(value == "true")


class ConversionSerializer(StrictModelSerializer):
    reversed = serializers.BooleanField(source="is_reversed", read_only=True)
    remaining_value = Money(read_only=True)
    remaining_commission = Money(read_only=True, allow_null=True)

    class Meta:
        model = Conversion
        fields = [
            "id",
            "external_id",
            "lead_id",
            "type",
            "value",
            "currency",
            "policy_id",
            "policy_number",
            "commission_rate",
            "commission_amount",
            "occurred_at",
            "reversed",
            "reversed_amount",
            "reversed_commission",
            "remaining_value",
            "remaining_commission",
            "created_at",
            "updated_at",
        ]
        # Sending one again is no error here: the operation compares, and answers with what is stored.
        extra_kwargs = {"external_id": {"validators": [opaque_id]}}


class ConversionViewSet(mixins.CreateModelMixin, mixins.UpdateModelMixin, viewsets.ReadOnlyModelViewSet):
    serializer_class = ConversionSerializer
    filterset_class = ConversionFilter

    def get_queryset(self):
        return Conversion.objects.visible_to(self.request.user).order_by("-occurred_at", "-id")

    def create(self, request, *args, **kwargs):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        conversion, is_new = operations.create_conversion(values=serializer.validated_data)
        http_status = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(conversion).data, status=http_status)

    def update(self, request, *args, partial=False, **kwargs):
        conversion = self.get_object()
        serializer = self.get_serializer(conversion, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        changes = serializer.validated_data if partial else _whole(serializer)
        conversion = operations.change_conversion(conversion_id=conversion.pk, changes=changes)
        return Response(self.get_serializer(conversion).data)


def _whole(serializer):
    """PUT: what the body leaves out is emptied. What names the conversion (its time, its external id) is
    kept, as is the currency."""
    optional = {name: None for name, field in serializer.fields.items() if field.allow_null and not field.read_only}
    del optional["external_id"]
    return optional | serializer.validated_data


class TouchpointFilter(touchpoints.api.TouchpointFilter):
    converted = YesNoFilter(method="filter_converted")

    def filter_converted(self, queryset, name, value):
        # Of a partner's or broker's touches there are few, and of conversions it sees those of its leads.
        if value == "true" and payee_of(self.request.user) is None:
            return converted_only(queryset)
        return queryset.filter(converted=value == "true")


class TouchpointSerializer(touchpoints.api.TouchpointSerializer):
    # All of them are null to a key that may write touches and not read: they tell of the lead, not of the touch.
    converted = serializers.BooleanField(read_only=True, allow_null=True)
    conversion_value = Money(read_only=True)
    conversion_currency = serializers.CharField(read_only=True)
    conversion_timestamp = Moment(read_only=True)

    class Meta(touchpoints.api.TouchpointSerializer.Meta):
        fields = [
            *touchpoints.api.TouchpointSerializer.Meta.fields,
            "converted",
            "conversion_value",
            "conversion_currency",
            "conversion_timestamp",
        ]


NO_CONVERSION = b'"conversionValue":null,"conversionCurrency":null,"conversionTimestamp":null}'
FOLLOWED = "SELECT DISTINCT lead_id FROM conversions_conversion WHERE lead_id = ANY(%s) AND occurred_at >= %s"


def stored(rows, payee=None):
    """What became of each touch, and whether a conversion of its lead may follow it: looked up once for all of them,
    and before they are stored. Afterwards a look that fails would hide from their senders that they are."""
    with as_owner() if payee else nullcontext():
        followed = _followed(rows)
    outcomes = touchpoints.operations.create_touchpoints(rows=rows, payee=payee)
    return [(outcome, row.lead_id in followed) for row, outcome in zip(rows, outcomes, strict=True)]


def _followed(rows):
    """Those of the leads that have a conversion after the earliest of the touches."""
    touchpoints.operations.make_ready()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(FOLLOWED, [[row.lead_id for row in rows], min(row.timestamp for row in rows)], prepare=True)
        return {lead_id for (lead_id,) in cursor}


class TouchpointViewSet(touchpoints.api.TouchpointViewSet):
    serializer_class = TouchpointSerializer
    filterset_class = TouchpointFilter
    unread = touchpoints.api.TouchpointViewSet.queryset.annotate(
        converted=Value(None, BooleanField()),
        conversion_value=Value(None, DecimalField()),
        conversion_currency=Value(None, CharField()),
        conversion_timestamp=Value(None, DateTimeField()),
    )
    shared = SharedCommit(stored)
    end_of_new = {True: b',"converted":false,' + NO_CONVERSION, False: b',"converted":null,' + NO_CONVERSION}

    def get_queryset(self):
        return with_conversion(super().get_queryset(), told_before=payee_of(self.request.user) is not None)
