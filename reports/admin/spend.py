"""Spend in the back office: what was told, and telling it by a CSV file."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget

from partners.admin import NOTHING, ReadOnlyAdmin, moment, page_link
from partners.models import Partner
from reports import spend_csv
from reports.api import MAX_SPEND_ITEMS, save_spend_items
from reports.models import Spend

MAX_FILE_BYTES = 5 * 1024 * 1024
ERRORS_SHOWN = 50


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"UTF-8, at most {MAX_SPEND_ITEMS:,} lines. The first line names the columns: "
        f"{', '.join(spend_csv.COLUMNS)}. A line about what was told before replaces it.",
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE_BYTES:
            raise ValidationError(f"At most {MAX_FILE_BYTES // 1024 // 1024} MiB.")
        try:
            self.items = spend_csv.items_of(file.read())
        except spend_csv.NoTable as error:
            raise ValidationError(str(error)) from None
        if len(self.items) > MAX_SPEND_ITEMS:
            raise ValidationError(f"At most {MAX_SPEND_ITEMS:,} lines.")
        return file


@admin.register(Spend)
class SpendAdmin(ReadOnlyAdmin):
    list_display = ["day", "channel", "shown_campaign", "partner", "amount", "currency", "told"]
    list_filter = [("day", RangeDateFilter), ("channel", ChoicesDropdownFilter), "currency"]
    search_fields = ["campaign", "partner_id"]
    search_help_text = "Campaign or partner's id"
    date_hierarchy = None
    fields = ["id", "day", "channel", "shown_campaign", "partner", "amount", "currency", "told"]
    actions_list = ["start_import"]
    empty_title = "No spend told yet"
    empty_help = (
        "Import a CSV file, or have a program POST to /api/v1/attribution/spend: reports then tell what it brought."
    )

    @action(description="Import CSV", permissions=["import"], icon="upload_file", variant=ActionVariant.PRIMARY)
    def start_import(self, request):
        return HttpResponseRedirect(reverse("admin:reports_spend_import"))

    def has_import_permission(self, request):
        return request.user.has_perms(["reports.add_spend", "reports.change_spend"])

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def get_urls(self):
        importing = self.admin_site.admin_view(self.import_view)
        return [path("import/", importing, name="reports_spend_import"), *super().get_urls()]

    def import_view(self, request):
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        answer = save_spend_items(form.items) if form.is_valid() else None
        if answer and not answer["rejected"]:
            text = f"{answer['accepted']:,} lines stored, {answer['duplicates']:,} were there already."
            messages.success(request, text)
            return HttpResponseRedirect(reverse("admin:reports_spend_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Import spend",
            "form": form,
            "answer": answer,
            "refused": refusals(answer) if answer else [],
            "media": self.media + form.media,
        }
        status = 422 if answer or form.errors else 200
        return TemplateResponse(request, "admin/reports/spend/import.html", context, status=status)

    @display(description="Campaign", ordering="campaign")
    def shown_campaign(self, spend):
        return spend.campaign or NOTHING

    @display(description="Partner", ordering="partner_id")
    def partner(self, spend):
        return page_link(Partner, spend.partner_id)

    @display(description="Told", ordering="updated_at")
    def told(self, spend):
        return moment(spend.updated_at)


def refusals(answer):
    """What is wrong with which line, as a person counts lines: the first has the columns' names."""
    wrong = [item for item in answer["items"] if "errors" in item]
    return [
        (item["index"] + 2, "; ".join(f"{error['attr']}: {error['detail']}" for error in item["errors"]))
        for item in wrong[:ERRORS_SHOWN]
    ]
