"""The route of the attribution report."""

from rest_framework import serializers, viewsets
from rest_framework.response import Response

from attribution.engine.models import MODELS
from attribution.models import AttributionModel
from attribution_site.api.access import person_of
from attribution_site.api.fields import PeriodBoundary, StrictSerializer, Text
from attribution_site.api.lists import check_parameters
from conversions import currencies
from conversions.models import Conversion
from partners.models import opaque_id
from reports import operations
from reports.models import Report
from touchpoints.models import Channel


class ReportSerializer(StrictSerializer):
    """The query parameters, not the answer: that goes out as the operation gave it."""

    start_date = PeriodBoundary()
    end_date = PeriodBoundary(is_end=True)
    model = serializers.ChoiceField([(name, AttributionModel(name).label) for name in MODELS], required=False)
    channel = serializers.ChoiceField(Channel.choices, required=False)
    partner_id = Text(required=False, validators=[opaque_id])
    broker_id = Text(required=False, validators=[opaque_id])
    campaign = Text(required=False, max_length=255)
    conversion_type = serializers.ChoiceField(Conversion.Type.choices, required=False)
    currency = Text(required=False, validators=[currencies.known])


class ReportViewSet(viewsets.GenericViewSet):
    """`attribution` answers a new report and keeps it; `retrieve` reads a kept one again."""

    queryset = Report.objects.all()
    serializer_class = ReportSerializer

    def get_queryset(self):
        return Report.objects.visible_to(self.request.user).defer("result")

    def attribution(self, request):
        asked = request.query_params
        serializer = ReportSerializer(data=asked.dict(), context=self.get_serializer_context())
        check_parameters(request, dict.fromkeys([*serializer.field_names, "format"], False))
        serializer.is_valid(raise_exception=True)
        period = {"start": asked["startDate"], "end": asked["endDate"]}
        filters = dict(serializer.validated_data)
        question = operations.ask(start=filters.pop("start_date"), end=filters.pop("end_date"), **filters)
        report = operations.generate_report(question=question, period=period, created_by=person_of(request.user))
        return Response({"report_id": report.pk, **report.result})

    def retrieve(self, request, pk):
        report = self.get_object()
        return Response({"report_id": report.pk, **operations.kept_result(report)})
