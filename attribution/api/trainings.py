"""The routes of trainings of the data-driven model."""

import django_filters
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.response import Response

from attribution import operations
from attribution.models import ModelConfig, Training
from attribution_site.api.access import person_of
from attribution_site.api.fields import Moment, StrictSerializer


class TrainingRequestSerializer(StrictSerializer):
    """Which version is to learn (default: the one in effect), from the `days` before `end`, in effect from when."""

    config_version = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    end = Moment(required=False, allow_null=True)
    days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=3650)
    effective_from = Moment(required=False, allow_null=True)

    def validate_config_version(self, version):
        config = ModelConfig.objects.filter(model="data_driven", version=version).first()
        if version is not None and config is None:
            raise serializers.ValidationError("The data-driven model has no such version.", code="unknown_version")
        return config and config.pk


class TrainingFilter(django_filters.FilterSet):
    config_version = django_filters.NumberFilter(field_name="config__version")

    class Meta:
        model = Training
        fields = ["status"]


class TrainingSerializer(serializers.ModelSerializer):
    training_id = serializers.UUIDField(source="id")
    config_version = serializers.IntegerField(source="config.version")
    start = Moment()
    end = Moment()
    effective_from = Moment()
    progress = serializers.SerializerMethodField()
    created_at = Moment()
    started_at = Moment()
    finished_at = Moment()

    class Meta:
        model = Training
        fields = [
            "training_id",
            "config_version",
            "number",
            "status",
            "start",
            "end",
            "effective_from",
            "progress",
            "journeys",
            "conversions",
            "order",
            "data_hash",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_progress(self, training):
        return {"done": training.steps_done, "total": training.steps_total}


class TrainingDetailSerializer(TrainingSerializer):
    """With what was learnt: one entry a state, the largest effect first."""

    class Meta(TrainingSerializer.Meta):
        fields = [*TrainingSerializer.Meta.fields, "effects"]


class TrainingViewSet(mixins.CreateModelMixin, viewsets.ReadOnlyModelViewSet):
    filterset_class = TrainingFilter
    throttle_scopes = {"create": "work"}
    lookup_url_kwarg = "training_id"

    def get_queryset(self):
        trainings = Training.objects.visible_to(self.request.user).select_related("config").order_by("-id")
        return trainings.defer("effects") if self.action == "list" else trainings

    def get_serializer_class(self):
        return TrainingSerializer if self.action == "list" else TrainingDetailSerializer

    def create(self, request):
        asked = TrainingRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        training = operations.start_training(
            config_id=values.pop("config_version", None), by=person_of(request.user), **values
        )
        answer = {"training_id": training.pk, "number": training.number, "status": training.status}
        return Response(answer, status=status.HTTP_202_ACCEPTED)
