"""Reversing a conversion by hand: a form, then what it would do to each payee, to the cent, then it is done."""

from decimal import Decimal

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
)

from attribution import operations
from attribution.admin.adding import OperationForm
from attribution.models import AttributionModel
from attribution_site.errors import DomainError
from conversions.admin import money
from conversions.models import Reversal
from partners.admin import payee_link


class ReversalForm(OperationForm):
    reason = forms.ChoiceField(choices=Reversal.Reason.choices, widget=UnfoldAdminSelectWidget)
    amount = forms.DecimalField(
        required=False,
        max_digits=14,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Of the value. Empty: all that is left. Of the commission as much is taken as of the value.",
    )
    occurred_at = forms.SplitDateTimeField(
        required=False,
        label="When",
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="When it was cancelled, lapsed or refunded. Empty: now.",
    )
    note = forms.CharField(required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))

    def arguments(self):
        return {name: value or None for name, value in self.cleaned_data.items()}


class ReversalPage:
    """One request for the page, of somebody who may."""

    def __init__(self, model_admin, request, conversion):
        self.admin, self.request, self.conversion = model_admin, request, conversion

    def answer(self):
        form = ReversalForm(self.request.POST or None)
        step = self.request.POST.get("step", "check")
        if form.is_valid() and step == "check" and (plan := self._tried(form, self._plan)):
            return self._confirm(form, *plan)
        if form.is_valid() and step == "reverse" and (made := self._tried(form, self._reverse)):
            LogEntry.objects.log_actions(
                self.request.user.pk, [self.conversion], CHANGE, f"Reversed: {made}.", single_object=True
            )
            messages.success(self.request, f"{made.amount} {self.conversion.currency} is reversed.")
            page = reverse("admin:conversions_conversion_change", args=[self.conversion.pk])
            return HttpResponseRedirect(page)
        return self._page("form", form, title="Reverse this conversion")

    def _tried(self, form, work):
        try:
            return work(form.arguments())
        except ValidationError as error:
            form.refuse(error)
        except DomainError as error:
            form.add_error(None, str(error))
        return None

    def _plan(self, values):
        return operations.plan_reversal(conversion_id=self.conversion.pk, values=values)

    def _reverse(self, values):
        return operations.reverse_conversion(conversion_id=self.conversion.pk, values=values, by=self.request.user)

    def _confirm(self, form, planned, lines):
        # What is confirmed is what was shown, whatever somebody else reverses meanwhile.
        form.data = form.data.copy()
        form.data["amount"] = f"{planned.amount:f}" if planned.amount else ""
        left = planned.conversion
        paying = [line for line in lines if line.record.payable]
        return self._page(
            "confirm",
            form,
            title="Reverse this conversion?",
            reason=planned.get_reason_display(),
            taken=[self._in_words(amount) for amount in (planned.amount, planned.commission_amount)],
            left=[self._in_words(amount or Decimal(0)) for amount in (left.remaining_value, left.remaining_commission)],
            model=AttributionModel(paying[0].record.model).label if paying else None,
            rows=self._by_payee(paying),
        )

    def _by_payee(self, lines):
        """What each payee has, will have, and how: by records that are rewritten, by adjustments beside those that
        are decided."""
        payees: dict[tuple[str, str], dict[str, Decimal]] = {}
        for line in lines:
            key = line.record.payee_type, line.record.payee_id
            sums = payees.setdefault(key, dict.fromkeys(("before", "after", "rewritten", "adjusted"), Decimal(0)))
            sums["before"] += line.commission_before
            sums["after"] += line.commission
            sums["adjusted" if line.is_decided else "rewritten"] += line.commission_change
        return [
            {"payee": payee_link(*key)} | {name: self._money(amount) for name, amount in sums.items()}
            for key, sums in sorted(payees.items())
        ]

    def _in_words(self, amount):
        """For a sentence; the other is for a column."""
        return f"{amount:,.2f} {self.conversion.currency}"

    def _money(self, amount):
        return money(amount, self.conversion.currency)

    def _page(self, name, form, **context):
        context = {
            **self.admin.admin_site.each_context(self.request),
            "opts": self.admin.opts,
            "media": self.admin.media + form.media,
            "form": form,
            "conversion": self.conversion,
            "value_left": self._in_words(self.conversion.remaining_value),
        } | context
        status = 422 if form.errors else 200
        return TemplateResponse(self.request, f"admin/conversions/reversal/{name}.html", context, status=status)
