"""The routes of calculation."""

import dataclasses
from collections import defaultdict
from decimal import Decimal

import msgspec
from django.http import HttpResponse
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.response import Response

from attribution import operations
from attribution.api import records as stored_records
from attribution.api.fields import LeadField, ModelField
from attribution.engine.models import MODELS
from attribution.engine.parameters import InvalidParameters, Parameters
from attribution.models import AttributionRecord, ModelConfig, fallback
from attribution_site.api.errors import unknown_field
from attribution_site.api.fields import Money, Number, StrictSerializer, StrictUUID
from attribution_site.api.wire import Negotiation, camel
from conversions.models import Conversion


class ParametersField(serializers.Field):
    """A configuration. Its own names are camelCase as all of ours; inside a value the keys are enum values,
    so those stay. Parameters are no money: the engine takes them as floats."""

    names = {camel(each.name): each.name for each in dataclasses.fields(Parameters)}

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            raise ValidationError("Give an object of parameters.", code="invalid")
        errors: dict[str, list[ErrorDetail]] = {}
        for name in data.keys() - self.names.keys():
            errors |= unknown_field(name)
        values = {self.names[name]: _plain(value) for name, value in data.items() if name in self.names}
        try:
            Parameters.from_json(values)
        except InvalidParameters as error:
            errors |= {camel(name): [ErrorDetail(text, code="invalid")] for name, text in error.errors.items()}
        if errors:
            raise ValidationError(errors)
        return values


def _plain(value):
    if isinstance(value, Decimal):
        # 90.0 is a whole number to JSON.
        number = float(value)
        return int(number) if number.is_integer() else number
    return [_plain(each) for each in value] if isinstance(value, list) else value


class CalculateSerializer(StrictSerializer):
    lead_id = LeadField()
    model = ModelField()
    conversion_id = StrictUUID(required=False, allow_null=True)
    conversion_value = Money(required=False, allow_null=True, min_value=Decimal(0))
    commission_rate = Number(
        required=False,
        allow_null=True,
        max_digits=7,
        decimal_places=6,
        min_value=Decimal(0),
        max_value=Decimal(1),
    )
    config = ParametersField(required=False, allow_null=True)


class CalculateAndSaveSerializer(StrictSerializer):
    lead_id = LeadField()
    model = ModelField(required=False, allow_null=True)
    conversion_id = StrictUUID(required=False, allow_null=True)


class CalculationViewSet(viewsets.GenericViewSet):
    queryset = AttributionRecord.objects.none()
    filter_backends = []
    content_negotiation_class = Negotiation
    calculate_serializer = CalculateSerializer()
    throttle_scopes = {"calculate": "calculate", "calculate_and_save": "calculate"}
    # Trying a calculation stores nothing: whoever may read its outcome may ask for it.
    permissions_by_action = {
        "calculate": ["attribution.view_attributionrecord", "conversions.view_conversion"],
        "calculate_and_save": ["attribution.add_run"],
    }

    # Programs wait for these by the dozen a second, so parsing and answering are made short: see docs/performance.md.
    @action(detail=False, methods=["post"])
    def calculate(self, request):
        asked = self.calculate_serializer.checked(request.data)
        return HttpResponse(_json(operations.calculate(**asked)), content_type="application/json")

    @action(detail=False, methods=["post"], url_path="calculate-and-save")
    def calculate_and_save(self, request):
        asked = CalculateAndSaveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lead_id, model = asked.validated_data["lead_id"], asked.validated_data.get("model")
        conversion_id = asked.validated_data.get("conversion_id")
        names = [model] if model else None
        saved = operations.calculate_and_save(lead_id=lead_id, model_names=names, conversion_id=conversion_id)
        answer = _saved(lead_id, names or list(MODELS), conversion_id, saved.records)
        return Response(answer | {"disagreements": [_disagreement(each) for each in saved.disagreements]})


def _json(calculation):
    """A calculation's fields are the contract's, already exact; a serializer would take longer than calculating."""
    model, training_id = calculation.model, calculation.training_id
    return msgspec.json.encode(
        _outside(vars(calculation))
        | {
            "fallback": fallback(model, training_id) if calculation.attributions else None,
            "attributions": [_outside(vars(share)) for share in calculation.attributions],
        }
    )


def _outside(values):
    return {
        camel(name): msgspec.Raw(f"{value:f}".encode()) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }


def _disagreement(each):
    """What frozen records kept the calculation from storing; payees as they are named, `partner:abc`."""
    return {
        "conversion_id": each["conversion_id"],
        "model": each["model"],
        "detail": {k: each[k] for k in ("stored", "new")},
    }


def _saved(lead_id, models, conversion_id, records):
    """What is stored now, in the shape of a calculation, for each conversion and model."""
    conversions = Conversion.objects.filter(lead_id=lead_id).order_by("occurred_at", "id")
    if conversion_id:
        conversions = conversions.filter(pk=conversion_id)
    stored = defaultdict(list)
    for record in records:
        stored[record.conversion_id, record.model].append(record)
    versions = ModelConfig.objects.in_bulk({record.config_id for record in records})
    for record in records:
        record.config = versions[record.config_id]
    calculations = [
        _saved_one(conversion, model, stored[conversion.pk, model]) for conversion in conversions for model in models
    ]
    return {"lead_id": lead_id, "calculations": calculations}


def _saved_one(conversion, model, records):
    money = Money()
    training_id = next((record.training_id for record in records if record.training_id), None)
    return {
        "lead_id": conversion.lead_id,
        "model": model,
        "conversion_id": conversion.pk,
        # What is left of it, as records and adjustments share it.
        "conversion_value": money.to_representation(conversion.remaining_value),
        "currency": conversion.currency,
        "commission_amount": conversion.remaining_commission,
        "attributions": [_share(record) for record in records],
        "unattributed": money.to_representation(Decimal(0) if records else conversion.remaining_value),
        "config_version": records[0].config.version if records else None,
        "training_id": training_id,
        "fallback": fallback(model, training_id) if records else None,
        "calculated_at": max((record.calculated_at for record in records), default=None),
        "records": [stored_records.plain(record) for record in records],
    }


def _share(record):
    return {
        "touchpoint_id": record.touchpoint_id,
        "channel": record.channel,
        "timestamp": record.touched_at,
        "credit": record.credit,
        "percentage": record.percentage,
        "revenue": record.net_revenue,
        "commission": record.net_commission,
        "partner_id": record.partner_id,
        "broker_id": record.broker_id,
        "campaign": record.campaign_id,
    }
