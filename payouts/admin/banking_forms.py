"""What the back office asks about a bank account."""

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from attribution.admin.adding import OperationForm
from payouts.banking.details import ACCOUNT_TYPES, CURRENCIES, LONGEST_HOLDER, Details
from payouts.models import BankAccount


class TypedAgain(UnfoldAdminTextInputWidget):
    """After a mistake elsewhere on the page it is empty: no page has the number in it."""

    def __init__(self):
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false"})

    def format_value(self, value):
        return None


class AccountForm(OperationForm):
    submit_text = "Propose"
    done_text = "{} is proposed. Another person confirms it."

    payee_type = forms.ChoiceField(
        choices=[("partner", "Partner"), ("broker", "Broker")], label="Whose", widget=UnfoldAdminSelectWidget
    )
    payee_id = forms.CharField(max_length=64, label="Their id", widget=UnfoldAdminTextInputWidget)
    method = forms.ChoiceField(
        choices=[(method, f"{label}, {CURRENCIES[method]}") for method, label in BankAccount.Method.choices],
        widget=UnfoldAdminSelectWidget,
    )
    holder = forms.CharField(
        max_length=LONGEST_HOLDER, widget=UnfoldAdminTextInputWidget, help_text="As the bank knows them."
    )
    is_company = forms.BooleanField(required=False, label="The holder is a company", widget=UnfoldBooleanSwitchWidget)
    number = forms.CharField(
        max_length=64,
        label="IBAN or account number",
        widget=TypedAgain,
        help_text="Nobody sees it again: from then on pages show how it ends.",
    )
    bic = forms.CharField(
        required=False,
        max_length=16,
        label="BIC",
        widget=UnfoldAdminTextInputWidget,
        help_text="SEPA: only of banks outside the EEA.",
    )
    routing = forms.CharField(
        required=False, max_length=16, label="Routing number", widget=UnfoldAdminTextInputWidget, help_text="ACH."
    )
    account_type = forms.ChoiceField(
        required=False,
        choices=[("", "–"), *((each, each.capitalize()) for each in ACCOUNT_TYPES)],
        widget=UnfoldAdminSelectWidget,
        help_text="ACH.",
    )

    def arguments(self):
        given = dict(self.cleaned_data)
        payee = given.pop("payee_type"), given.pop("payee_id")
        return {"payee": payee, "details": Details(currency=CURRENCIES[given["method"]], **given)}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The payee reads it too.",
    )
