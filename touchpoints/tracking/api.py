"""The route that says who a visitor is."""

from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from attribution_site.api.fields import StrictSerializer, Text
from partners.models import opaque_id
from touchpoints.tracking import operations
from touchpoints.tracking.models import VISITOR, Identity


class IdentifySerializer(StrictSerializer):
    visitor_id = Text(max_length=32, validators=[VISITOR])
    lead_id = Text(max_length=64, validators=[opaque_id])
    touchpoints_moved = serializers.IntegerField(read_only=True)


class VisitorViewSet(viewsets.GenericViewSet):
    queryset = Identity.objects.none()
    serializer_class = IdentifySerializer

    @action(detail=False, methods=["post"])
    def identify(self, request):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        identified = operations.identify(**serializer.validated_data)
        return Response(self.get_serializer(identified).data)
