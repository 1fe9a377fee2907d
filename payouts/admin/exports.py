"""Bank files: the list, making one of approved payouts, and its page with what became of each order."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum
from django.http import HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.urls import path, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from conversions.admin import money
from partners.admin import moment, payee_link
from payouts import operations
from payouts.admin.answers import AnswerPages, attachment
from payouts.admin.export_forms import MakeForm, problems_of
from payouts.admin.forms import tried
from payouts.admin.orders import orders_of
from payouts.admin.payouts import CurrencyFilter
from payouts.admin.steps import CHANGE
from payouts.models import Export, Exported, Payout, Status
from touchpoints.admin import DayRangeFilter, as_uuid

SHOWN = 200
DOWNLOADS = 20
WAITING = Q(refused_in=None, payout__status=Status.APPROVED)


class AnsweredFilter(DropdownFilter):
    title = "answer"
    parameter_name = "answered"

    def lookups(self, request, model_admin):
        return [("no", "Orders wait for it"), ("yes", "All are answered")]

    def queryset(self, request, queryset):
        waiting = Exists(Exported.objects.filter(WAITING, export=OuterRef("pk")))
        return {"no": queryset.filter(waiting), "yes": queryset.exclude(waiting)}.get(self.value(), queryset)


@admin.register(Export)
class ExportAdmin(AnswerPages):
    list_display = [
        "shown_name",
        "shown_format",
        "shown_total",
        "payout_count",
        "unanswered",
        "pays_on",
        "made_by",
        "made",
    ]
    list_display_links = ["shown_name"]
    list_select_related = ["made_by"]
    list_filter = [("format", ChoicesDropdownFilter), AnsweredFilter, CurrencyFilter, ("execute_on", DayRangeFilter)]
    exact_search = ["id", "sha256"]
    search_help_text = "EXPORT-7, P-1001, or the SHA-256 of a file"
    sortable_by: list[str] = []
    empty_title = "No bank files yet"
    empty_help = "Approved payouts go into one: add the first."

    def has_add_permission(self, request):
        return request.user.has_perm(CHANGE)

    def get_queryset(self, request):
        waiting = Exported.objects.filter(WAITING, export=OuterRef("pk")).order_by().values("export")
        found = super().get_queryset(request).visible_to(request.user).defer("content")
        return found.annotate(waiting=Subquery(waiting.annotate(count=Count("pk")).values("count")))

    def get_urls(self):
        views = {"download": self.download_view, "answer": self.answer_view}
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"payouts_export_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def get_search_results(self, request, queryset, search_term):
        word = search_term.strip().upper()
        number = word.removeprefix("EXPORT-").removeprefix("P-")
        if number.isdecimal() and len(number) < 18:
            of_payout = Q(pk__in=Exported.objects.filter(payout__number=int(number)).values("export"))
            own = Q(number=int(number))
            asked = {"P": of_payout, "E": own}.get(word[0], own | of_payout)
            return queryset.filter(asked), False
        return super().get_search_results(request, queryset, search_term)

    def add_view(self, request, form_url="", extra_context=None):
        """The groups of what can go, then one of them, then what would be made, and then it is made as it was shown."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        posted = request.POST or None
        form = MakeForm(posted, user=request.user, leave_out=request.POST.getlist("leave_out"))
        step = request.POST.get("step", "")
        if step == "make" and form.is_valid():
            made = tried(form, lambda: operations.export_payouts(by=request.user, **form.arguments()))
            if made:
                messages.success(request, f"{made} is made. Download it, and give it to the bank.")
                return HttpResponseRedirect(reverse("admin:payouts_export_change", args=[made.pk]))
        elif step == "preview" and form.is_valid():
            if not (problems := problems_of(form.cleaned_data["payouts"], form.cleaned_data["format"])):
                return self._confirmation(request, form)
            form.add_error(None, str(operations.NotExported(problems)))
        return self._choice(request, form)

    def _choice(self, request, form):
        method, currency, run = (request.GET.get(name, "") for name in ("method", "currency", "run"))
        ready = ready_for(request.user, run)
        if method not in Payout.Method.values:
            return self.page(request, "export_groups", title="New bank file", groups=groups(ready), run=run)
        chosen = list(ready.filter(method=method, currency=currency).order_by("number"))
        format = operations.format_for(method, currency)
        if not form.is_bound:
            form.initial["format"] = format
        form.fields["format"].choices = [
            each for each in Export.Format.choices if each[0] in {format, Export.Format.CSV}
        ]
        title = f"Bank file: {Payout.Method(method).label}, {currency}"
        return self.page(request, "export_choose", form, title=title, **chosen_of(chosen, format, currency))

    def _confirmation(self, request, form):
        payouts, format = form.cleaned_data["payouts"], Export.Format(form.cleaned_data["format"])
        total, currency = sum(each.total for each in payouts), payouts[0].currency
        sentences = [
            f"{format.label}: {total:,.2f} {currency} in {len(payouts):,} payout{pluralize(len(payouts))}.",
            f"The bank is asked to pay them on {form.cleaned_data['execute_on']:%Y-%m-%d}.",
            "The file is kept as it is made. Its payouts go into no other, unless the bank says that it did not pay.",
        ]
        context = {"title": "Make this bank file?", "button": "Make the file", "sentences": sentences}
        return self.page(request, "confirm", form.confirmation(), back=request.get_full_path(), **context)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        export = self.of(request, as_uuid(object_id))
        answers = export.answers.select_related("imported_by").defer("content")
        context = {
            "export": export,
            "total": money(export.total, export.currency),
            "may_act": request.user.has_perm(CHANGE),
            "answers": answers,
            "downloads": export.downloads.select_related("by")[:DOWNLOADS],
            **orders_of(export, request.GET.get("page")),
        }
        return self.page(request, "export", title=str(export), **context)

    def download_view(self, request, pk):
        """Whole account numbers are in it: for those who give it to the bank, and each time it is noted."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        self.of(request, pk)
        export, content = operations.download_export(export_id=pk, by=request.user)
        return attachment(content, export.name)

    @display(description="File")
    def shown_name(self, export):
        return export.name

    @display(description="Format")
    def shown_format(self, export):
        return export.get_format_display()

    @display(description="Total")
    def shown_total(self, export):
        return money(export.total, export.currency)

    @display(description="Payouts")
    def payouts(self, export):
        return f"{export.payout_count:,}"

    @display(description="Without an answer")
    def unanswered(self, export):
        return f"{export.waiting or 0:,}"

    @display(description="The bank pays on")
    def pays_on(self, export):
        return f"{export.execute_on:%Y-%m-%d}"

    @display(description="Made by")
    def maker(self, export):
        return export.made_by

    @display(description="Made")
    def made(self, export):
        return moment(export.made_at)


def ready_for(user, run):
    """Approved payouts that are in no file, of one run or of all."""
    found = Payout.objects.visible_to(user).filter(status=Status.APPROVED, exported_at=None)
    return found.filter(run=as_uuid(run)) if run else found


def groups(ready):
    rows = ready.order_by().values("method", "currency").annotate(count=Count("pk"), total=Sum("total"))
    return [
        each
        | {
            "label": Payout.Method(each["method"]).label,
            "format": Export.Format(operations.format_for(each["method"], each["currency"])).label,
            "sum": money(each["total"], each["currency"]),
        }
        for each in rows.order_by("method", "currency")
    ]


def chosen_of(payouts, format, currency):
    """What can go, and what not and why."""
    problems = problems_of(payouts, format)
    blocked = {payout.pk for payout, _why in problems}
    good = [each for each in payouts if each.pk not in blocked]
    return {
        "numbers": ",".join(str(each.number) for each in good),
        "good_count": len(good),
        "total": money(sum(each.total for each in good), currency),
        "blocked_count": len(problems),
        "blocked_total": money(sum(payout.total for payout, _why in problems), currency),
        "shown": SHOWN,
        "good": [_row(each) for each in good[:SHOWN]],
        "blocked": [_row(payout) | {"why": why} for payout, why in problems[:SHOWN]],
    }


def _row(payout):
    return {
        "payout": payout,
        "payee": payee_link(payout.payee_type, payout.payee_id),
        "total": money(payout.total, payout.currency),
    }
