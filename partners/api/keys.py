"""The routes of API keys: of all of them for administrators, of their own for partners and brokers."""

import datetime as dt

import django_filters
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from attribution_site.api.fields import Number, StrictModelSerializer, StrictSerializer, Text
from attribution_site.api.lists import StableOrderingFilter
from partners import operations
from partners.models import ApiKey, Scope, opaque_id

# The answer that has the key in it is for the one who asked: nothing between us may keep it.
SHOWN_ONCE = {"Cache-Control": "no-store"}


class KeyFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(field_name="state", choices=ApiKey.State.choices)
    scope = django_filters.ChoiceFilter(method="with_scope", choices=Scope.choices)
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=100)
    ordering = StableOrderingFilter(
        fields=[
            ("name", "name"),
            ("created_at", "createdAt"),
            ("expires_at", "expiresAt"),
            ("last_used_at", "lastUsedAt"),
        ]
    )

    # By text: a choice among the partners would tell which there are.
    partner_id = django_filters.CharFilter(max_length=64)
    broker_id = django_filters.CharFilter(max_length=64)

    class Meta:
        model = ApiKey
        fields: list[str] = []

    def with_scope(self, queryset, name, value):
        return queryset.filter(scopes__contains=[value])


class KeySerializer(StrictModelSerializer):
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), allow_empty=False, max_length=50)
    partner_id = Text(required=False, allow_null=True, validators=[opaque_id])
    broker_id = Text(required=False, allow_null=True, validators=[opaque_id])
    status = serializers.ChoiceField(ApiKey.State.choices, source="state", read_only=True)
    replaced_by = serializers.UUIDField(source="replaced_by_id", read_only=True)

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "partner_id",
            "broker_id",
            "status",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "replaced_by",
        ]

    def validate(self, attrs):
        bound = {name: attrs.pop(name, None) for name in ("partner_id", "broker_id")}
        if all(bound.values()):
            message = "A key is of a partner or of a broker, not of both."
            raise ValidationError({"broker_id": message}, code="one_payee")
        attrs["payee"] = next(((name.removesuffix("_id"), pk) for name, pk in bound.items() if pk), None)
        return attrs


class RotationSerializer(StrictSerializer):
    overlap_hours = Number(max_digits=5, decimal_places=0, required=False)


class KeyViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = ApiKey.objects.all()
    serializer_class = KeySerializer
    filterset_class = KeyFilter
    permissions_by_action = {
        "create": ["partners.view_apikey", "partners.add_apikey"],
        "rotate": ["partners.view_apikey", "partners.add_apikey"],
        "revoke": ["partners.view_apikey", "partners.change_apikey"],
    }

    def get_queryset(self):
        return ApiKey.objects.visible_to(self.request.user).with_state().order_by("-id")

    def create(self, request):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self._shown_once(*operations.create_key(**serializer.validated_data, created_by=request.user))

    @action(detail=True, methods=["post"])
    def rotate(self, request, pk):
        old = self.get_object()
        serializer = RotationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        hours = serializer.validated_data.get("overlap_hours")
        overlap = operations.OVERLAP if hours is None else dt.timedelta(hours=int(hours))
        return self._shown_once(*operations.rotate_key(key_id=old.pk, overlap=overlap, created_by=request.user))

    @action(detail=True, methods=["post"])
    def revoke(self, request, pk):
        operations.revoke_key(key_id=self.get_object().pk)
        return Response(self.get_serializer(self.get_object()).data)

    def _shown_once(self, stored, key):
        answer = self.get_serializer(self.get_queryset().get(pk=stored.pk)).data
        return Response({**answer, "key": key}, status=status.HTTP_201_CREATED, headers=SHOWN_ONCE)
