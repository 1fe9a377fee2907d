"""The routes of payouts: for its payee what is decided, for the house all, and the steps that people take."""

import django_filters
from django.contrib.auth import get_user_model
from django.db.models import OuterRef, Subquery
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from attribution_site.api.access import person_of
from attribution_site.api.fields import Moment, Money, StrictSerializer, Text
from attribution_site.api.lists import BoundaryFilter, KeysetPagination
from conversions import currencies
from partners.models import payee_of
from payouts import operations
from payouts.models import Entry, Payout, PayoutLine, Status

VIEW = "payouts.view_payout"
LINES_TOLD = 1000


class PayoutFilter(django_filters.FilterSet):
    number = django_filters.NumberFilter()
    status = django_filters.ChoiceFilter(choices=Status.choices)
    currency = django_filters.CharFilter(validators=[currencies.known])
    partner_id = django_filters.CharFilter(method="of_payee")
    broker_id = django_filters.CharFilter(method="of_payee")
    start_date = BoundaryFilter(field_name="prepared_at", lookup_expr="gte")
    end_date = BoundaryFilter(field_name="prepared_at", lookup_expr="lt")

    class Meta:
        model = Payout
        fields: list[str] = []

    def of_payee(self, queryset, name, value):
        return queryset.filter(payee_type=name.removesuffix("_id"), payee_id=value)


class PayoutSerializer(serializers.ModelSerializer):
    """Who prepared it is told to the house alone."""

    prepared_by = serializers.SerializerMethodField()

    class Meta:
        model = Payout
        fields = [
            *("id", "number", "payee_type", "payee_id", "currency", "period_start", "period_end", "status", "method"),
            *("total", "line_count", "lines_hash", "approvals_needed", "prepared_by", "prepared_at", "approved_at"),
            *("paid_at", "payment_reference", "voided_at", "void_reason"),
        ]

    def get_prepared_by(self, payout) -> str | None:
        return None if payee_of(self.context["request"].user) else payout.prepared_by_name


class PayoutLineSerializer(serializers.Serializer):
    """`share`: of the conversion's commission; `working`: how the terms made the amount of it."""

    entry_id = serializers.UUIDField()
    kind = serializers.ChoiceField(Entry.Kind.choices)
    amount = Money()
    booked_at = Moment()
    attribution_id = serializers.UUIDField(allow_null=True)
    conversion_id = serializers.UUIDField(allow_null=True)
    lead_id = serializers.CharField(allow_null=True)
    share = Money(allow_null=True)
    note = serializers.CharField()
    working = serializers.JSONField()


class PayoutDetailSerializer(PayoutSerializer):
    """With its lines, the first thousand; all of them are on the statement."""

    lines = PayoutLineSerializer(many=True)

    class Meta(PayoutSerializer.Meta):
        fields = [*PayoutSerializer.Meta.fields, "lines"]


class PayoutApprovalSerializer(StrictSerializer):
    lines_hash = Text(max_length=64, help_text="Of the payout that you looked at: what it pays, you approve.")


class PaymentSerializer(StrictSerializer):
    paid_at = Moment(required=False, help_text="By the bank. Left out: now.")
    reference = Text(max_length=140, required=False, help_text="The bank's.")


class PayoutVoidSerializer(StrictSerializer):
    reason = Text(max_length=500)
    bank_did_not_pay = serializers.BooleanField(required=False, help_text="Of one that is in a bank file.")


class PayoutViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Payout.objects.all()
    serializer_class = PayoutSerializer
    filterset_class = PayoutFilter
    pagination_class = KeysetPagination
    keyset = ("-number",)
    permissions_by_action = {
        "approve": [VIEW, "payouts.approve_payout"],
        **{key: [VIEW, "payouts.change_payout"] for key in ["pay", "void"]},
    }

    def get_queryset(self):
        rows = Payout.objects.visible_to(self.request.user)
        if payee_of(self.request.user):
            return rows
        people = get_user_model().objects.filter(pk=OuterRef("prepared_by_id"))
        return rows.annotate(prepared_by_name=Subquery(people.values("username")))

    def retrieve(self, request, pk):
        return Response(self._detail(self.get_object()))

    @action(detail=True, methods=["post"])
    def approve(self, request, pk):
        return self._done(operations.approve_payout, PayoutApprovalSerializer)

    @action(detail=True, methods=["post"])
    def pay(self, request, pk):
        return self._done(operations.mark_paid, PaymentSerializer)

    @action(detail=True, methods=["post"])
    def void(self, request, pk):
        return self._done(operations.void_payout, PayoutVoidSerializer)

    def _done(self, operation, serializer_class):
        person = person_of(self.request.user)
        if person is None:
            raise PermissionDenied("A person signs for this: sign in, a key is not enough.")
        payout = self.get_object()
        asked = serializer_class(data=self.request.data)
        asked.is_valid(raise_exception=True)
        operation(payout_id=payout.pk, by=person, **asked.validated_data)
        return Response(self._detail(self.get_object()))

    def _detail(self, payout):
        lines = PayoutLine.objects.filter(payout=payout).order_by("entry_id")
        held = lines if payout.status == Status.VOID else lines.filter(live=True)
        entries = Entry.objects.in_bulk(list(held.values_list("entry_id", flat=True)[:LINES_TOLD]))
        payout.lines_told = [_line(entries[pk]) for pk in sorted(entries)]
        data = PayoutSerializer(payout, context=self.get_serializer_context()).data
        return data | {"lines": PayoutLineSerializer(payout.lines_told, many=True).data}


def _line(entry):
    names = ("kind", "amount", "booked_at", "conversion_id", "lead_id", "share", "note", "working")
    return {name: getattr(entry, name) for name in names} | {"entry_id": entry.pk, "attribution_id": entry.record_id}
