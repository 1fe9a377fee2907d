"""Versions of the models' parameters, and which model commission is paid under."""

import json

from django import forms
from django.contrib import admin
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from attribution import operations
from attribution.admin.adding import AddByOperation, OperationForm
from attribution.engine.parameters import InvalidParameters, Parameters
from attribution.models import AttributionModel, ModelConfig, PayableModel
from partners.admin import ReadOnlyAdmin, moment


def known_models():
    """The models that the installation can calculate: those with a configuration."""
    stored = ModelConfig.objects.order_by("model").values_list("model", flat=True).distinct()
    return [(name, AttributionModel(name).label) for name in stored]


class PrettyEncoder(json.JSONEncoder):
    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "indent": 2})


class ConfigForm(OperationForm):
    submit_text = "Add this version"
    error_field = "parameters"

    model = forms.ChoiceField(choices=AttributionModel, widget=UnfoldAdminSelectWidget)
    parameters = forms.JSONField(
        encoder=PrettyEncoder,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
        initial=lambda: Parameters().to_json(),
        help_text="JSON. What is left out takes its default, which is what you see in an empty form.",
        required=False,
    )
    payable = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Pay commission under this model",
        help_text="From the same moment on, instead of the model that is payable now.",
    )
    effective_from = forms.SplitDateTimeField(
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="For conversions from this moment on. Empty: from now on.",
    )

    def clean_parameters(self):
        given = self.cleaned_data["parameters"]
        return {} if given is None else given


@admin.register(ModelConfig)
class ModelConfigAdmin(AddByOperation):
    list_display = ["model", "version", "since", "created", "created_by"]
    list_select_related = ["created_by"]
    list_filter = [("model", ChoicesDropdownFilter)]
    search_fields = ["model"]
    search_help_text = "Model"
    fieldsets = [
        (None, {"fields": ["model", "version", "since", "shown_parameters"]}),
        ("Who made it", {"fields": ["created_by", "created"]}),
    ]
    operation_form = ConfigForm
    add_title = "Add a version of a model"
    empty_title = "No configurations"
    empty_help = "Without one nothing can be calculated: add a version of a model."

    def perform(self, *, by, **arguments):
        return operations.create_model_config(**arguments, by=by)

    @display(description="In effect from", ordering="effective_from")
    def since(self, config):
        return moment(config.effective_from)

    @display(description="Made", ordering="created_at")
    def created(self, config):
        return moment(config.created_at)

    @display(description="Parameters")
    def shown_parameters(self, config):
        """All of them, defaults too: a reader need not know what was left out."""
        try:
            complete = Parameters.from_json(config.parameters).to_json()
        except InvalidParameters:
            complete = config.parameters
        return format_html('<pre class="code">{}</pre>', json.dumps(complete, indent=2))


@admin.register(PayableModel)
class PayableModelAdmin(ReadOnlyAdmin):
    list_display = ["model", "since", "created", "created_by"]
    list_select_related = ["created_by"]
    list_filter = [("model", ChoicesDropdownFilter)]
    search_fields = ["model"]
    search_help_text = "Model"
    fieldsets = [(None, {"fields": ["model", "since", "created_by", "created"]})]
    empty_title = "No payable model"
    empty_help = "Add a version of a model and switch on that commission is paid under it."

    @display(description="Pays commission from", ordering="effective_from")
    def since(self, payable):
        return moment(payable.effective_from)

    @display(description="Made", ordering="created_at")
    def created(self, payable):
        return moment(payable.created_at)
