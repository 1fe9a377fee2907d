"""The routes of models and their configurations."""

from django.http import Http404
from django.utils import timezone
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from attribution import operations
from attribution.api.calculation import ParametersField
from attribution.api.fields import ModelField
from attribution.engine.models import MODELS
from attribution.engine.parameters import Parameters
from attribution.models import AttributionModel, ModelConfig, Training
from attribution.schedule import Payments, Period, in_effect, next_version, with_until
from attribution.wording import HOW_IT_SHARES
from attribution_site.api.access import person_of
from attribution_site.api.fields import Flag, Moment, StrictSerializer
from attribution_site.api.lists import PageNumberPagination, check_parameters
from attribution_site.api.wire import camel

TRAININGS_SHOWN = 50


class ConfigurationRequestSerializer(StrictSerializer):
    model = ModelField()
    parameters = ParametersField()
    payable = Flag(default=False)
    effective_from = Moment(required=False, allow_null=True)


class TrainingSerializer(serializers.ModelSerializer):
    start_date = Moment(source="start")
    end_date = Moment(source="end")
    effective_from = Moment()

    class Meta:
        model = Training
        fields = ["number", "status", "start_date", "end_date", "order", "journeys", "conversions", "effective_from"]


class ConfigurationSerializer(serializers.ModelSerializer):
    """A version from `with_until`; the context has the `payments`."""

    parameters = serializers.SerializerMethodField()
    effective_until = Moment()
    payable = serializers.SerializerMethodField()
    payable_periods = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.username", default=None)

    class Meta:
        model = ModelConfig
        fields = [
            "model",
            "version",
            "parameters",
            "effective_from",
            "effective_until",
            "payable",
            "payable_periods",
            "created_at",
            "created_by",
        ]

    def get_parameters(self, config):
        """All of them, those included that are younger than the version: such have their defaults."""
        complete = Parameters.from_json(config.parameters).to_json()
        return {camel(name): value for name, value in complete.items()}

    def get_payable(self, config):
        return self.context["payments"].model_at(config.effective_from) == config.model

    def get_payable_periods(self, config):
        own = Period(config.effective_from, config.effective_until)
        paid = self.context["payments"].within(config.model, own)
        return [{"from": period.since, "until": period.until} for period in paid]


class ConfigurationDetailSerializer(ConfigurationSerializer):
    trainings = serializers.SerializerMethodField()

    class Meta(ConfigurationSerializer.Meta):
        fields = [*ConfigurationSerializer.Meta.fields, "trainings"]

    def get_trainings(self, config):
        return TrainingSerializer(config.trainings.defer("effects")[:TRAININGS_SHOWN], many=True).data


class ConfigurationViewSet(viewsets.GenericViewSet):
    def get_queryset(self):
        configs = ModelConfig.objects.visible_to(self.request.user).select_related("created_by")
        return with_until(configs).order_by("-version")

    def get_serializer_class(self):
        return ConfigurationSerializer if self.action == "history" else ConfigurationDetailSerializer

    def get_serializer_context(self):
        return {**super().get_serializer_context(), "payments": Payments.stored()}

    def models(self, request):
        check_parameters(request, dict.fromkeys(PageNumberPagination.parameters, False))
        payments, now = Payments.stored(), timezone.now()
        models = [described(name, payments, now) for name in AttributionModel if name in MODELS]
        return self.get_paginated_response(self.paginate_queryset(models))

    def current(self, request, model):
        check_parameters(request, {"version": False})
        return self._answer(model, version=self._asked_version(model))

    def history(self, request, model):
        versions = self.filter_queryset(self.get_queryset().filter(model=known(model)))
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(versions), many=True).data)

    def create(self, request):
        asked = ConfigurationRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = operations.create_model_config(**asked.validated_data, by=person_of(request.user))
        return self._answer(made.model, version=made.version, status=status.HTTP_201_CREATED)

    def _asked_version(self, model):
        text = self.request.query_params.get("version")
        if text is None:
            current = in_effect(known(model), timezone.now())
            return current and current.version
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValidationError({"version": "Give the number of a version."}, code="invalid")
        return int(text)

    def _answer(self, model, *, version, **kwargs):
        config = self.get_queryset().filter(model=known(model), version=version).first()
        if config is None:
            raise Http404
        return Response(self.get_serializer(config).data, **kwargs)


def known(model):
    if model not in MODELS:
        raise Http404
    return model


def described(model, payments, now):
    current, following, paid = in_effect(model, now), next_version(model, now), payments.current_or_next(model, now)
    return {
        "model": model.value,
        "label": model.label,
        "description": HOW_IT_SHARES[model],
        "payable": paid is not None and paid.has(now),
        "payable_from": paid and paid.since,
        "payable_until": paid and paid.until,
        "current_version": current and current.version,
        "next_version": following and following.version,
        "next_effective_from": following and following.effective_from,
    }
