"""The routes of partners and brokers."""

import django_filters
from rest_framework import viewsets

from attribution_site.api.fields import StrictModelSerializer
from partners.models import Broker, Partner

FIELDS = [
    "id",
    "name",
    "status",
    "contact_name",
    "contact_email",
    "contact_phone",
    "created_at",
    "updated_at",
]


class PartnerFilter(django_filters.FilterSet):
    class Meta:
        model = Partner
        fields = ["status"]


class BrokerFilter(django_filters.FilterSet):
    class Meta:
        model = Broker
        fields = ["status"]


class PartnerSerializer(StrictModelSerializer):
    class Meta:
        model = Partner
        fields = FIELDS


class BrokerSerializer(StrictModelSerializer):
    class Meta:
        model = Broker
        fields = FIELDS


class PartnerViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = PartnerSerializer
    filterset_class = PartnerFilter
    lookup_value_regex = "[^/]+"

    def get_queryset(self):
        return Partner.objects.visible_to(self.request.user).order_by("name", "id")


class BrokerViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = BrokerSerializer
    filterset_class = BrokerFilter
    lookup_value_regex = "[^/]+"

    def get_queryset(self):
        return Broker.objects.visible_to(self.request.user).order_by("name", "id")
