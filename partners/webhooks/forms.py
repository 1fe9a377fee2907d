"""What the back office asks for a webhook. Fields are named as the operations name what they refuse."""

import datetime as dt

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from partners.webhooks import operations
from partners.webhooks.events import EVENTS


class WebhookForm(forms.Form):
    url = forms.CharField(
        max_length=2000,
        label="URL",
        widget=UnfoldAdminTextInputWidget,
        help_text="https, on the open internet. Messages are signed; leave passwords out.",
    )
    description = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)
    events = forms.MultipleChoiceField(
        choices=[
            (name, f"{name}: {event.description}{'' if event.for_payees else ' For the house only.'}")
            for name, event in EVENTS.items()
        ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def arguments(self):
        return self.cleaned_data


class NewWebhookForm(WebhookForm):
    def __init__(self, data=None, *, payees):
        super().__init__(data)
        self.fields.update(payees)
        self.order_fields(["url", "description", *payees, "events"])

    def clean(self):
        if self.cleaned_data.get("partner_id") and self.cleaned_data.get("broker_id"):
            self.add_error("broker_id", "A webhook is of a partner or of a broker, not of both.")
        return self.cleaned_data

    def arguments(self):
        bound = {kind: self.cleaned_data[f"{kind}_id"] for kind in ("partner", "broker")}
        payee = next(((kind, payee.pk) for kind, payee in bound.items() if payee), None)
        return {name: self.cleaned_data[name] for name in ("url", "description", "events")} | {"payee": payee}


class RotationForm(forms.Form):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=operations.LONGEST_OVERLAP.days * 24,
        initial=int(operations.OVERLAP.total_seconds()) // 3600,
        label="The old secret signs as well for so many hours",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Time to put the new secret where the old one is.",
    )

    def arguments(self):
        return {"overlap": dt.timedelta(hours=self.cleaned_data["overlap_hours"])}
