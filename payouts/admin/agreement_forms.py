"""Terms as a person writes them: amounts by type of conversion, and tiers a line each."""

from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from attribution.admin.adding import OperationForm
from conversions.models import Conversion
from payouts.admin.forms import PayeeForm
from payouts.models import PayeeGroup, Terms

NO_END = "-"
FLATS = {f"flat_{kind}": (kind, label) for kind, label in Conversion.Type.choices}
SECTIONS = {
    "Whose terms": ("scope", "payee_type", "payee_id", "group", "currency"),
    "When": ("starts_on", "ends_on", "try_since", "try_until"),
    "What it earns": ("rate", "renewal_rate", "renewals_as_sold", "tiers"),
    "Flat, beside the rate": tuple(FLATS),
    "At most": ("cap_conversion", "cap_day", "cap_month"),
    "How it is paid": ("hold_days", "minimum_payout", "payment_method", "recovery_cap", "earn_out_months", "note"),
}


def _amount(label, help_text=""):
    widget = UnfoldAdminDecimalFieldWidget
    return forms.DecimalField(
        label=label, max_digits=14, decimal_places=2, required=False, widget=widget, help_text=help_text
    )


def _percent(label, help_text="", **kwargs):
    widget = UnfoldAdminDecimalFieldWidget
    return forms.DecimalField(label=label, max_digits=7, decimal_places=4, widget=widget, help_text=help_text, **kwargs)


def _days(label, help_text, **kwargs):
    return forms.IntegerField(label=label, widget=UnfoldAdminIntegerFieldWidget, help_text=help_text, **kwargs)


