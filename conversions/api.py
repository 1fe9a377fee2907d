"""The routes of conversions, and of touchpoints together with what they led to."""

import django_filters
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.response import Response

import touchpoints.api
from attribution_site.api.fields import Moment, Money, StrictModelSerializer
from attribution_site.api.lists import BoundaryFilter, StableOrderingFilter, YesNoFilter
from conversions import operations
from conversions.models import Conversion, with_conversion
from partners.models import opaque_id


class ConversionFilter(django_filters.FilterSet):
    min_value = django_filters.NumberFilter(field_name="value", lookup_expr="gte")
    max_value = django_filters.NumberFilter(field_name="value", lookup_expr="lte")
    start_date = BoundaryFilter(field_name="occurred_at", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="occurred_at", lookup_expr="lt")
    ordering = StableOrderingFilter(fields=[("occurred_at", "occurredAt"), ("value", "value")])

    class Meta:
        model = Conversion
        fields = ["lead_id", "type", "policy_id", "policy_number", "currency"]


class ConversionSerializer(StrictModelSerializer):
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
    optional = {name: None for name, field in serializer.fields.items() if field.allow_null}
    del optional["external_id"]
    return optional | serializer.validated_data


class TouchpointFilter(touchpoints.api.TouchpointFilter):
    converted = YesNoFilter(field_name="converted")


class TouchpointSerializer(touchpoints.api.TouchpointSerializer):
    converted = serializers.BooleanField(read_only=True)
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


class TouchpointViewSet(touchpoints.api.TouchpointViewSet):
    serializer_class = TouchpointSerializer
    filterset_class = TouchpointFilter

    def get_queryset(self):
        return with_conversion(super().get_queryset())
