"""The routes of the model lab: ask for a comparison, watch it, read it."""

from django.http import HttpResponse
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.reverse import reverse

from attribution import lab_tables, operations
from attribution.api.calculation import ParametersField
from attribution.api.fields import ModelField
from attribution.models import Comparison
from attribution_site.api.access import person_of
from attribution_site.api.fields import Moment, PeriodBoundary, StrictSerializer, Text
from attribution_site.api.lists import check_parameters
from attribution_site.api.wire import camel
from attribution_site.errors import DomainError

FORMATS = ("json", "csv")
# How the groups of each table are called in the answer.
TABLES = {"channels": "channel", "sources": "source", "campaigns": "campaign", "payees": "payee"}


class NotFinished(DomainError):
    code = "not_finished"


class ContenderSerializer(StrictSerializer):
    """Nothing at all stands for what commission is paid under."""

    model = ModelField(required=False, allow_null=True)
    version = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**31 - 1)
    parameters = ParametersField(required=False, allow_null=True)


class ComparisonRequestSerializer(StrictSerializer):
    start_date = PeriodBoundary()
    end_date = PeriodBoundary(is_end=True)
    currency = Text(required=False, allow_null=True)
    contenders = serializers.ListField(
        child=ContenderSerializer(), allow_empty=False, max_length=operations.MOST_CONTENDERS
    )


class ComparisonSerializer(serializers.ModelSerializer):
    comparison_id = serializers.UUIDField(source="id")
    start_date = serializers.SerializerMethodField()
    end_date = serializers.SerializerMethodField()
    currency = serializers.CharField(source="question.currency")
    contenders = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    created_at = Moment()
    started_at = Moment()
    finished_at = Moment()

    class Meta:
        model = Comparison
        fields = [
            "comparison_id",
            "status",
            "start_date",
            "end_date",
            "currency",
            "contenders",
            "progress",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_start_date(self, comparison):
        return lab_tables.period(comparison)[0]

    def get_end_date(self, comparison):
        return lab_tables.period(comparison)[1]

    def get_contenders(self, comparison):
        return [_asked(each) for each in comparison.question["contenders"]]

    def get_progress(self, comparison):
        return {"done": comparison.conversions_done, "total": comparison.conversions_total}


class ComparisonDetailSerializer(ComparisonSerializer):
    result = serializers.SerializerMethodField()

    class Meta(ComparisonSerializer.Meta):
        fields = [*ComparisonSerializer.Meta.fields, "result"]

    def get_result(self, comparison):
        return None if comparison.result is None else _result(comparison)


def _asked(contender):
    parameters = contender["parameters"]
    # Names of our own, so in camelCase; an answer's free `parameters` go out as they are.
    named = parameters and {camel(name): value for name, value in parameters.items()}
    return {**contender, "label": lab_tables.label(contender), "parameters": named}


def _result(comparison):
    result, cent = comparison.result, lab_tables.CENT
    contenders = [each | _asked(each) for each in lab_tables.totals(comparison)]
    return {
        "totals": {
            "conversions": result["conversions"],
            "revenue": result["revenue"] * cent,
            "commission": result["commission"] * cent,
        },
        "contenders": contenders,
        **{table: _rows(result, grouping) for table, grouping in TABLES.items()},
    }


def _rows(result, grouping):
    table = lab_tables.rows(result, grouping)
    parts = lab_tables.PARTS[grouping]
    names = lab_tables.payee_names(table) if grouping == "payee" else None
    return [_row(row, parts, names) for row in table]


def _row(row, parts, names):
    """Nulls where there is no campaign, no payee, and in the row for all others."""
    named = dict(zip(parts, [part or None for part in row.name or [None] * len(parts)], strict=True))
    if names is not None:
        named["payee_name"] = names.get(tuple(row.name or ()))
    return {**named, "others": row.others, "contenders": [vars(cell) for cell in row.cells]}


class ComparisonViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, viewsets.ReadOnlyModelViewSet):
    throttle_scopes = {"create": "work"}
    lookup_url_kwarg = "comparison_id"

    def get_queryset(self):
        comparisons = Comparison.objects.visible_to(self.request.user).order_by("-id")
        return comparisons.defer("result") if self.action == "list" else comparisons

    def get_serializer_class(self):
        return ComparisonSerializer if self.action == "list" else ComparisonDetailSerializer

    def filter_queryset(self, queryset):
        if self.action != "retrieve":
            return super().filter_queryset(queryset)
        check_parameters(self.request, {"format": False})
        return queryset

    def create(self, request):
        asked = ComparisonRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        comparison = operations.start_comparison(
            start=values["start_date"],
            end=values["end_date"],
            currency=values.get("currency"),
            contenders=values["contenders"],
            by=person_of(request.user),
        )
        place = reverse("comparison-detail", kwargs={"comparison_id": comparison.pk}, request=request)
        answer = {"comparison_id": comparison.pk, "status": comparison.status}
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Location": place})

    def retrieve(self, request, comparison_id):
        comparison = self.get_object()
        asked = request.query_params.get("format", "json")
        if asked not in FORMATS:
            raise ValidationError({"format": f"Give {' or '.join(FORMATS)}."}, code="invalid")
        if asked == "json":
            return Response(self.get_serializer(comparison).data)
        if comparison.result is None:
            raise NotFinished("There is no result yet.")
        return csv_answer(comparison)

    def perform_destroy(self, comparison):
        operations.delete_comparison(comparison_id=comparison.pk, by=person_of(self.request.user))


def csv_answer(comparison):
    headers = {"Content-Disposition": f'attachment; filename="{lab_tables.csv_name(comparison)}"'}
    return HttpResponse(lab_tables.as_csv(comparison), content_type="text/csv; charset=utf-8", headers=headers)
