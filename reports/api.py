"""The routes of the attribution report and of spend."""

from decimal import Decimal

import django_filters
from django.http import HttpResponse
from django.urls import reverse
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from attribution.engine.models import MODELS
from attribution.models import AttributionModel
from attribution_site.api.access import person_of
from attribution_site.api.bulk import store_each
from attribution_site.api.fields import Money, PeriodBoundary, StrictModelSerializer, StrictSerializer, Text
from attribution_site.api.lists import StableOrderingFilter, check_parameters
from attribution_site.api.wire import MAX_BODY_BYTES, BodyTooLarge, StrictJSONParser
from conversions import currencies
from conversions.models import Conversion
from partners.models import opaque_id
from reports import exports, operations, spend_csv
from reports.models import Report, Spend
from touchpoints.models import Channel

MAX_SPEND_ITEMS = 10_000


class FormatSerializer(StrictSerializer):
    """In what form a report is answered. Of CSV, which has one table, also which."""

    format = serializers.ChoiceField(["json", *exports.TYPES], required=False)
    section = serializers.ChoiceField(list(exports.SECTIONS), required=False)

    def validate(self, attrs):
        if "section" in attrs and attrs.get("format") != "csv":
            raise ValidationError({"section": "Only CSV takes a section: it has one table."}, code="not_csv")
        return attrs


class ReportSerializer(FormatSerializer):
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
    throttle_scopes = {"attribution": "report"}
    serializer_class = ReportSerializer

    def get_queryset(self):
        return Report.objects.visible_to(self.request.user).defer("result")

    def perform_content_negotiation(self, request, force=False):
        # Who asks for a file may say that files are all they take. Refusals are JSON still.
        return super().perform_content_negotiation(
            request, force or request.query_params.get("format") in exports.TYPES
        )

    def attribution(self, request):
        asked = request.query_params
        serializer = self._checked(ReportSerializer, request)
        period = {"start": asked["startDate"], "end": asked["endDate"]}
        filters = dict(serializer.validated_data)
        form, section = filters.pop("format", "json"), filters.pop("section", None)
        question = operations.ask(start=filters.pop("start_date"), end=filters.pop("end_date"), **filters)
        report = operations.generate_report(question=question, period=period, created_by=person_of(request.user))
        return _answer(report.pk, report.result, form, section)

    def retrieve(self, request, pk):
        asked = self._checked(FormatSerializer, request).validated_data
        report = get_object_or_404(self.get_queryset(), pk=pk)
        return _answer(report.pk, operations.kept_result(report), asked.get("format", "json"), asked.get("section"))

    def _checked(self, serializer_class, request):
        serializer = serializer_class(data=request.query_params.dict(), context=self.get_serializer_context())
        check_parameters(request, dict.fromkeys(serializer.field_names, False))
        serializer.is_valid(raise_exception=True)
        return serializer


def _answer(pk, result, form, section):
    if form == "json":
        return Response({"report_id": pk, **result})
    if form == "csv":
        section = section or exports.DEFAULT_SECTION
        content = exports.as_csv(result, section)
    else:
        content = exports.as_xlsx(result)
    headers = {
        "Content-Disposition": f'attachment; filename="{exports.file_name(result, form, section)}"',
        # The kept report that the file is of.
        "Content-Location": reverse("report-detail", args=[pk]),
    }
    return HttpResponse(content, content_type=exports.TYPES[form], headers=headers)


class DayFilter(django_filters.DateFilter):
    def __init__(self, **kwargs):
        super().__init__(field_name="day", input_formats=["%Y-%m-%d"], **kwargs)


class SpendFilter(django_filters.FilterSet):
    start_date = DayFilter(lookup_expr="gte")
    end_date = DayFilter(lookup_expr="lte")
    ordering = StableOrderingFilter(fields=[("day", "day"), ("amount", "amount"), ("updated_at", "updatedAt")])

    class Meta:
        model = Spend
        fields = ["channel", "campaign", "partner_id", "currency"]


class Day(serializers.DateField):
    def to_internal_value(self, value):
        if not isinstance(value, str) or len(value) != len("2026-01-31"):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


class SpendSerializer(StrictModelSerializer):
    day = Day(input_formats=["%Y-%m-%d"])
    amount = Money(min_value=Decimal(0))

    class Meta:
        model = Spend
        fields = ["id", "day", "channel", "campaign", "partner_id", "currency", "amount", "updated_at"]
        # Sending a row again is no error: the newest word on it is kept.
        validators: list[object] = []


class SpendCSVParser(BaseParser):
    """Lines as the items of an array."""

    media_type = "text/csv"

    def parse(self, stream, media_type=None, parser_context=None):
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            return spend_csv.items_of(body)
        except spend_csv.NoTable as error:
            raise ParseError(str(error)) from None


def save_spend_items(items):
    """The answer to an array of spend, however it came."""

    def store(rows):
        return operations.save_spends(rows=rows)

    return store_each(items, most=MAX_SPEND_ITEMS, serializer=SpendSerializer(), store=store)


class SpendViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Spend.objects.all()
    serializer_class = SpendSerializer
    filterset_class = SpendFilter
    parser_classes = [StrictJSONParser, SpendCSVParser]
    permissions_by_action = {"create": ["reports.add_spend", "reports.change_spend"]}

    def get_queryset(self):
        return Spend.objects.visible_to(self.request.user).order_by("-day", "channel", "id")

    def create(self, request):
        if isinstance(request.data, list):
            return Response(save_spend_items(request.data))
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        spend, is_new = operations.save_spend(values=serializer.validated_data)
        http_status = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(spend).data, status=http_status)
