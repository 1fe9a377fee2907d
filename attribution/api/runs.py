"""The routes of batch runs."""

from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from attribution import operations
from attribution.api.fields import LeadField, ModelField
from attribution.models import Finding, Run, Shard
from attribution_site.api.access import person_of
from attribution_site.api.fields import Moment, PeriodBoundary, StrictSerializer, StrictUUID

MAX_NAMED = 10_000
MAX_ERRORS_SHOWN = 1000


class RunRequestSerializer(StrictSerializer):
    models = serializers.ListField(child=ModelField(), required=False, allow_null=True, allow_empty=False)
    start_date = PeriodBoundary(required=False, allow_null=True)
    end_date = PeriodBoundary(required=False, allow_null=True, is_end=True)
    lead_ids = serializers.ListField(
        child=LeadField(), required=False, allow_null=True, allow_empty=False, max_length=MAX_NAMED
    )
    conversion_ids = serializers.ListField(
        child=StrictUUID(), required=False, allow_null=True, allow_empty=False, max_length=MAX_NAMED
    )

    def validate(self, attrs):
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and end <= start:
            raise ValidationError({"end_date": "The end is before the start."}, code="invalid")
        return attrs


class FindingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Finding
        fields = ["conversion_id", "model", "code", "detail"]


class RunSerializer(serializers.ModelSerializer):
    run_id = serializers.UUIDField(source="id")
    models = serializers.JSONField(source="model_names")
    start_date = Moment(source="start")
    end_date = Moment(source="end")
    progress = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    created_at = Moment()
    started_at = Moment()
    finished_at = Moment()

    class Meta:
        model = Run
        fields = [
            "run_id",
            "status",
            "models",
            "start_date",
            "end_date",
            "progress",
            "counts",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_progress(self, run):
        return {"done": run.conversions_done, "total": run.conversions_total}

    def get_counts(self, run):
        return {name: getattr(run, name) for name in Shard.COUNTS if not name.startswith("conversions_")}


class RunDetailSerializer(RunSerializer):
    """With what went wrong: by conversion, and for shards of the run that failed as a whole."""

    # A declared field leaves the class, so that `Serializer.errors` stays what it is.
    errors = serializers.SerializerMethodField()  # type: ignore[assignment]
    errors_total = serializers.SerializerMethodField()

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "errors", "errors_total"]

    def get_errors(self, run):
        findings = FindingSerializer(run.findings.all()[:MAX_ERRORS_SHOWN], many=True).data
        failed = run.shards.filter(status=Shard.Status.FAILED)[:MAX_ERRORS_SHOWN]
        about_shards = [
            {"conversion_id": None, "model": None, "code": "shard_failed", "detail": {"shard": shard.number}}
            for shard in failed
        ]
        return [*findings, *about_shards]

    def get_errors_total(self, run):
        return run.findings.count() + run.shards.filter(status=Shard.Status.FAILED).count()


class RunViewSet(mixins.CreateModelMixin, viewsets.ReadOnlyModelViewSet):
    permissions_by_action = {"cancel": ["attribution.change_run"]}
    throttle_scopes = {"create": "work"}
    lookup_url_kwarg = "run_id"

    def get_queryset(self):
        return Run.objects.visible_to(self.request.user).with_counts().order_by("-id")

    def get_serializer_class(self):
        return RunSerializer if self.action == "list" else RunDetailSerializer

    def create(self, request):
        asked = RunRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        run = operations.start_run(
            model_names=values.get("models"),
            start=values.get("start_date"),
            end=values.get("end_date"),
            lead_ids=values.get("lead_ids"),
            conversion_ids=values.get("conversion_ids"),
            created_by=person_of(request.user),
        )
        return Response({"run_id": run.pk, "status": run.status}, status=status.HTTP_202_ACCEPTED)

    @action(detail=True, methods=["post"])
    def cancel(self, request, run_id):
        operations.cancel_run(run_id=self.get_object().pk)
        return Response(self.get_serializer(self.get_object()).data)
