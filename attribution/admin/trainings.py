"""What the data-driven model learnt: watching a training, and its effects as a picture."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from attribution import operations
from attribution.admin.adding import AddByOperation, OperationForm
from attribution.models import AttributionModel, ModelConfig, Training
from partners.admin import moment, page_link
from touchpoints.models import Channel

STATUS_LABELS = {
    "Queued": "info",
    "Running": "warning",
    "Finished": "success",
    "Too little data": "default",
    "Failed": "danger",
}
# A picture of more states is a wall; the API has them all.
STATES_SHOWN = 40


def versions():
    configs = ModelConfig.objects.filter(model=AttributionModel.DATA_DRIVEN).order_by("-version")
    return [("", "The one in effect"), *((config.pk, str(config)) for config in configs)]


class TrainForm(OperationForm):
    submit_text = "Train"
    done_text = "The training is queued."

    config_id = forms.ChoiceField(
        required=False, label="Configuration", choices=versions, widget=UnfoldAdminSelectWidget
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=3650,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Learn from journeys that ended within so many days up to now. Empty: what the configuration says.",
    )

    def arguments(self):
        asked = self.cleaned_data
        return {"config_id": int(asked["config_id"]) if asked["config_id"] else None, "days": asked["days"]}


def progress(training):
    return {
        "over": training.is_over,
        "percent": percent_done(training),
        "text": training.get_status_display(),
    }


def percent_done(training):
    """Reading is counted in steps; solving comes after the last and takes a moment."""
    if training.status == Training.Status.FINISHED:
        return 100.0
    return int(1000 * training.steps_done / training.steps_total) / 10 if training.steps_total else 0.0


def bars(training):
    """The largest effects with their intervals, in percent, ready to be drawn."""
    return [
        {
            "state": state_text(each["state"]),
            "effect": 100 * each["removal_effect"],
            "low": 100 * each["low"],
            "width": 100 * (each["high"] - each["low"]),
            "high": 100 * each["high"],
            "effect_value": 100 * each["removal_effect_value"],
            "conversions": each["conversions"],
            "value": each["value"],
            "set_game": each["shapley_set_game"],
            "rate_game": each["shapley_rate_game"],
        }
        for each in training.effects[:STATES_SHOWN]
    ]


def state_text(state):
    channel, *beside = state
    return " · ".join([str(Channel(channel).label), *(part or "–" for part in beside)])


@admin.register(Training)
class TrainingAdmin(AddByOperation):
    list_display = [
        "shown_number",
        "config_page",
        "shown_status",
        "window",
        "since",
        "shown_journeys",
        "shown_conversions",
        "order",
        "created_by",
    ]
    list_display_links = ["shown_number"]
    list_select_related = ["config", "created_by"]
    list_filter = [("status", ChoicesDropdownFilter)]
    sortable_by: list[str] = []
    show_add_link = False
    actions_list = ["train"]
    operation_form = TrainForm
    add_title = "Train the data-driven model"
    change_form_template = "admin/attribution/training/change_form.html"
    empty_title = "Nothing learnt yet"
    empty_help = "Until a training is finished, the data-driven model shares credit by position."
    fieldsets = [
        ("What was learnt from", {"fields": ["config_page", "window", "shown_journeys", "shown_conversions"]}),
        ("How", {"fields": ["since", "order", "data_hash"]}),
        ("Who and when", {"fields": ["id", "created_by", "created", "finished"]}),
    ]
    readonly_fields = [
        "config_page",
        "window",
        "shown_journeys",
        "shown_conversions",
        "since",
        "created",
        "finished",
    ]

    class Media:
        js = ["attribution/progress.js"]

    @action(description="Train now", permissions=["add"], icon="school", variant=ActionVariant.PRIMARY)
    def train(self, request):
        return HttpResponseRedirect(reverse("admin:attribution_training_add"))

    def perform(self, *, by, **arguments):
        return operations.start_training(**arguments, by=by)

    def get_queryset(self, request):
        trainings = super().get_queryset(request)
        is_page = request.resolver_match and "object_id" in request.resolver_match.kwargs
        return trainings if is_page else trainings.defer("effects")

    def get_urls(self):
        own = path(
            "<uuid:pk>/progress/", self.admin_site.admin_view(self.progress_view), name="attribution_training_progress"
        )
        return [own, *super().get_urls()]

    def progress_view(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(progress(get_object_or_404(self.get_queryset(request), pk=pk)))

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        context |= {
            "title": str(obj),
            "progress": progress(obj),
            "bars": bars(obj),
            "left_out": max(len(obj.effects) - STATES_SHOWN, 0),
        }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Training", ordering="-id")
    def shown_number(self, training):
        return f"Training {training.number}"

    @display(description="Configuration")
    def config_page(self, training):
        return page_link(ModelConfig, training.config_id, str(training.config))

    @display(description="Status", label=STATUS_LABELS)
    def shown_status(self, training):
        return training.get_status_display()

    @display(description="Journeys that ended")
    def window(self, training):
        start, end = timezone.localtime(training.start), timezone.localtime(training.end)
        return f"{start:%Y-%m-%d} to {end:%Y-%m-%d %H:%M}"

    @display(description="Credits conversions from")
    def since(self, training):
        return moment(training.effective_from)

    @display(description="Journeys")
    def shown_journeys(self, training):
        return None if training.journeys is None else f"{training.journeys:,}"

    @display(description="Conversions")
    def shown_conversions(self, training):
        return None if training.conversions is None else f"{training.conversions:,}"

    @display(description="Asked for")
    def created(self, training):
        return moment(training.created_at)

    @display(description="Over at")
    def finished(self, training):
        return moment(training.finished_at)
