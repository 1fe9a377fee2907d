"""The routes of attribution records."""

import django_filters
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from attribution import operations
from attribution.api import explanations
from attribution.blurring import blurred
from attribution.models import Adjustment, AttributionRecord, with_net
from attribution_site.api.access import person_of
from attribution_site.api.fields import MaskedPayees, Moment, Money, Number, StrictSerializer, Text
from attribution_site.api.lists import BoundaryFilter, KeysetPagination
from attribution_site.isolation import as_owner
from partners.models import opaque_id, payee_of


class RecordFilter(django_filters.FilterSet):
    run_id = django_filters.UUIDFilter(field_name="run_id")
    start_date = BoundaryFilter(method="filter_start", lookup_expr="gte")
    end_date = BoundaryFilter(method="filter_end", lookup_expr="lt")

    class Meta:
        model = AttributionRecord
        fields = [
            "lead_id",
            "conversion_id",
            "touchpoint_id",
            "model",
            "channel",
            "status",
            "partner_id",
            "broker_id",
            "campaign_id",
        ]

    def filter_start(self, queryset, name, value):
        return queryset.since(value)

    def filter_end(self, queryset, name, value):
        return queryset.before(value)


class RecordSerializer(MaskedPayees, serializers.ModelSerializer):
    credit = Number(max_digits=11, decimal_places=10)
    percentage = Number(max_digits=11, decimal_places=8)
    config_version = serializers.IntegerField(source="config.version")
    net_credit = Number(read_only=True, max_digits=11, decimal_places=10)
    net_revenue = Money(read_only=True, help_text="revenueAttributed with the record's adjustments.")
    net_commission = Money(read_only=True, help_text="commissionAmount with the record's adjustments.")
    training_id = serializers.UUIDField()
    fallback = serializers.CharField()
    settled = serializers.BooleanField(help_text="A dispute's resolution set this share.")

    class Meta:
        model = AttributionRecord
        fields = [
            "id",
            "lead_id",
            "conversion_id",
            "touchpoint_id",
            "channel",
            "source",
            "campaign_id",
            "model",
            "config_version",
            "training_id",
            "fallback",
            "credit",
            "percentage",
            "currency",
            "revenue_attributed",
            "commission_amount",
            "net_credit",
            "net_revenue",
            "net_commission",
            "partner_id",
            "broker_id",
            "payee_type",
            "payee_id",
            "payable",
            "status",
            "touched_at",
            "occurred_at",
            "conversion_type",
            "position",
            "journey_length",
            "part",
            "settled",
            "run_id",
            "calculated_at",
        ]


class RecordAdjustmentSerializer(serializers.ModelSerializer):
    """`reason`: of a reversal its own, else `settlement`: a dispute was."""

    reason = serializers.CharField(source="cause")
    occurred_at = Moment(source="caused_at")
    credit = Number(max_digits=11, decimal_places=10)

    class Meta:
        model = Adjustment
        fields = [
            *("id", "kind", "reason", "occurred_at", "credit", "revenue_amount", "commission_amount", "created_at"),
        ]


class RecordDetailSerializer(RecordSerializer):
    """With what was added to it or taken from it, and why."""

    adjustments = RecordAdjustmentSerializer(many=True)

    class Meta(RecordSerializer.Meta):
        fields = [*RecordSerializer.Meta.fields, "adjustments"]


def plain(record):
    """What RecordSerializer answers, for answers that hold very many records: ten times as fast."""
    return {name: getattr(record, name) for name in RecordSerializer.Meta.fields if name != "config_version"} | {
        "config_version": record.config.version
    }


class RecordChangeSerializer(StrictSerializer):
    """Status and payee can change, with a reason. `partnerId` and `brokerId` are facts of the touch."""

    status = serializers.ChoiceField(choices=AttributionRecord.Status.choices, required=False)
    payee_type = serializers.ChoiceField(choices=AttributionRecord.Payee.choices, required=False)
    payee_id = Text(required=False, allow_null=True, max_length=64, validators=[opaque_id])
    reason = Text(max_length=1000)

    def validate(self, attrs):
        payee_type, payee_id = attrs.get("payee_type"), attrs.get("payee_id")
        if "status" not in attrs and "payee_type" not in attrs:
            raise ValidationError("Give a status or a payeeType: there is nothing else to change.")
        if payee_type in {"partner", "broker"} and not payee_id:
            raise ValidationError({"payee_id": f"Which {payee_type}?"}, code="required")
        if payee_type not in {"partner", "broker"} and payee_id:
            raise ValidationError({"payee_id": "Only with the payeeType partner or broker."})
        return attrs


class RecordViewSet(mixins.UpdateModelMixin, viewsets.ReadOnlyModelViewSet):
    serializer_class = RecordSerializer
    filterset_class = RecordFilter
    pagination_class = KeysetPagination
    # An id begins with the time of its conversion: this is the latest first, and the index is the key's own.
    keyset = ("-id",)

    def retrieve(self, request, *args, **kwargs):
        return Response(self._detail())

    def _detail(self):
        record = self.get_object()
        # Why its conversion was reversed may know whoever has a share in it; the reversal is the house's row.
        with as_owner():
            record.adjustments = list(Adjustment.objects.filter(record_id=record.pk).select_related("reversal"))
            return RecordDetailSerializer(record, context=self.get_serializer_context()).data

    def get_queryset(self):
        return with_net(AttributionRecord.objects.visible_to(self.request.user)).select_related("config")

    def update(self, request, *args, partial=False, **kwargs):
        record = self.get_object()
        asked = RecordChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        operations.change_record(record_id=record.pk, by=person_of(request.user), **asked.validated_data)
        return Response(self._detail())

    @action(detail=True)
    def explain(self, request, pk):
        record = self.get_object()
        # Sharing needs the whole journey, the others' touches too; what is told of those is blurred at once.
        with as_owner():
            told = operations.explain(record_id=record.pk)
        payee = payee_of(request.user)
        return Response(explanations.answer(blurred(told, payee=payee) if payee else told))
