"""A conversion's page with the records it gave, and with its reversals."""

from itertools import groupby

from django.contrib import admin
from django.shortcuts import get_object_or_404
from django.utils.html import format_html_join
from unfold.decorators import action, display

from attribution.admin import timeline
from attribution.admin.records import share_table
from attribution.admin.reversal_page import ReversalPage
from attribution.models import AttributionModel, AttributionRecord
from conversions.admin import ConversionAdmin, money
from conversions.models import Conversion
from partners.admin import NOTHING, moment
from touchpoints.admin import as_uuid, table

REVERSALS_SHOWN = 100

admin.site.unregister(Conversion)


@admin.register(Conversion)
class ConversionWithRecords(ConversionAdmin):
    """Conversions know nothing of attribution; their page does."""

    sections = ["timeline", "reversals", *ConversionAdmin.sections, "records"]
    actions_detail = ["reverse"]

    class Media:
        css = {"all": ["attribution/configurations.css", "attribution/timeline.css"]}
        js = ["attribution/timeline.js"]

    @action(description="Reverse…", permissions=["reverse"], icon="undo")
    def reverse(self, request, object_id):
        conversion = get_object_or_404(self.get_queryset(request), pk=as_uuid(object_id))
        return ReversalPage(self, request, conversion).answer()

    def has_reverse_permission(self, request, object_id=None):
        return request.user.has_perm("conversions.add_reversal")

    @display(description="The journey")
    def timeline(self, conversion):
        return timeline.rendered(conversion)

    @display(description="Reversals")
    def reversals(self, conversion):
        rows = [
            (
                "",
                moment(reversal.occurred_at),
                reversal.get_reason_display(),
                money(reversal.amount, conversion.currency),
                money(reversal.commission_amount, conversion.currency),
                reversal.created_by or NOTHING,
                reversal.note or NOTHING,
            )
            for reversal in conversion.reversals.select_related("created_by")[:REVERSALS_SHOWN]
        ]
        if not rows:
            return "None: all of it stands."
        return table(["When", "Reason", "Value", "Commission", "By", "Note"], rows)

    @display(description="Who earned it")
    def records(self, conversion):
        shares = AttributionRecord.objects.filter(conversion_id=conversion.pk).order_by("model", "position")
        by_model = [(model, list(group)) for model, group in groupby(shares[:1000], lambda share: share.model)]
        if not by_model:
            return "Not calculated, or unattributed. A run calculates it."
        return format_html_join(
            "",
            "<h3>{}{}</h3>{}",
            (
                (
                    AttributionModel(model).label,
                    " (pays commission)" if group[0].payable else "",
                    share_table(group),
                )
                for model, group in by_model
            ),
        )