class TermsForm(OperationForm):
    """Shared by adding terms and trying them on a payee's past."""

    submit_text = "Add these terms"
    done_text = "{} are agreed on."

    scope = forms.ChoiceField(label="For whom", choices=Terms.Scope.choices, widget=UnfoldAdminSelectWidget)
    payee_type = forms.ChoiceField(
        choices=[("", "—"), ("partner", "Partner"), ("broker", "Broker")],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Of one payee.",
    )
    payee_id = forms.CharField(max_length=64, required=False, widget=UnfoldAdminTextInputWidget)
    group = forms.ModelChoiceField(PayeeGroup.objects.all(), required=False, widget=UnfoldAdminSelectWidget)
    currency = forms.CharField(
        max_length=3, required=False, widget=UnfoldAdminTextInputWidget, help_text="Empty: any. Amounts need one."
    )
    starts_on = forms.DateField(
        label="From", widget=UnfoldAdminDateWidget, help_text="For conversions from this day on, UTC."
    )
    ends_on = forms.DateField(
        label="Until", required=False, widget=UnfoldAdminDateWidget, help_text="The last day. Empty: they go on."
    )
    rate = _percent("Rate, %", "Of the payee's share of the commission.", initial=Decimal(100))
    tiers = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "0 10000 50\n10000 - 60"}),
        help_text="In place of the rate, by the month's volume: from, up to and percent, a line a tier; - has no end.",
    )
    renewal_rate = _percent("Rate of renewals, %", "Empty: as other conversions.", required=False)
    renewals_as_sold = forms.BooleanField(
        label="Renewals as sold",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="They follow the terms that their policy was first sold under.",
    )
    cap_conversion = _amount("A conversion")
    cap_day = _amount("A day")
    cap_month = _amount("A calendar month")
    hold_days = _days("Hold, days", "After the conversion, before a record may be approved.", initial=0)
    minimum_payout = _amount("Least that is paid", "Less waits for the next payout.")
    recovery_cap = _percent(
        "Recovery, % at most", "Of what a payout earned, how much it may take back. Empty: all.", required=False
    )
    earn_out_months = _days(
        "Earn-out, months", "Of a policy that lapses, only months not yet run are taken back.", required=False
    )
    payment_method = forms.ChoiceField(choices=Terms.Method.choices, widget=UnfoldAdminSelectWidget)
    note = forms.CharField(
        max_length=500, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="For the house."
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, (_kind, label) in FLATS.items():
            self.fields[name] = _amount(f"For a {label.lower()}")

    def sections(self):
        """The fields in the order in which one thinks of them."""
        for title, names in SECTIONS.items():
            if found := [self[name] for name in names if name in self.fields]:
                yield title, found

    def clean_currency(self):
        return self.cleaned_data["currency"].strip().upper()

    def clean_tiers(self):
        """As the operation takes them; what a tier must be is said there."""
        lines = [line.split() for line in self.cleaned_data["tiers"].splitlines() if line.strip()]
        for number, words in enumerate(lines, 1):
            if len(words) != 3:
                raise ValidationError(f"Line {number}: give three things, as in 0 10000 50.")
        return [
            {"from": since, "rate": rate} | ({} if until == NO_END else {"to": until}) for since, until, rate in lines
        ]

    def clean(self):
        cleaned = super().clean() or {}
        scope = cleaned.get("scope")
        if scope == Terms.Scope.ACCOUNT:
            for name, says in (("payee_type", "Say what it is."), ("payee_id", "Name the payee.")):
                if not cleaned.get(name):
                    self.add_error(name, says)
        if scope == Terms.Scope.GROUP and not cleaned.get("group"):
            self.add_error("group", "Name the group.")
        return cleaned

    def arguments(self):
        values = {name: value for name, value in self.cleaned_data.items() if name not in FLATS and name != "scope"}
        for name in ("payee_type", "payee_id", "currency"):
            values[name] = values[name] or None
        scope = self.cleaned_data["scope"]
        if scope != Terms.Scope.ACCOUNT:
            values |= {"payee_type": None, "payee_id": None}
        if scope != Terms.Scope.GROUP:
            values["group"] = None
        amounts = {kind: self.cleaned_data[name] for name, (kind, _label) in FLATS.items()}
        values["flats"] = {kind: str(amount) for kind, amount in amounts.items() if amount is not None}
        return {"values": values}

    def refuse(self, error):
        if hasattr(error, "error_dict") and "flats" in error.error_dict:
            [problem] = error.error_dict.pop("flats")
            error.error_dict[f"flat_{problem.params['type']}"] = [problem]
        return super().refuse(error)


class TryTermsForm(TermsForm):
    """On whose past they are tried, and on which days of it."""

    submit_text = "Try them"
    try_since = forms.DateField(label="Its conversions from", widget=UnfoldAdminDateWidget)
    try_until = forms.DateField(label="To", widget=UnfoldAdminDateWidget)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("scope", "group", "starts_on", "ends_on", "hold_days", "minimum_payout", "recovery_cap", "note"):
            del self.fields[name]
        del self.fields["payment_method"], self.fields["earn_out_months"], self.fields["renewals_as_sold"]
        self.fields["payee_type"].required = self.fields["payee_id"].required = True
        self.fields["currency"].required = True
        self.fields["currency"].help_text = self.fields["payee_type"].help_text = ""

    def clean(self):
        cleaned = forms.Form.clean(self) or {}
        since, until = cleaned.get("try_since"), cleaned.get("try_until")
        if since and until and since > until:
            self.add_error("try_until", "It is before the first day.")
        return cleaned

    def arguments(self):
        amounts = {kind: self.cleaned_data[name] for name, (kind, _label) in FLATS.items()}
        names = ("payee_type", "payee_id", "currency", "rate", "tiers", "renewal_rate", "cap_conversion", "cap_day")
        values = {name: self.cleaned_data[name] for name in (*names, "cap_month")}
        values["flats"] = {kind: str(amount) for kind, amount in amounts.items() if amount is not None}
        return {"values": values | {"starts_on": self.cleaned_data["try_since"]}}


class EndForm(OperationForm):
    ends_on = forms.DateField(label="The last day", widget=UnfoldAdminDateWidget, help_text="UTC.")


class GroupForm(OperationForm):
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    submit_text = "Add the group"


class MembershipForm(PayeeForm):
    group = forms.ModelChoiceField(PayeeGroup.objects.all(), widget=UnfoldAdminSelectWidget)
    starts_on = forms.DateField(label="From", widget=UnfoldAdminDateWidget)
    ends_on = forms.DateField(label="Until", required=False, widget=UnfoldAdminDateWidget, help_text="Empty: no end.")
    submit_text = "Put it in the group"

    def arguments(self):
        values = dict(self.cleaned_data)
        return values | {"group_id": values.pop("group").pk}


class RuleForm(OperationForm):
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget)
    below = forms.DecimalField(
        max_digits=14,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Records of less than this are approved by themselves.",
    )
    days_as_payee = _days("Payee for, days", "For newer ones a person approves.", initial=90, min_value=0)
    note = forms.CharField(label="Why", max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    submit_text = "Approve by this rule"
    done_text = "{}: from now on by rule."

    def clean_currency(self):
        return self.cleaned_data["currency"].strip().upper()
