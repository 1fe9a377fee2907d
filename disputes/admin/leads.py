"""All that is known of one lead on one page: its touches as a timeline, its conversions with who earned them, its
disputes and what they settled."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse

from attribution.admin import timeline
from attribution.models import AttributionRecord, Settlement, with_net
from conversions.models import Conversion
from disputes.models import Dispute
from partners.admin import payee_link
from touchpoints.models import Touchpoint

NEEDED = ["touchpoints.view_touchpoint", "conversions.view_conversion"]
SHOWN = 50
SHARES_SHOWN = 12  # of one conversion; its own page has them all


def lead_page(request, lead_id):
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    touches = list(Touchpoint.objects.filter(lead_id=lead_id).order_by("-timestamp", "-id")[: timeline.MOST])
    conversions = list(Conversion.objects.filter(lead_id=lead_id).order_by("-occurred_at", "-id")[:SHOWN])
    disputes = _disputes(request, lead_id)
    if not (touches or conversions or disputes):
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": f"Lead {lead_id}",
        "lead_id": lead_id,
        "timeline": timeline.of_lead(lead_id, list(reversed(conversions)), list(reversed(touches))),
        "conversions": _with_shares(request, conversions),
        "disputes": disputes,
        "settlements": _settlements(request, lead_id),
        "more": {"touches": len(touches) == timeline.MOST, "conversions": len(conversions) == SHOWN},
    }
    return TemplateResponse(request, "admin/disputes/dispute/lead.html", context)


def _disputes(request, lead_id):
    found = Dispute.objects.visible_to(request.user).filter(lead_id=lead_id).select_related("assigned_to")
    return list(found[:SHOWN])


def _settlements(request, lead_id):
    if not request.user.has_perm("attribution.view_settlement"):
        return []
    # There is an index on conversions, and a lead has few of them.
    ids = Conversion.objects.filter(lead_id=lead_id).values("pk")
    found = list(Settlement.objects.filter(conversion_id__in=ids).select_related("created_by").order_by("-pk")[:SHOWN])
    numbers = Dispute.objects.filter(pk__in=[each.dispute_id for each in found]).in_bulk()
    return [{"settlement": each, "dispute": numbers.get(each.dispute_id)} for each in found]


def _with_shares(request, conversions):
    """Each with the payees of its payable records, what they have net, the largest first."""
    if not request.user.has_perm("attribution.view_attributionrecord"):
        return [{"conversion": each, "shares": [], "more": 0} for each in conversions]
    records = with_net(
        AttributionRecord.objects.filter(conversion_id__in=[each.pk for each in conversions], payable=True)
    )
    by_conversion: dict = {}
    for record in records.order_by("-net_credit", "pk"):
        by_conversion.setdefault(record.conversion_id, []).append(record)
    return [_shared(each, by_conversion.get(each.pk, [])) for each in conversions]


def _shared(conversion, records):
    shares = [
        {
            "record": record,
            "payee": payee_link(record.payee_type, record.payee_id),
            "percent": f"{record.net_credit * 100:.2f}",
        }
        for record in records[:SHARES_SHOWN]
    ]
    return {"conversion": conversion, "shares": shares, "more": max(len(records) - SHARES_SHOWN, 0)}
