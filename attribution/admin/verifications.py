"""Verifications: which stored records no longer come out of their versions and journeys."""

from django.contrib import admin
from django.utils.html import format_html_join
from unfold.decorators import display

from attribution.models import AttributionModel, AttributionRecord, Verification
from partners.admin import NOTHING, ReadOnlyAdmin, moment, page_link
from touchpoints.admin import table

AMOUNTS = ("revenue", "commission")


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    list_display = ["started", "outcome", "checked", "differing", "without_journey", "took"]
    list_display_links = ["started"]
    sortable_by: list[str] = []
    ordering = ["-id"]
    fieldsets = [(None, {"fields": ["started", "outcome", "checked", "differing", "without_journey", "took"]})]
    readonly_fields = ["started", "outcome", "checked", "differing", "without_journey", "took"]
    sections = ["found"]
    empty_title = "Nothing verified yet"
    empty_help = "Each night a sample of records is calculated again. manage.py verify_attribution does it now."

    @display(description="Started", ordering="-id")
    def started(self, verification):
        return moment(verification.started_at)

    @display(description="Outcome", label={"All the same": "success", "Differences": "danger"})
    def outcome(self, verification):
        return "Differences" if verification.differences else "All the same"

    @display(description="Records checked")
    def checked(self, verification):
        return f"{verification.records_checked:,}"

    @display(description="Differing")
    def differing(self, verification):
        return f"{verification.records_differing:,}"

    @display(description="Without a journey")
    def without_journey(self, verification):
        return f"{verification.records_without_journey:,}"

    @display(description="Seconds")
    def took(self, verification):
        return f"{(verification.finished_at - verification.started_at).total_seconds():,.1f}"

    @display(description="What differs, the first hundred")
    def found(self, verification):
        if not verification.differences:
            return "Nothing: every record came out again to the cent."
        return table(["What", "Where", "Model", "Stored", "Comes out as"], map(_row, verification.differences))


def _row(each):
    if "record" not in each:
        off_by = format_html_join(", ", "{} off by {}", ((name, each[name]) for name in ("records", *AMOUNTS)))
        return "", each["what"].capitalize(), each["day"], AttributionModel(each["model"]).label, off_by, NOTHING
    stored, replayed = each["stored"], each["replayed"]
    # A record that is missing has no page.
    where = page_link(AttributionRecord, each["record"]) if stored else f"Conversion {each['conversion']}"
    return "", each["what"].capitalize(), where, AttributionModel(each["model"]).label, _side(stored), _side(replayed)


def _side(side):
    if side is None:
        return NOTHING
    payee = f"{side['payee_type']} {side['payee_id']}".strip()
    return f"{side['credit']}: {side['revenue_attributed']} and {side['commission_amount']} to {payee}"
