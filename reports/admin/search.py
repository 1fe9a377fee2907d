"""The one search box: what a person typed, looked up wherever it may be an id, a number or a name. By index alone."""

import time
from urllib.parse import urlencode

from django.contrib.admin import site
from django.core.paginator import Paginator
from django.db.models import Q
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from attribution.models import AttributionRecord
from conversions.models import Conversion
from disputes.admin import finding
from disputes.models import Dispute
from partners.models import Broker, Partner
from touchpoints.admin import as_uuid
from touchpoints.models import Touchpoint

MOST = 5  # of each kind
LONGEST = 255


def search(request):
    """In the place of unfold's, which asks in lower case, by what contains the text, and keeps the answer."""
    started, term = time.monotonic(), request.GET.get("s", "").strip()
    results = everything(request, term) if 0 < len(term) <= LONGEST and "\0" not in term else []
    pages = Paginator(results, 100)
    context = {"page_obj": pages, "results": pages.page(1), "page_counter": 0, "command_show_history": False}
    context["execution_time"] = time.monotonic() - started
    kind = "command" if "extended" in request.GET else "search"
    answer = TemplateResponse(request, f"unfold/helpers/{kind}_results.html", context, headers={"HX-Trigger": "search"})
    answer["Cache-Control"] = "no-store"
    return answer


def everything(request, term):
    user = request.user
    kinds = [
        ("disputes.view_dispute", disputes),
        ("partners.view_partner", partners),
        ("partners.view_broker", brokers),
        ("conversions.view_conversion", conversions),
        ("attribution.view_attributionrecord", records),
        ("touchpoints.view_touchpoint", touchpoints),
    ]
    found = [result for permission, look in kinds if user.has_perm(permission) for result in look(user, term)]
    return [*found, *pages(request, term)]


def pages(request, term):
    """The menu's own lines."""
    assert isinstance(site, UnfoldAdminSite)
    items = [(group.get("title"), item) for group in site.get_sidebar_list(request) for item in group["items"]]
    wanted = term.lower()
    return [
        result(item["title"], group or "Page", str(item["link"]), item["icon"])
        for group, item in items
        if item["has_permission"] and wanted in item["title"].lower()
    ]


def disputes(user, term):
    mine = Dispute.objects.visible_to(user)
    ways = finding.ways_of(term)
    if ways is None:
        return []
    return [
        result(
            str(each),
            f"{each.get_status_display()} dispute, {each.get_dispute_type_display().lower()}, {each.lead_id}",
            page("disputes_dispute", each.pk),
            "gavel",
        )
        for each in mine.filter(ways).order_by("-number")[:MOST]
    ]


def partners(user, term):
    return _payees(Partner.objects.visible_to(user), term, "group")


def brokers(user, term):
    return _payees(Broker.objects.visible_to(user), term, "support_agent")


def _payees(payees, term, icon):
    kind = payees.model._meta.model_name
    found = payees.filter(Q(pk=term) | Q(name__istartswith=term)).order_by("name")[:MOST]
    return [
        result(each.name, f"{kind.capitalize()} {each.pk}", page(f"partners_{kind}", each.pk), icon) for each in found
    ]


def conversions(user, term):
    """By lead, policy or external id; one that is meant by its own id comes alone."""
    mine = Conversion.objects.visible_to(user)
    ways = Q(lead_id=term) | Q(policy_number=term) | Q(policy_id=term) | Q(external_id=term)
    if pk := as_uuid(term):
        ways |= Q(pk=pk)
    found = list(mine.filter(ways).order_by("-occurred_at", "-id")[: MOST + 1])
    results = [
        result(
            f"{each.get_type_display()} of {each.occurred_at:%Y-%m-%d}, {each.value:,.2f} {each.currency}",
            f"Conversion of {each.lead_id}" + (f", policy {each.policy_number}" if each.policy_number else ""),
            page("conversions_conversion", each.pk),
            "task_alt",
        )
        for each in found[:MOST]
    ]
    return results + ([more("conversions_conversion", "All conversions", term)] if len(found) > MOST else [])


def records(user, term):
    """By their own id, or by the conversion's or the touch's."""
    if not (pk := as_uuid(term)):
        return []
    mine = AttributionRecord.objects.visible_to(user)
    found = mine.filter(Q(pk=pk) | Q(conversion_id=pk) | Q(touchpoint_id=pk)).order_by("pk")[:MOST]
    return [
        result(
            str(each),
            f"Record, {each.get_status_display().lower()}",
            page("attribution_attributionrecord", each.pk),
            "pie_chart",
        )
        for each in found
    ]


def touchpoints(user, term):
    mine = Touchpoint.objects.visible_to(user)
    if pk := as_uuid(term):
        return [
            result(f"{each.get_channel_display()} of {each.timestamp:%Y-%m-%d}", f"Touchpoint of {each.lead_id}",
                   page("touchpoints_touchpoint", each.pk), "ads_click")
            for each in mine.filter(pk=pk)[:MOST]
        ]  # fmt: skip
    return [more("touchpoints_touchpoint", f"Touches of {term}", term)] if mine.filter(lead_id=term).exists() else []


def more(label, title, term):
    url = f"{reverse(f'admin:{label}_changelist')}?{urlencode({'q': term})}"
    return result(title, "List", url, "list")


def page(label, pk):
    return reverse(f"admin:{label}_change", args=[pk])


def result(title, description, link, icon):
    return SearchResult(title=str(title), description=description, link=link, icon=icon)
