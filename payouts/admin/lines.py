"""What is in a payout: its entries by kind, with subtotals, and what a step would do to them."""

from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.urls import reverse
from django.utils.html import format_html

from attribution.models import AttributionRecord
from conversions.admin import money
from conversions.models import Conversion
from partners.admin import moment, page_link
from payouts import operations
from payouts.models import Entry, Kind, Payout

PER_PAGE = 100


def entries_of(payout):
    """Of a void payout, those that were in it at any time."""
    lines = payout.lines.all() if payout.status == Payout.Status.VOID else payout.lines.filter(live=True)
    return Entry.objects.filter(pk__in=lines.values("entry_id"))


def releasable(payout):
    return payout.lines.filter(live=True).count()


def records_to_pay(payout):
    earned = entries_of(payout).filter(kind=Kind.EARNING)
    approved = AttributionRecord.objects.filter(status=AttributionRecord.Status.APPROVED)
    return approved.filter(pk__in=earned.values("record_id")).count()


def shown_lines(payout, page):
    """Subtotals of all lines, and one page of them."""
    entries = entries_of(payout)
    sums = entries.order_by().values("kind").annotate(total=Sum("amount"), count=Count("pk")).order_by("kind")
    shown = Paginator(entries.order_by("kind", "id"), PER_PAGE).get_page(page)
    disputed = set(operations.disputed_lines(payout))
    return {
        "subtotals": [
            {"kind": Kind(each["kind"]).label, "count": each["count"], "total": money(each["total"], payout.currency)}
            for each in sums
        ],
        "page": shown,
        "rows": [_row(entry, entry.pk in disputed) for entry in shown],
        "disputed": len(disputed),
    }


def _row(entry, is_disputed):
    return {
        "pk": entry.pk,
        "kind": entry.get_kind_display(),
        "booked": moment(entry.booked_at),
        "lead": entry.lead_id or "",
        "record": explain_link(entry.record_id),
        "conversion": page_link(Conversion, entry.conversion_id, "Show"),
        "why": why(entry),
        "amount": money(entry.amount, entry.currency),
        "is_disputed": is_disputed,
    }


def why(entry):
    if entry.note:
        return entry.note
    if entry.share is not None and entry.share != entry.amount:
        return f"Of a share of {entry.share:,.2f} {entry.currency}, under the terms."
    return ""


def explain_link(record_id):
    if record_id is None:
        return "–"
    url = reverse("admin:attribution_attributionrecord_explain", args=[record_id])
    return format_html('<a class="row-link" href="{}">Explain</a>', url)
