"""What the front page of the back office shows: the report of a period, as numbers and pictures."""

import datetime as dt
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from attribution.models import AttributionModel, Run
from conversions import currencies
from conversions.models import Conversion
from partners.admin import moment
from reports import exports, operations, pictures, queries, waiting

PERIODS = {7: "7 days", 30: "30 days", 90: "90 days"}
DEFAULT_DAYS = 30
TOP_PAYEES = 5
# The calendar ends with the year 9999, and the day after a period's last one has to be in it.
IN_CALENDAR = MaxValueValidator(dt.date(2999, 12, 31), "Give a day before the year 3000.")


class PeriodForm(forms.Form):
    """The picker's parameters. A period is the last so many days, or two days and what is between them."""

    days = forms.TypedChoiceField(choices=list(PERIODS.items()), coerce=int, required=False)
    start = forms.DateField(required=False, validators=[IN_CALENDAR])
    end = forms.DateField(required=False, validators=[IN_CALENDAR])
    currency = forms.CharField(required=False, validators=[currencies.known])

    def clean(self):
        if bool(self.cleaned_data.get("start")) != bool(self.cleaned_data.get("end")) and not self.errors:
            raise ValidationError("Give the first and the last day.")
        return self.cleaned_data


def front_page(request, context):
    """Unfold calls this for the admin's index. Whoever may not read reports gets the list of tables."""
    if not request.user.has_perm("reports.view_report"):
        return context
    form = PeriodForm(request.GET)
    picked = form.cleaned_data if form.is_valid() else {}
    errors = [str(message) for messages in form.errors.values() for message in messages]
    try:
        question = asked(picked)
    except ValidationError as error:
        errors, picked = error.messages, {"currency": picked.get("currency")}
        question = asked(picked)
    shown = page(request.user, question, picked) | {"errors": errors}
    return context | {"title": "Overview", "waiting": waiting.waiting(request.user), "dashboard": shown}


def asked(picked):
    """The question of the page. Its days are days of UTC, as everywhere in reports."""
    if picked.get("start"):
        first, last = picked["start"], picked["end"]
    else:
        last = timezone.now().astimezone(dt.UTC).date()
        first = last - dt.timedelta(days=(picked.get("days") or DEFAULT_DAYS) - 1)
    start, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (first, last))
    return operations.ask(start=start, end=end + dt.timedelta(days=1), currency=picked.get("currency") or None)


def page(user, question, picked):
    answer = operations.answer(question)
    last_run = Run.objects.visible_to(user).with_counts().first()
    shown = {
        "picker": picker(question, picked, answer["other_currencies"]),
        "model": AttributionModel(question.model).label,
        "state": state(question, answer),
        "last_run": last_run,
        "cards": [*number_cards(answer), run_card(last_run)],
        "files": files(question),
    }
    if shown["state"] != "ready":
        return shown | {"latest": latest_period(question)}
    by_model = queries.revenue_by_model(start=question.start, end=question.end, currency=question.currency)
    return shown | {
        "by_model": pictures.revenue_by_model(by_model, question.model, question.currency),
        "revenue_trend": pictures.revenue_trend(answer),
        "conversions_trend": pictures.conversions_trend(answer),
        "payees": [payee_table(answer, "partner"), payee_table(answer, "broker")],
    }


def state(question, answer):
    """Whether there is something to see, and if not, what is missing."""
    if answer["by_channel"] and answer["summary"]["attributed_conversions"]:
        return "ready"
    if answer["summary"]["total_conversions"]:
        return "uncalculated"
    return "quiet" if Conversion.objects.exists() else "empty"


def latest_period(question):
    """Where a period without conversions might look instead: the thirty days up to the last conversion."""
    conversion = Conversion.objects.order_by("-occurred_at", "-id").only("occurred_at", "currency").first()
    if conversion is None:
        return None
    last = conversion.occurred_at.astimezone(dt.UTC).date()
    first = last - dt.timedelta(days=DEFAULT_DAYS - 1)
    return {"last": last, "url": link(start=first, end=last, currency=conversion.currency)}


def link(**parameters):
    return f"{reverse('admin:index')}?{urlencode(parameters)}"


def files(question):
    """The links to the same report as a file, which is then kept."""
    last = (question.end - dt.timedelta(days=1)).date()
    asked = {"startDate": question.start.date(), "endDate": last, "currency": question.currency}
    return [
        {"title": form.upper(), "link": f"{reverse('report-attribution')}?{urlencode(asked | {'format': form})}"}
        for form in exports.TYPES
    ]


def picker(question, picked, other_currencies):
    last = (question.end - dt.timedelta(days=1)).date()
    chosen = None if picked.get("start") else picked.get("days") or DEFAULT_DAYS
    period = {"start": question.start.date(), "end": last} if chosen is None else {"days": chosen}
    codes = sorted({settings.DEFAULT_CURRENCY, question.currency, *other_currencies})
    return {
        "first": question.start.date(),
        "last": last,
        "currency": question.currency,
        "custom": chosen is None,
        "periods": [
            {"title": title, "link": link(days=days, currency=question.currency), "active": days == chosen}
            for days, title in PERIODS.items()
        ],
        "currencies": [
            {"title": code, "link": link(**period, currency=code), "active": code == question.currency}
            for code in codes
        ],
    }


def amount(value, currency):
    """An amount for a card. From a million on its cents don't fit, and go into the tooltip."""
    exact = f"{value:,.2f} {currency}"
    return {"value": f"{value:,.0f}" if value >= 1_000_000 else f"{value:,.2f}", "unit": currency, "exact": exact}


def number_cards(answer):
    summary, currency = answer["summary"], answer["currency"]
    total = summary["total_revenue"]
    part = f"{summary['attributed_revenue'] * 100 / total:.1f} %" if total else "–"
    return [
        {
            "title": "Conversions",
            "value": f"{summary['total_conversions']:,}",
            "note": f"{summary['attributed_conversions']:,.0f} with a journey",
            "icon": "task_alt",
        },
        {"title": "Revenue", **amount(total, currency), "note": "of all conversions", "icon": "payments"},
        {
            "title": "Attributed",
            "value": part,
            "note": f"{summary['unattributed_revenue']:,.2f} {currency} unattributed",
            "icon": "hub",
        },
        {
            "title": "Commission payable",
            **amount(summary["payable_commission"], currency),
            "note": f"of {summary['attributed_commission']:,.2f}; the house keeps the rest",
            "icon": "handshake",
        },
    ]


def run_card(run):
    if run is None:
        return {"title": "Last run", "value": "None yet", "note": "nothing was calculated", "icon": "bolt"}
    return {
        "title": "Last run",
        "value": run.get_status_display(),
        "note": f"{run.conversions_done:,} of {run.conversions_total:,} conversions",
        "at": moment(run.finished_at or run.started_at or run.created_at),
        "href": reverse("admin:attribution_run_change", args=[run.pk]),
        "status": run.status,
        "icon": "bolt",
    }


def payee_table(answer, kind):
    rows = [row for row in answer[f"by_{kind}"] if row["total_revenue"]][:TOP_PAYEES]
    return {
        "title": f"{kind.capitalize()}s with the most revenue",
        "all": reverse(f"admin:partners_{kind}_changelist"),
        "headers": [kind.capitalize(), "Conversions", "Revenue", "Commission"],
        "rows": [
            [
                format_html('<span title="{0}">{0}</span>', row[f"{kind}_name"] or row[f"{kind}_id"]),
                f"{row['conversions']:,.1f}",
                f"{row['total_revenue']:,.2f}",
                f"{row['total_commission']:,.2f}",
            ]
            for row in rows
        ],
    }
