"""The form of the model lab: a period, and a row for each of what is compared."""

import datetime as dt

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from attribution import operations
from attribution.admin.adding import OperationForm
from attribution.admin.configuration_form import ConfigurationForm
from attribution.admin.runs import midnight
from attribution.lab_tables import AS_PAID
from attribution.models import AttributionModel, ModelConfig
from attribution.schedule import Payments, in_effect
from conversions.models import Conversion, default_currency

DEFAULT_DAYS = 30
# What a row says: a model, and behind the colon a version or this.
TRY = "try"
PREFIX = "contenders-{}"
# In the rows that the page keeps to copy from.
ANY = "__n__"


class TrialForm(ConfigurationForm):
    """The parameters of one row, beginning with those in effect now."""

    def __init__(self, data=None, *, model, place):
        super().__init__(data, model=model, source=in_effect(model, timezone.now()))
        self.prefix = PREFIX.format(place)

    @property
    def groups(self):
        """Without when it begins and whether it pays: nobody asks that of a trial."""
        return list(super().groups)[:-1]


class Row(forms.Form):
    """One contender. `trial`: the form of its parameters, where it tries some."""

    def __init__(self, data=None, *, place, choices, rules=""):
        super().__init__(data, prefix=PREFIX.format(place), initial={"rules": rules})
        self.place = place
        self.fields["rules"] = forms.ChoiceField(
            # Nothing chosen stands for what is paid.
            required=False,
            label="Rules",
            choices=choices,
            widget=UnfoldAdminSelectWidget,
        )
        self.model, _, self.which = (data.get(self.add_prefix("rules"), "") if data else rules).partition(":")
        known = {value for _, group in choices for value, _ in group}
        tries = self.which == TRY and f"{self.model}:{TRY}" in known
        self.trial = TrialForm(data, model=self.model, place=place) if tries else None

    def clean(self):
        if self.trial and not self.trial.is_valid():
            self.add_error(None, "Mend the parameters below.")

    def contender(self):
        if not self.model:
            return {}
        if self.trial:
            return {"model": self.model, "parameters": self.trial.parameters()}
        return {"model": self.model} | ({"version": int(self.which)} if self.which else {})

    def refuse(self, name, texts):
        """What the operation says of this contender, under the field that it is about, if there is one."""
        field = name.removeprefix("parameters.")
        form, where = (self.trial, field) if self.trial and field in self.trial.fields else (self, None)
        for text in texts:
            form.add_error(where, text)


def rule_choices():
    """Groups for the select: what is paid, then each model as it is in effect, by version, and to try out."""
    versions: dict[str, list[int]] = {}
    for model, version in ModelConfig.objects.order_by("model", "-version").values_list("model", "version"):
        versions.setdefault(model, []).append(version)
    groups = [("What is paid now", [("", AS_PAID)])]
    for model in AttributionModel:
        if model in versions:
            label = model.label
            stored = [(f"{model}:{version}", f"{label} v{version}") for version in versions[model]]
            ways = [(model.value, f"{label} (as in effect)"), *stored, (f"{model}:{TRY}", f"{label}: try parameters …")]
            groups.append((label, ways))
    return groups


class LabForm(OperationForm):
    submit_text = "Compare"
    done_text = "The comparison is under way."

    start_date = forms.DateField(label="First day", widget=UnfoldAdminSingleDateWidget)
    end_date = forms.DateField(
        label="Last day", widget=UnfoldAdminSingleDateWidget, help_text="Days of your time zone, both included."
    )
    currency = forms.CharField(
        max_length=3, widget=UnfoldAdminTextInputWidget, help_text="Currencies are never added up."
    )

    def __init__(self, data=None):
        super().__init__(data, initial=usual_period() | {"currency": default_currency()})
        choices = rule_choices()
        if data is None:
            self.rows = [Row(place=place, choices=choices, rules=rules) for place, rules in enumerate(usual_rules())]
        else:
            places = [n for n in range(operations.MOST_CONTENDERS + 1) if f"{PREFIX.format(n)}-rules" in data]
            self.rows = [Row(data, place=place, choices=choices) for place in places]
        self.spare_row = Row(place=ANY, choices=choices)
        self.spare_trials = [
            TrialForm(model=model, place=ANY) for model in AttributionModel if model in _models(choices)
        ]

    @property
    def most_rows(self):
        return operations.MOST_CONTENDERS

    def clean(self):
        first, last = self.cleaned_data.get("start_date"), self.cleaned_data.get("end_date")
        if first and last and last < first:
            self.add_error("end_date", "The last day is before the first day.")
        # Each of them is looked at: all are told at once.
        if [row for row in self.rows if not row.is_valid()]:
            raise ValidationError("Mend the rules that are marked.")

    def clean_currency(self):
        return self.cleaned_data["currency"].upper()

    def arguments(self):
        return {
            "start": midnight(self.cleaned_data["start_date"]),
            "end": midnight(self.cleaned_data["end_date"], days_later=1),
            "currency": self.cleaned_data["currency"],
            "contenders": [row.contender() for row in self.rows],
        }

    def refuse(self, error):
        rest = {}
        for name, texts in getattr(error, "message_dict", {}).items():
            head, _, tail = name.partition(".")
            place, _, field = tail.partition(".")
            if head == "contenders" and place.isdigit() and int(place) < len(self.rows):
                self.rows[int(place)].refuse(field, texts)
                self.add_error(None, "Mend the rules that are marked.")
            else:
                rest[None if head == "contenders" else name] = texts
        for name, texts in rest.items():
            for text in texts:
                self.add_error(name if name in self.fields else None, text)


def _models(choices):
    return {value.partition(":")[0] for _, group in choices for value, _ in group}


def usual_rules():
    """What is paid, against a model that is not: the data-driven one if it is no other's turn."""
    paid = Payments.stored().model_at(timezone.now())
    other = AttributionModel.LINEAR if paid == AttributionModel.DATA_DRIVEN else AttributionModel.DATA_DRIVEN
    return ["", other.value]


def usual_period():
    """Thirty days up to today, or up to the last conversion where that is longer ago."""
    last = timezone.localdate()
    latest = Conversion.objects.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
    if latest:
        last = min(last, timezone.localtime(latest).date())
    return {"start_date": last - dt.timedelta(days=DEFAULT_DAYS - 1), "end_date": last}
