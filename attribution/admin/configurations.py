"""Versions of the models' parameters: reading and comparing them, making and scheduling new ones."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from attribution import operations
from attribution.admin.adding import AddByOperation
from attribution.admin.configuration_form import ConfigurationForm, ModelForm
from attribution.admin.parameters import compared, complete
from attribution.engine.models import MODELS
from attribution.models import AttributionModel, ModelConfig, PayableModel
from attribution.schedule import Payments, Period, in_effect, next_version, with_until
from attribution.wording import HOW_IT_SHARES
from conversions.models import Conversion
from partners.admin import NOTHING, ReadOnlyAdmin, moment

IN_EFFECT, SCHEDULED, PAST = "In effect", "Scheduled", "Past"
STATE_LABELS = {IN_EFFECT: "success", SCHEDULED: "info", PAST: "default"}
TRAININGS_SHOWN = 20


def known_models():
    """The models that the installation can calculate: those with a configuration."""
    stored = ModelConfig.objects.order_by("model").values_list("model", flat=True).distinct()
    return [(name, AttributionModel(name).label) for name in stored]


def state_of(config):
    """Of a version from `with_until`."""
    now = timezone.now()
    if config.effective_from > now:
        return SCHEDULED
    return IN_EFFECT if config.effective_until is None or config.effective_until > now else PAST


def version_before(config):
    """The version that was in effect until this one took effect."""
    earlier = ModelConfig.objects.filter(model=config.model, effective_from__lt=config.effective_from)
    return earlier.order_by("-effective_from").first()


def paid_text(config, payments):
    """In which part of the version's period commission is paid under it."""
    own = Period(config.effective_from, config.effective_until)
    return " · ".join(_part_of(own, paid) for paid in payments.within(config.model, own))


def _part_of(own, part):
    since = "" if part.since == own.since else f"from {_day(part.since)}"
    until = "" if part.until == own.until else f"until {_day(part.until)}"
    return f"{since} {until}".strip().capitalize() or "Yes"


def _day(value):
    return f"{timezone.localtime(value):%Y-%m-%d}"


def since_text(since):
    """The first versions apply since before anything can have occurred: their date says nothing to a reader."""
    return "the beginning" if since <= operations.EARLIEST else f"{timezone.localtime(since):%Y-%m-%d %H:%M}"


