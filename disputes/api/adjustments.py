"""The route of adjustments: what was added to decided records, or taken from them, and by what."""

import django_filters
from django.db.models import OuterRef, Subquery
from rest_framework import mixins, serializers, viewsets

from attribution.models import Adjustment
from attribution_site.api.fields import Number
from attribution_site.api.lists import BoundaryFilter, KeysetPagination
from disputes.models import Dispute


class AdjustmentFilter(django_filters.FilterSet):
    attribution_id = django_filters.UUIDFilter(field_name="record_id")
    conversion_id = django_filters.UUIDFilter()
    kind = django_filters.ChoiceFilter(choices=Adjustment.Kind.choices)
    partner_id = django_filters.CharFilter(method="of_payee", max_length=64)
    broker_id = django_filters.CharFilter(method="of_payee", max_length=64)
    start_date = BoundaryFilter(field_name="created_at", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Adjustment
        fields: list[str] = []

    def of_payee(self, queryset, name, value):
        return queryset.filter(payee_type=name.removesuffix("_id"), payee_id=value)


class BookedAdjustmentSerializer(serializers.ModelSerializer):
    """`disputeId` and `number` of the dispute that was settled, where the asker takes part in it."""

    attribution_id = serializers.UUIDField(source="record_id")
    credit = Number(max_digits=11, decimal_places=10)
    dispute_id = serializers.UUIDField(allow_null=True)
    dispute_number = serializers.IntegerField(allow_null=True)
    reversal_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = Adjustment
        fields = [
            *("id", "kind", "attribution_id", "conversion_id", "payee_type", "payee_id", "currency"),
            *("credit", "revenue_amount", "commission_amount"),
            *("dispute_id", "dispute_number", "reversal_id", "created_at"),
        ]


class AdjustmentViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    queryset = Adjustment.objects.all()
    serializer_class = BookedAdjustmentSerializer
    filterset_class = AdjustmentFilter
    pagination_class = KeysetPagination
    keyset = ("-id",)

    def get_queryset(self):
        settled = Dispute.objects.visible_to(self.request.user).filter(settlement=OuterRef("settlement_id")).order_by()
        return Adjustment.objects.visible_to(self.request.user).annotate(
            dispute_id=Subquery(settled.values("pk")), dispute_number=Subquery(settled.values("number"))
        )
