"""The form of a new version: one field a parameter, and only those that the model reads."""

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldBooleanSwitchWidget,
)

from attribution.admin.adding import OperationForm
from attribution.admin.parameters import CHANNELS, LABELS, ORDERS, STATES, TYPES, WEIGH_BY, complete
from attribution.engine.models import MODELS
from attribution.engine.parameters import InvalidParameters, Parameters
from attribution.models import AttributionModel
from attribution.wording import OWN_PARAMETERS, TRAINING_PARAMETERS

WEIGHTS = ("first_weight", "middle_weight", "last_weight")
BY_TYPE = {f"lookback_days_{kind}": kind for kind in TYPES}
FALLBACK = "Journeys of which training knows nothing are shared by position, with these weights."


def whole(label, help_text="", *, required=True):
    return forms.IntegerField(label=label, help_text=help_text, required=required, widget=UnfoldAdminIntegerFieldWidget)


def number(label, help_text=""):
    return forms.FloatField(label=label, help_text=help_text, widget=UnfoldAdminDecimalFieldWidget)


def choice(name, choices, help_text):
    return forms.ChoiceField(
        label=LABELS[name], choices=choices.items(), help_text=help_text, widget=UnfoldAdminSelectWidget
    )


def switch(name, help_text):
    return forms.BooleanField(label=LABELS[name], help_text=help_text, required=False, widget=UnfoldBooleanSwitchWidget)


def path_fields():
    return {
        "lookback_days": whole("Lookback, days", "Touches count that are at most this much older than the conversion."),
        "lookback_steps": whole("Most touches", "Only the last so many count. Empty: no limit.", required=False),
        **{name: whole(TYPES[kind], required=False) for name, kind in BY_TYPE.items()},
        "excluded_channels": forms.MultipleChoiceField(
            label=LABELS["excluded_channels"],
            choices=CHANNELS.items(),
            required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
        ),
        "exclude_direct": switch("exclude_direct", "Direct touches count only where a journey has no others."),
        "collapse_repeats": switch("collapse_repeats", "Of touches of one channel in a row, the first is kept."),
        "restart_after_conversion": switch(
            "restart_after_conversion", "Touches up to an earlier conversion of the lead don't count again."
        ),
    }


def half_life_fields():
    return {
        "half_life_days": number("Half-life, days", "A touch this much older than another gets half of its credit.")
    }


def weight_fields():
    return {name: number(name.partition("_")[0].capitalize()) for name in WEIGHTS}


def training_fields():
    return {
        "states": choice("states", STATES, "What the model tells apart."),
        "markov_order": choice("markov_order", ORDERS, "How many touches in a row it looks at."),
        "weigh_by": choice("weigh_by", WEIGH_BY, "What a touch's channel makes a difference to."),
        "training_days": whole("Training window, days", "It learns from the journeys of so many days."),
        "minimum_conversions": whole(
            LABELS["minimum_conversions"], "With fewer in the window it shares by position, and says so."
        ),
    }


class ModelForm(forms.Form):
    """Which model a new version is for. Everything else depends on it."""

    model = forms.ChoiceField(choices=[each for each in AttributionModel.choices if each[0] in MODELS])


class ConfigurationForm(OperationForm):
    """`source`: the version whose values the form starts from, and keeps where it has no field for them."""

    payable = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Pay commission under this model"
    )
    effective_from = forms.SplitDateTimeField(
        required=False,
        label="Effective from",
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="For conversions from this moment on, in your time zone. Empty: from now on.",
    )

    def __init__(self, data=None, *, model, source):
        self.model, self.base = model, complete(source) if source else Parameters().to_json()
        super().__init__(data, initial=self._initial())
        timing = {name: self.fields.pop(name) for name in ("effective_from", "payable")}
        self._groups = [
            ("Which touches count", "", path_fields()),
            *self._own_groups(),
            ("From when, and whether it pays", "", timing),
        ]
        for _, _, fields in self._groups:
            self.fields.update(fields)

    def _own_groups(self):
        own = OWN_PARAMETERS.get(self.model, ())
        if "half_life_days" in own:
            yield "How credit is shared", "", half_life_fields()
        if set(TRAINING_PARAMETERS) & set(own):
            yield "What it learns from", "", training_fields()
        if "position_weights" in own:
            learns = set(TRAINING_PARAMETERS) & set(own)
            note = FALLBACK if learns else "Only their proportions count: 40, 20, 40 and 0.4, 0.2, 0.4 are the same."
            yield ("Where it has nothing to go by" if learns else "How credit is shared"), note, weight_fields()

    def _initial(self):
        by_type = self.base["lookback_days_by_type"]
        return {
            **self.base,
            "half_life_days": f"{self.base['half_life_days']:g}",
            **dict(zip(WEIGHTS, self.base["position_weights"], strict=True)),
            **{name: by_type.get(kind) for name, kind in BY_TYPE.items()},
        }

    @property
    def groups(self):
        """Title, note and fields of each part, as the page shows them."""
        for title, note, fields in self._groups:
            names = [name for name in fields if name not in BY_TYPE]
            yield {
                "title": title,
                "note": note,
                "fields": [self[name] for name in names],
                "by_type": [self[name] for name in fields if name in BY_TYPE],
            }

    def clean(self):
        for name in BY_TYPE:
            self._check({"lookback_days": self.cleaned_data.get(name)}, {"lookback_days": name})
        self._check(self.parameters(), {"position_weights": WEIGHTS[0]})

    def _check(self, parameters, field_of):
        """The engine says what a parameter may be; here it is only told under the right field."""
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            Parameters.from_json(given)
        except InvalidParameters as error:
            for name, text in error.errors.items():
                self.add_error(field_of.get(name, name), text)

    def parameters(self):
        given = {name: value for name, value in self.cleaned_data.items() if name in self.base}
        changed = self.base | given | {"lookback_days_by_type": self._days_by_type()}
        if all(name in self.cleaned_data for name in WEIGHTS):
            changed["position_weights"] = [self.cleaned_data[name] for name in WEIGHTS]
        if changed["markov_order"] != "auto":
            changed["markov_order"] = int(changed["markov_order"])
        return changed

    def _days_by_type(self):
        days = {kind: self.cleaned_data.get(name) for name, kind in BY_TYPE.items()}
        # What is out of bounds was told under its own field.
        return {
            kind: each for kind, each in days.items() if each is not None and f"lookback_days_{kind}" not in self.errors
        }

    def arguments(self):
        return {
            "model": self.model,
            "parameters": self.parameters(),
            "payable": self.cleaned_data["payable"],
            "effective_from": self.cleaned_data["effective_from"],
        }

    def refuse(self, error):
        """What is about the parameters together stands above all fields."""
        for text in getattr(error, "error_dict", {}).pop("parameters", []):
            self.add_error(None, text)
        super().refuse(error)
