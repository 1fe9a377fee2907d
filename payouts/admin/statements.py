"""The page of a statement: whose and of when is chosen, then the balance, what moved it, and each line's reason."""

import datetime as dt
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from conversions.admin import money
from conversions.models import Conversion
from partners.admin import moment, page_link, payee_link
from partners.models import Broker, Partner
from payouts import statements
from payouts.admin.forms import LOOK
from payouts.admin.lines import PER_PAGE, explain_link, why
from payouts.api.statements import statement_file
from payouts.models import Entry, Kind, Payout
from payouts.statements import Period

PAYEES = {"partner": Partner, "broker": Broker}
SIGNS = dict(zip(("opening", *statements.FIGURES, "closing"), ("", "+", "+", "−", "−", "="), strict=True))
STYLE = forms.Media(css={"all": ["payouts/statement.css"]})


class StatementForm(forms.Form):
    payee_type = forms.ChoiceField(
        label="Whose", choices=[("partner", "Partner"), ("broker", "Broker")], widget=UnfoldAdminSelectWidget
    )
    payee_id = forms.CharField(label="Id", max_length=64, widget=UnfoldAdminTextInputWidget)
    period = forms.CharField(
        required=False,
        max_length=7,
        widget=UnfoldAdminTextInputWidget,
        help_text="A month such as 2026-03, or a quarter such as 2026-Q1. Empty: this month.",
    )
    start = forms.DateField(required=False, label="Or from", widget=UnfoldAdminSingleDateWidget)
    end = forms.DateField(required=False, label="Through", widget=UnfoldAdminSingleDateWidget, help_text="Days of UTC.")

    def clean(self):
        asked = self.cleaned_data
        if not self.errors:
            asked["payee"] = PAYEES[asked["payee_type"]].objects.filter(pk=asked["payee_id"]).first()
            if asked["payee"] is None:
                self.add_error("payee_id", f"There is no {asked['payee_type']} of this id.")
            try:
                asked["chosen"] = self._period(asked)
            except ValueError as error:
                self.add_error("period" if asked["period"] else "end", str(error))
        return asked

    def _period(self, asked):
        days = (asked["start"], asked["end"])
        if any(days) and (asked["period"] or not all(days)):
            raise ValueError("Give a period, or its first and its last day.")
        return Period(*days) if all(days) else Period.named(asked["period"] or this_month())


def this_month():
    return f"{timezone.now().astimezone(dt.UTC):%Y-%m}"


def page(request):
    _check(request)
    form = StatementForm(request.GET or None, initial={"period": this_month()})
    context = {
        **admin.site.each_context(request),
        "title": "Statements",
        "media": LOOK + STYLE + form.media,
        "form": form,
    }
    if form.is_valid():
        context |= shown(request, form.cleaned_data["payee"], form.cleaned_data["chosen"])
    return TemplateResponse(request, "admin/payouts/statement.html", context)


def file(request, form):
    _check(request)
    if form not in statements.TYPES:
        raise Http404
    asked = StatementForm(request.GET)
    if not asked.is_valid():
        return HttpResponse(asked.errors.as_text(), status=400, content_type="text/plain; charset=utf-8")
    return statement_file(asked.cleaned_data["payee"], asked.cleaned_data["chosen"], form)


def _check(request):
    if not request.user.has_perm("payouts.view_payout"):
        raise PermissionDenied


def shown(request, payee, period):
    """The figures of all lines, and a page of the lines: of all, or of one kind and currency."""
    kind = payee._meta.model_name
    own = Entry.objects.visible_to(request.user).of(kind, payee.pk)
    whose = {"payee_type": kind, "payee_id": payee.pk, "start": period.first, "end": period.last}
    chosen = {name: request.GET[name] for name in ("currency", "kind") if request.GET.get(name)}
    lines = statements.lines_of(own, period).filter(**chosen).order_by("currency", "kind", "booked_at", "id")
    found = Paginator(lines, PER_PAGE).get_page(request.GET.get("page"))
    return {
        "title": f"Statement of {payee.name}",
        "payee": payee_link(kind, payee.pk),
        "period": period,
        "asked": urlencode(whose),
        "chosen": urlencode(chosen),
        "files": [("csv", "Download CSV"), ("pdf", "Download PDF")],
        "balances": [_balance(each, whose) for each in statements.balances(own, period)],
        "page": found,
        "rows": [_row(line) for line in found],
    }


def _balance(balance, whose):
    def all_of(kind):
        return f"?{urlencode(whose | {'currency': balance.currency, 'kind': kind})}#lines"

    return {
        "currency": balance.currency,
        "figures": [
            {"sign": sign, "title": name.capitalize(), "amount": money(getattr(balance, name), balance.currency)}
            for name, sign in SIGNS.items()
        ],
        "kinds": [
            {
                "title": Kind(each.kind).label,
                "figure": statements.figure_of(each.kind).capitalize(),
                "link": all_of(each.kind),
                "count": each.count,
                "amount": money(each.amount, balance.currency),
            }
            for each in balance.kinds
        ],
    }


def _row(line):
    return {
        "group": f"{line.get_kind_display()}, {line.currency}",
        "booked": moment(line.booked_at),
        "lead": line.lead_id or "",
        "policy": line.policy_number or "",
        "conversion": page_link(
            Conversion, line.conversion_id, (line.conversion_type or "").replace("_", " ") or "Show"
        ),
        "model": _words(line.model),
        "credit": "" if line.credit is None else f"{100 * line.credit:.2f} %",
        "record": explain_link(line.record_id),
        "payout": _payout_link(line),
        "why": why(line),
        "amount": money(line.amount, line.currency),
    }


def _words(value):
    return (value or "").replace("_", " ")


def _payout_link(line):
    return page_link(Payout, line.paying_id, f"P-{line.payout_number}") if line.payout_number else ""
