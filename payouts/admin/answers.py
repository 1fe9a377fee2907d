"""The bank's answer to a file: looked at, then booked as it was shown; and the page of an answer, row by row."""

import io
from decimal import Decimal

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import display

from conversions.admin import money
from partners.admin import ReadOnlyAdmin, moment, page_link
from payouts import operations
from payouts.admin.export_forms import AnswerForm, SeenAnswerForm, packed
from payouts.admin.forms import LOOK, tried
from payouts.admin.steps import CHANGE
from payouts.models import BankFile, Export, Payout
from touchpoints.admin import BigTableAdmin

SHOWN = 500
EFFECTS = {
    "paid": "Paid",
    "rejected": "Rejected: it may be exported again, or voided",
    "returned": "Returned: it is owed again",
    "known": "Known already: nothing changes",
    "conflict": "Conflict: nothing is booked",
}
# What a person has to look at comes first.
ORDER = ["conflict", "rejected", "returned", "paid", "known"]


class AnswerPages(BigTableAdmin):
    """For the admin of bank files."""

    def of(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request).select_related("made_by"), pk=pk)

    def page(self, request, name, form=None, **context):
        media = LOOK + form.media if form else LOOK
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": media, "form": form}
        status = 422 if form and form.is_bound and form.errors else 200
        return TemplateResponse(request, f"admin/payouts/{name}.html", shared | context, status=status)

    def answer_view(self, request, pk):
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        export = self.of(request, pk)
        if "seen" in request.POST:
            return self._booked(request, export)
        form = AnswerForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
        if not form.is_valid():
            return self._asked(request, export, form)
        file = form.cleaned_data["file"]
        content = file.read()
        known = tried(form, lambda: operations.answer_taken(export, content))
        if known:
            return self._taken(request, known, "These bytes were taken before: nothing was booked again.")
        outcome = None if form.errors else tried(form, lambda: _preview(export, content))
        if outcome is None:
            return self._asked(request, export, form)
        seen = SeenAnswerForm(initial={"answer": packed(file.name, content), "seen": outcome.digest})
        rows = [each.told() for each in outcome.effects]
        context = {"outcome": outcome, "back": request.path, "counts": counted(rows), **shown(rows)}
        return self.page(
            request, "answer_preview", seen, title=f"Answer to {export.reference}", export=export, **context
        )

    def _booked(self, request, export):
        form = SeenAnswerForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data["answer"] | {"seen": form.cleaned_data["seen"]}
            answer = tried(form, lambda: operations.import_bank_answer(export_id=export.pk, by=request.user, **given))
            if answer:
                return self._taken(request, answer, f"{answer} is booked.")
        for texts in form.errors.values():
            messages.error(request, " ".join(map(str, texts)))
        return HttpResponseRedirect(request.path)

    def _asked(self, request, export, form):
        title = f"Import the bank's answer to {export.reference}"
        return self.page(request, "answer", form, title=title, export=export)

    def _taken(self, request, answer, text):
        messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:payouts_bankfile_change", args=[answer.pk]))


def _preview(export, content):
    return operations.preview_bank_answer(export_id=export.pk, content=content)


def counted(rows):
    return [(EFFECTS[name], found) for name in ORDER if (found := sum(each["effect"] == name for each in rows))]


def shown(rows):
    """The first of them, what needs a person before what does not."""
    ordered = sorted(rows, key=lambda each: ORDER.index(each["effect"]))
    return {
        "rows": [
            each
            | {
                "link": page_link(Payout, each["payout_id"], each["payout"]),
                "money": money(Decimal(each["amount"]), each["currency"]),
                "told": EFFECTS[each["effect"]],
            }
            for each in ordered[:SHOWN]
        ],
        "row_count": len(rows),
        "shown": SHOWN,
    }


@admin.register(BankFile)
class BankFileAdmin(ReadOnlyAdmin):
    list_display = ["shown_name", "of_export", "paid", "rejected", "returned", "conflicts", "imported_by", "imported"]
    list_display_links = ["shown_name"]
    list_select_related = ["export", "imported_by"]
    search_fields = ["name", "sha256"]
    sortable_by: list[str] = []
    empty_title = "No answers yet"
    empty_help = "They are imported on the page of the bank file that they answer."
    fields = ["of_export", "paid", "rejected", "returned", "conflicts", "imported_by", "imported", "hash"]
    readonly_fields = fields
    change_form_outer_after_template = "admin/payouts/answer_rows.html"

    class Media:
        css = {"all": ["payouts/console.css"]}

    def get_queryset(self, request):
        found = super().get_queryset(request).visible_to(request.user)
        return found.select_related("export", "imported_by").defer("content", "export__content")

    def get_urls(self):
        view = self.admin_site.admin_view(self.download_view)
        return [path("<uuid:pk>/download/", view, name="payouts_bankfile_download"), *super().get_urls()]

    def download_view(self, request, pk):
        """It may name accounts: for those who deal with the bank."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        answer = get_object_or_404(BankFile.objects.visible_to(request.user), pk=pk)
        return attachment(operations.answer_content(answer), answer.name)

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj is not None:
            context |= {"title": str(obj), "may_act": request.user.has_perm(CHANGE), **shown(obj.outcome)}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Answer")
    def shown_name(self, answer):
        return answer.name

    @display(description="To")
    def of_export(self, answer):
        return page_link(Export, answer.export_id, answer.export.reference)

    @display(description="SHA-256")
    def hash(self, answer):
        return answer.sha256

    @display(description="Imported")
    def imported(self, answer):
        return moment(answer.imported_at)


def attachment(content, name):
    """A browser saves it, and never shows it; as all of the back office, nothing on the way keeps it."""
    answer = FileResponse(
        io.BytesIO(content), as_attachment=True, filename=name, content_type="application/octet-stream"
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