class StateFilter(DropdownFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [(text, text) for text in STATE_LABELS]

    def queryset(self, request, queryset):
        now = timezone.now()
        conditions = {
            SCHEDULED: Q(effective_from__gt=now),
            PAST: Q(effective_until__lte=now),
            IN_EFFECT: Q(effective_from__lte=now) & (Q(effective_until=None) | Q(effective_until__gt=now)),
        }
        return queryset.filter(conditions.get(self.value(), Q()))


@admin.register(ModelConfig)
class ModelConfigAdmin(AddByOperation):
    list_display = ["model", "shown_version", "state", "since", "until", "pays", "created", "created_by"]
    list_display_links = ["model", "shown_version"]
    list_select_related = ["created_by"]
    list_filter = [("model", ChoicesDropdownFilter), StateFilter]
    search_fields = ["model"]
    search_help_text = "Model"
    ordering = ["model", "-effective_from"]
    sortable_by = ["model", "since", "created"]
    actions_list = ["start_comparison", "start_version"]
    show_add_link = False
    change_form_template = "admin/attribution/modelconfig/change_form.html"
    fieldsets = [("Who made it", {"fields": ["created_by", "created"]})]
    empty_title = "No configurations"
    empty_help = "Without one nothing can be calculated: add a version of a model."

    class Media:
        css = {"all": ["attribution/configurations.css"]}

    @action(description="Compare two versions", permissions=["view"], icon="compare_arrows")
    def start_comparison(self, request):
        return HttpResponseRedirect(reverse("admin:attribution_modelconfig_compare"))

    @action(description="Add a version", permissions=["add"], icon="add", variant=ActionVariant.PRIMARY)
    def start_version(self, request):
        return HttpResponseRedirect(reverse("admin:attribution_modelconfig_add"))

    def get_queryset(self, request):
        return with_until(super().get_queryset(request))

    def get_changelist_instance(self, request):
        """Who is paid when is read once for the whole list."""
        changelist = super().get_changelist_instance(request)
        payments = Payments.stored()
        for config in changelist.result_list:
            config.paid = paid_text(config, payments)
        return changelist

    def get_urls(self):
        comparing = self.admin_site.admin_view(self.compare_view)
        return [path("compare/", comparing, name="attribution_modelconfig_compare"), *super().get_urls()]

    # Reading

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        before = version_before(obj)
        context |= {
            "title": str(obj),
            "state": state_of(obj),
            "since": since_text(obj.effective_from),
            "how_it_shares": HOW_IT_SHARES[obj.model],
            "before": before,
            "rows": compared(before or obj, obj),
            "paid": paid_text(obj, Payments.stored()),
            "trainings": obj.trainings.defer("effects")[:TRAININGS_SHOWN],
            "trains": obj.model == AttributionModel.DATA_DRIVEN,
            "may_add": self.has_add_permission(request),
        }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def compare_view(self, request):
        if not self.has_view_permission(request):
            raise PermissionDenied
        versions = list(self.get_queryset(request).order_by("model", "-version"))
        chosen = [self._chosen(versions, request.GET.get(side)) for side in ("before", "after")]
        rows = compared(*chosen) if all(chosen) else []
        return self._page(
            request,
            "compare",
            title="Compare two versions",
            versions=[(config, state_of(config)) for config in versions],
            before=chosen[0],
            after=chosen[1],
            rows=rows,
            same=not any(row.differs for row in rows),
        )

    def _chosen(self, versions, pk):
        return next((config for config in versions if str(config.pk) == pk), None)

    # Adding: which model, its form, what would happen, done

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        source = None
        if copied := request.GET.get("copy"):
            source = get_object_or_404(ModelConfig, pk=copied if copied.isdigit() else 0)
        asked = request.POST or ({"model": source.model} if source else request.GET)
        chosen = ModelForm(asked if "model" in asked or request.POST else None)
        if not chosen.is_valid():
            return self._choose(request, chosen)
        model = chosen.cleaned_data["model"]
        source = source or in_effect(model, timezone.now()) or next_version(model, timezone.now())
        form = ConfigurationForm(request.POST or None, model=model, source=source)
        step = request.POST.get("step", "check")
        if form.is_valid() and step == "check" and (plan := self._planned(form)):
            return self._confirm(request, form, plan)
        if form.is_valid() and step == "create" and (made := self._performed(form, by=request.user)):
            messages.success(request, f"{made} applies from {timezone.localtime(made.effective_from):%Y-%m-%d %H:%M}.")
            return HttpResponseRedirect(reverse("admin:attribution_modelconfig_change", args=[made.pk]))
        return self._form(request, form, source)

    def perform(self, *, by, **arguments):
        return operations.create_model_config(**arguments, by=by)

    def _planned(self, form):
        try:
            return operations.plan_model_config(**form.arguments())
        except ValidationError as error:
            form.refuse(error)
        return None

    def _choose(self, request, chosen):
        models = [
            {
                "model": model,
                "how_it_shares": HOW_IT_SHARES[model],
                "current": in_effect(model, timezone.now()),
                "following": next_version(model, timezone.now()),
            }
            for model in AttributionModel
            if model in MODELS
        ]
        paid_now = Payments.stored().model_at(timezone.now())
        title = "A new version of which model?"
        return self._page(request, "choose", form=chosen, models=models, paid_now=paid_now, title=title)

    def _form(self, request, form, source):
        label = AttributionModel(form.model).label
        paid_now = Payments.stored().model_at(timezone.now())
        return self._page(
            request,
            "form",
            title=f"A new version of {label}",
            form=form,
            model=form.model,
            how_it_shares=HOW_IT_SHARES[form.model],
            source=source,
            pays_now=paid_now == form.model,
            paid_now=AttributionModel(paid_now).label if paid_now else NOTHING,
            media=self.media + form.media,
        )

    def _confirm(self, request, form, plan):
        label = AttributionModel(plan.model).label
        occurred = Conversion.objects.filter(occurred_at__gte=plan.period.since)
        if plan.period.until:
            occurred = occurred.filter(occurred_at__lt=plan.period.until)
        made = ModelConfig(model=plan.model, version=plan.version, parameters=plan.parameters)
        return self._page(
            request,
            "confirm",
            title=f"Add version {plan.version} of {label}?",
            form=form,
            plan=plan,
            label=label,
            at_once=form.cleaned_data["effective_from"] is None,
            conversions=occurred.count(),
            paid_before=AttributionModel(plan.paid_before).label if plan.paid_before else NOTHING,
            rows=compared(plan.replaces or made, made),
            trains=plan.model == AttributionModel.DATA_DRIVEN,
            least=complete(made)["minimum_conversions"],
        )

    def _page(self, request, name, *, form=None, **context):
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "media": self.media,
        } | context
        status = 422 if form is not None and form.errors else 200
        return TemplateResponse(request, f"admin/attribution/modelconfig/{name}.html", context, status=status)

    @display(description="Version", ordering="version")
    def shown_version(self, config):
        return f"Version {config.version}"

    @display(description="State", label=STATE_LABELS)
    def state(self, config):
        return state_of(config)

    @display(description="From", ordering="effective_from")
    def since(self, config):
        return moment(config.effective_from) if config.effective_from > operations.EARLIEST else "The beginning"

    @display(description="Until")
    def until(self, config):
        return moment(config.effective_until)

    @display(description="Pays commission")
    def pays(self, config):
        return config.paid or NOTHING

    @display(description="Made", ordering="created_at")
    def created(self, config):
        return moment(config.created_at)


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
