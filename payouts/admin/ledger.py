"""The ledger as it is, and the proofs of it."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from attribution.admin.records import PayeeFilter
from conversions.admin import money
from conversions.models import Conversion
from partners.admin import ReadOnlyAdmin, moment, page_link, payee_link
from payouts import operations
from payouts.admin.lines import why
from payouts.admin.payouts import CurrencyFilter
from payouts.models import Entry, Payout, Reconciliation
from touchpoints.admin import BigTableAdmin, DayRangeFilter


@admin.register(Entry)
class EntryAdmin(BigTableAdmin):
    list_display = ["booked", "shown_kind", "payee", "shown_amount", "lead_id", "conversion", "payout", "shown_why"]
    list_display_links = ["booked"]
    ordering = ["-id"]
    sortable_by: list[str] = []
    list_filter = [("kind", ChoicesDropdownFilter), PayeeFilter, CurrencyFilter, ("booked_at", DayRangeFilter)]
    exact_search = ["id", "record_id", "conversion_id", "payee_id"]
    search_help_text = "Entry, record or conversion id, partner or broker id"
    empty_title = "Nothing is booked"
    empty_help = "Approved records and adjustments become entries."

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    @display(description="Booked")
    def booked(self, entry):
        return moment(entry.booked_at)

    @display(description="Kind")
    def shown_kind(self, entry):
        return entry.get_kind_display()

    @display(description="Payee")
    def payee(self, entry):
        return payee_link(entry.payee_type, entry.payee_id)

    @display(description="Amount")
    def shown_amount(self, entry):
        return money(entry.amount, entry.currency)

    @display(description="Conversion")
    def conversion(self, entry):
        return page_link(Conversion, entry.conversion_id, "Show")

    @display(description="Payout")
    def payout(self, entry):
        return page_link(Payout, entry.payout_id, "Show")

    @display(description="Why")
    def shown_why(self, entry):
        return why(entry)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = ["finished", "outcome", "differences"]
    sortable_by: list[str] = []
    empty_title = "Never reconciled"
    empty_help = "Reconcile now, or wait for the night."
    list_before_template = "admin/payouts/reconcile.html"

    class Media:
        css = {"all": ["payouts/console.css"]}

    fields = ["finished", "outcome", "differences"]
    readonly_fields = fields
    sections = ["identities", "found"]

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def get_urls(self):
        now = require_POST(self.admin_site.admin_view(self.reconcile_now))
        return [path("reconcile-now/", now, name="payouts_reconciliation_now"), *super().get_urls()]

    def has_reconcile_permission(self, request, object_id=None):
        return request.user.has_perm("payouts.change_payout")

    def changelist_view(self, request, extra_context=None):
        may = {"may_reconcile": self.has_reconcile_permission(request)}
        return super().changelist_view(request, may | (extra_context or {}))

    def reconcile_now(self, request):
        """By POST alone: it writes, and it asks the whole database."""
        if not self.has_reconcile_permission(request):
            raise PermissionDenied
        found = operations.reconcile()
        if found.differences:
            messages.error(request, f"{found.differences:,} differences. Payouts stand still until there are none.")
        else:
            messages.success(request, "All identities hold: no differences.")
        return HttpResponseRedirect(reverse("admin:payouts_reconciliation_change", args=[found.pk]))

    @display(description="Finished")
    def finished(self, found):
        return moment(found.finished_at)

    @display(description="Outcome", label={"Ties out": "success", "Off": "danger"})
    def outcome(self, found):
        return "Off" if found.differences else "Ties out"

    @display(description="Identities")
    def identities(self, found):
        rows = (
            (each.says, found.checked[each.name]["off"]) for each in operations.IDENTITIES if each.name in found.checked
        )
        cells = format_html_join("", "<tr><td>{}</td><td>{}</td></tr>", rows)
        return format_html(
            '<table class="plain"><thead><tr><th>What holds</th><th>Off</th></tr></thead><tbody>{}</tbody></table>',
            cells,
        )

    @display(description="Findings")
    def found(self, found):
        if not found.findings:
            return "None."
        rows = ((each["identity"], each["what"], each["here"], each["there"]) for each in found.findings)
        cells = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        head = format_html("<tr><th>Identity</th><th>Where</th><th>Is</th><th>Should be</th></tr>")
        return format_html('<table class="plain"><thead>{}</thead><tbody>{}</tbody></table>', head, cells)
