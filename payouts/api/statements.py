"""The route of statements: a payee's own, and for the house anybody's."""

import dataclasses

from django.core.validators import RegexValidator
from django.http import StreamingHttpResponse
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import get_object_or_404

from attribution_site.api.fields import Moment, Money, StrictSerializer, Text
from attribution_site.api.lists import KeysetPagination, check_parameters
from attribution_site.api.schema.shapes import TEXT, each, ref
from attribution_site.isolation import as_owner
from partners.models import Broker, Partner, opaque_id, payee_of
from payouts import statements
from payouts.models import Entry, Kind
from payouts.statements.periods import NAMED, WORDED, Period

PAYEES = {"partner_id": Partner, "broker_id": Broker}


class Day(serializers.DateField):
    def to_internal_value(self, value):
        if len(value) != len("2026-01-31"):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


class StatementSerializer(StrictSerializer):
    """Whose, of when, and in what form. A period has a name, or a first and a last day, of UTC."""

    partner_id = Text(required=False, validators=[opaque_id])
    broker_id = Text(required=False, validators=[opaque_id])
    period = Text(required=False, validators=[RegexValidator(NAMED, WORDED)], help_text=WORDED)
    start_date = Day(required=False, input_formats=["%Y-%m-%d"], help_text="The first day, UTC.")
    end_date = Day(required=False, input_formats=["%Y-%m-%d"], help_text="The last day, UTC.")
    format = serializers.ChoiceField(["json", *statements.TYPES], required=False)

    def validate(self, attrs):
        if "partner_id" in attrs and "broker_id" in attrs:
            raise _refusal("brokerId", "A statement is of a partner or of a broker.", "two_payees")
        return attrs | {"period": _period(attrs)}


def _period(asked):
    days = {"startDate": asked.get("start_date"), "endDate": asked.get("end_date")}
    missing = [name for name, day in days.items() if day is None]
    if "period" in asked:
        if len(missing) < len(days):
            raise _refusal("period", "Give a period or its days, not both.", "two_periods")
        return Period.named(asked["period"])
    if missing:
        name = "period" if len(missing) == len(days) else missing[0]
        raise _refusal(name, "Give a period, or its first and its last day.", "required")
    try:
        return Period(*days.values())
    except ValueError as error:
        raise _refusal("endDate", str(error), "no_period") from None


def _refusal(name, text, code):
    return ValidationError({name: [ErrorDetail(text, code=code)]})


class StatementLineSerializer(serializers.Serializer):
    """An entry of the ledger. `figure`: which of the balance's it is in. `credit`: the share of the conversion, and
    `share` that of its commission, of which the terms made the amount."""

    entry_id = serializers.UUIDField(source="pk")
    kind = serializers.ChoiceField(Kind.choices)
    figure = serializers.SerializerMethodField()
    currency = serializers.CharField()
    amount = Money()
    booked_at = Moment()
    lead_id = serializers.CharField(allow_null=True)
    policy_number = serializers.CharField(allow_null=True)
    conversion_id = serializers.UUIDField(allow_null=True)
    conversion_type = serializers.CharField(allow_null=True)
    occurred_at = Moment(allow_null=True)
    attribution_id = serializers.UUIDField(source="record_id", allow_null=True)
    model = serializers.CharField(allow_null=True)
    credit = serializers.DecimalField(11, 10, allow_null=True)
    share = Money(allow_null=True)
    payout_number = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()
    working = serializers.JSONField()

    def get_figure(self, line) -> str:
        return statements.figure_of(line.kind)


class StatementPages(KeysetPagination):
    """Of the lines; what is told of all of them stands on every page."""

    def get_paginated_response_schema(self, schema):
        page = super().get_paginated_response_schema(schema)
        named = {"payeeType": ref("ClaimantType"), "payeeId": TEXT, "payeeName": TEXT, "period": ref("StatementPeriod")}
        properties = named | {"balances": each(ref("StatementBalance"))} | page["properties"]
        return page | {"properties": properties, "required": list(properties)}


class StatementViewSet(viewsets.GenericViewSet):
    queryset = Entry.objects.all()
    serializer_class = StatementLineSerializer
    pagination_class = StatementPages
    keyset = ("currency", "booked_at", "id")
    permissions_by_action = {"statement": ["payouts.view_payout"]}

    def perform_content_negotiation(self, request, force=False):
        # Who asks for a file may say that files are all they take. Refusals are JSON still.
        is_file = request.query_params.get("format") in statements.TYPES
        return super().perform_content_negotiation(request, force or is_file)

    def statement(self, request):
        asked = self._asked()
        payee, period, form = self._payee(asked), asked["period"], asked.get("format", "json")
        if form != "json":
            return statement_file(payee, period, form)
        own = Entry.objects.visible_to(request.user).of(payee._meta.model_name, payee.pk)
        balances = statements.balances(own, period)
        # Of the payee that it may see. Conversions are told of by their number and type alone, which it may not read.
        with as_owner():
            page = self.paginate_queryset(statements.lines_of(own, period).order_by())
        answer = self.get_paginated_response(self.get_serializer(page, many=True).data)
        answer.data = _head(payee, period, balances) | answer.data
        return answer

    def _asked(self):
        given, pages = self.request.query_params.dict(), StatementPages.parameters
        serializer = StatementSerializer(data={name: text for name, text in given.items() if name not in pages})
        check_parameters(self.request, dict.fromkeys([*serializer.field_names, *pages], False))
        serializer.is_valid(raise_exception=True)
        asked_for = [name for name in pages if name in given]
        if asked_for and serializer.validated_data.get("format", "json") != "json":
            raise _refusal(asked_for[0], "A file has all lines, and no pages.", "no_pages")
        return serializer.validated_data

    def _payee(self, asked):
        """Another's is not found, as one that never was. Who asks as a payee need not say that it means itself."""
        own = payee_of(self.request.user)
        named = {name: asked[name] for name in PAYEES if name in asked}
        if own is not None and not named:
            named = {f"{own.kind}_id": own.id}
        if not named:
            raise _refusal("partnerId", "Whose statement is it? Give partnerId or brokerId.", "required")
        [(name, pk)] = named.items()
        return get_object_or_404(PAYEES[name].objects.visible_to(self.request.user), pk=pk)


def _head(payee, period, found):
    return {
        "payee_type": payee._meta.model_name,
        "payee_id": payee.pk,
        "payee_name": payee.name,
        "period": {"name": period.name, "start_date": period.first, "end_date": period.last},
        "balances": [dataclasses.asdict(balance) for balance in found],
    }


def statement_file(payee, period, form):
    """Sent as it is made, and made in a transaction of its own: it is of one moment."""
    answer = StreamingHttpResponse(statements.CHUNKS[form](payee, period), content_type=statements.TYPES[form])
    # Of the period alone: a payee's id may have characters that a header has not.
    answer["Content-Disposition"] = f'attachment; filename="statement-{period.name}.{form}"'
    return answer
