"""The routes of disputes."""

from rest_framework import serializers, viewsets

from disputes.models import Dispute


class DisputeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Dispute
        fields = ["id", "number", "status"]


class DisputeViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = DisputeSerializer

    def get_queryset(self):
        return Dispute.objects.visible_to(self.request.user).order_by("-number")
