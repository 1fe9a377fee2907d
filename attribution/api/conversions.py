"""The routes of conversions together with what becomes of their records."""

from django.db.models import Prefetch
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

import conversions.api
from attribution import operations
from attribution.models import Adjustment
from attribution_site.api.access import person_of
from attribution_site.api.fields import Moment, Money, StrictSerializer, Text
from attribution_site.api.lists import PageNumberPagination, check_parameters
from conversions.models import Reversal


class ReversalRequestSerializer(StrictSerializer):
    reason = serializers.ChoiceField(choices=Reversal.Reason.choices)
    amount = Money(required=False, allow_null=True)
    occurred_at = Moment(required=False, allow_null=True)
    note = Text(required=False, allow_null=True, max_length=1000)


class AdjustmentSerializer(serializers.ModelSerializer):
    attribution_id = serializers.UUIDField(source="record_id")

    class Meta:
        model = Adjustment
        fields = ["id", "attribution_id", "payee_type", "payee_id", "revenue_amount", "commission_amount"]


class ReversalSerializer(serializers.ModelSerializer):
    conversion_id = serializers.UUIDField()
    currency = serializers.CharField(source="conversion.currency")
    adjustments = AdjustmentSerializer(many=True)

    class Meta:
        model = Reversal
        fields = [
            "id",
            "conversion_id",
            "reason",
            "note",
            "amount",
            "commission_amount",
            "currency",
            "occurred_at",
            "created_at",
            "adjustments",
        ]


class ConversionViewSet(conversions.api.ConversionViewSet):
    permissions_by_action = {
        "reverse": ["conversions.add_reversal"],
        "reversals": ["conversions.view_conversion"],
    }

    @action(detail=True, methods=["post"])
    def reverse(self, request, pk):
        conversion = self.get_object()
        asked = ReversalRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        reversal = operations.reverse_conversion(
            conversion_id=conversion.pk, values=asked.validated_data, by=person_of(request.user)
        )
        answer = ReversalSerializer(self._told().get(pk=reversal.pk)).data
        return Response(answer, status=status.HTTP_201_CREATED)

    @action(detail=True)
    def reversals(self, request, pk):
        check_parameters(request, dict.fromkeys(PageNumberPagination.parameters, False))
        conversion = get_object_or_404(self.get_queryset(), pk=pk)
        page = self.paginate_queryset(self._told().filter(conversion=conversion))
        return self.get_paginated_response(ReversalSerializer(page, many=True).data)

    def _told(self):
        adjustments = Adjustment.objects.visible_to(self.request.user).order_by("id")
        return Reversal.objects.select_related("conversion").prefetch_related(Prefetch("adjustments", adjustments))
