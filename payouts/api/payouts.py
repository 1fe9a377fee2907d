"""The routes of payouts."""

from rest_framework import serializers, viewsets

from payouts.models import Payout


class PayoutSerializer(serializers.ModelSerializer):
    class Meta:
        model = Payout
        fields = ["id", "number", "payee_type", "payee_id", "currency", "period_start", "period_end", "status", "total"]


class PayoutViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Payout.objects.all()
    serializer_class = PayoutSerializer

    def get_queryset(self):
        return Payout.objects.visible_to(self.request.user).order_by("-number")
