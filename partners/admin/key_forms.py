"""What the back office asks about a key."""

import datetime as dt

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from partners import operations
from partners.models import Scope


class KeyForm(forms.Form):
    """Its fields are named as the operation names what it refuses."""

    name = forms.CharField(
        max_length=100, widget=UnfoldAdminTextInputWidget, help_text="What uses it: a program, a site."
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value}: {scope.label}") for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="As few as will do. The key of a partner or broker takes partner and ingest, and meets its own only.",
    )
    expires_at = forms.SplitDateTimeField(
        required=False,
        label="Ends",
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="In your time zone. Empty: when it is revoked.",
    )

    def __init__(self, data=None, *, payees):
        super().__init__(data)
        # After the name, before what depends on it.
        order = ["name", *payees, "scopes", "expires_at"]
        self.fields.update(payees)
        self.order_fields(order)

    def clean(self):
        if self.cleaned_data.get("partner_id") and self.cleaned_data.get("broker_id"):
            self.add_error("broker_id", "A key is of a partner or of a broker, not of both.")
        return self.cleaned_data

    def arguments(self):
        bound = ((kind, self.cleaned_data[f"{kind}_id"]) for kind in ("partner", "broker"))
        return {
            "name": self.cleaned_data["name"],
            "scopes": self.cleaned_data["scopes"],
            "expires_at": self.cleaned_data["expires_at"],
            "payee": next(((kind, payee.pk) for kind, payee in bound if payee), None),
        }


class RotationForm(forms.Form):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=operations.LONGEST_OVERLAP.days * 24,
        initial=int(operations.OVERLAP.total_seconds()) // 3600,
        label="The old key goes on for so many hours",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Time to put the new key where the old one is. 0 ends the old one at once.",
    )

    def arguments(self):
        return {"overlap": dt.timedelta(hours=self.cleaned_data["overlap_hours"])}
