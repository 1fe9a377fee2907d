"""The routes of partners and brokers."""

from collections.abc import Mapping

import django_filters
from django.db.models import Q
from rest_framework import status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from attribution_site.api.bulk import store_each
from attribution_site.api.fields import StrictModelSerializer
from attribution_site.api.lists import StableOrderingFilter
from attribution_site.api.wire import camel
from partners import operations
from partners.models import Broker, Partner, Payee, opaque_id

MAX_ITEMS = 1000
CONTACT = ("contact_name", "contact_email", "contact_phone")
FIELDS = ["id", "name", "status", *CONTACT, "created_at", "updated_at"]
ORDERINGS = [("name", "name"), ("id", "id"), ("created_at", "createdAt"), ("updated_at", "updatedAt")]


class PayeeFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="with_words", max_length=200)
    ordering = StableOrderingFilter(fields=ORDERINGS)

    def with_words(self, queryset, name, value):
        return queryset.filter(Q(name__icontains=value) | Q(id__icontains=value))


class PartnerFilter(PayeeFilter):
    class Meta:
        model = Partner
        fields = ["status"]


class BrokerFilter(PayeeFilter):
    class Meta:
        model = Broker
        fields = ["status"]


class PayeeSerializer(StrictModelSerializer):
    class Meta:
        fields = FIELDS
        # Sending an id again is no error: the operation changes what is stored. It knows when a name is needed.
        extra_kwargs = {
            "id": {"validators": [opaque_id]},
            "name": {"required": False},
            **{name: {"allow_null": True} for name in CONTACT},
        }

    def validate(self, attrs):
        return {name: "" if value is None else value for name, value in attrs.items()}

    def to_representation(self, instance):
        values = super().to_representation(instance)
        return values | {name: values[name] or None for name in CONTACT}


class PartnerSerializer(PayeeSerializer):
    class Meta(PayeeSerializer.Meta):
        model = Partner


class BrokerSerializer(PayeeSerializer):
    class Meta(PayeeSerializer.Meta):
        model = Broker


class PayeeViewSet(viewsets.ReadOnlyModelViewSet):
    """Whoever adds may change as well, and the other way round: both are one upsert."""

    model: type[Payee]
    lookup_value_regex = "[^/]+"

    @property
    def permissions_by_action(self):
        name = self.model._meta.model_name
        needed = [f"partners.{verb}_{name}" for verb in ("view", "add", "change")]
        return dict.fromkeys(["create", "replace", "update", "partial_update"], needed)

    def get_queryset(self):
        return self.model.objects.visible_to(self.request.user).order_by("name", "id")

    def create(self, request):
        if isinstance(request.data, list):
            return Response(self._saved_each(request.data))
        return self._saved(request.data)

    def replace(self, request):
        """PUT of one or many, each under the id in it."""
        if isinstance(request.data, list):
            return Response(self._saved_each([_whole(item) for item in request.data]))
        return self._saved(_whole(request.data))

    def update(self, request, pk):
        return self._saved(_whole(self._of(request.data, pk)))

    def partial_update(self, request, pk):
        payee = self.get_object()
        serializer = self.get_serializer(data=self._of(request.data, pk))
        serializer.is_valid(raise_exception=True)
        changed = operations.change_payee(model=self.model, payee_id=payee.pk, changes=serializer.validated_data)
        return Response(self.get_serializer(changed).data)

    def _of(self, body, pk):
        """The body, with the id that the path has."""
        if not isinstance(body, Mapping):
            raise ValidationError("Give one object.", code="invalid")
        if body.get("id", pk) != pk:
            raise ValidationError({"id": "An id cannot change."}, code="fixed")
        return {**body, "id": pk}

    def _saved(self, body):
        serializer = self.get_serializer(data=body)
        serializer.is_valid(raise_exception=True)
        payee, is_new = operations.save_payee(model=self.model, values=serializer.validated_data)
        http_status = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(payee).data, status=http_status)

    def _saved_each(self, items):
        def store(rows):
            return operations.save_payees(model=self.model, rows=rows)

        return store_each(items, most=MAX_ITEMS, serializer=self.get_serializer(), store=store)


def _whole(body):
    """PUT is an upsert too, but the contact that the body leaves out is emptied."""
    return {**dict.fromkeys(map(camel, CONTACT)), **body} if isinstance(body, Mapping) else body


class PartnerViewSet(PayeeViewSet):
    model, queryset = Partner, Partner.objects.all()
    serializer_class = PartnerSerializer
    filterset_class = PartnerFilter


class BrokerViewSet(PayeeViewSet):
    model, queryset = Broker, Broker.objects.all()
    serializer_class = BrokerSerializer
    filterset_class = BrokerFilter
