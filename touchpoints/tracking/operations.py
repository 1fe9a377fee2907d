"""Writes of what the tracker, links and pixel tell, and of who a visitor turned out to be."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F, Value
from django.utils import timezone

from attribution_site.errors import DomainError
from touchpoints import operations
from touchpoints.models import Touchpoint
from touchpoints.tracking.classification import classify
from touchpoints.tracking.models import Identity, LinkDay, TrackedSite, TrackingLink

VISITOR_LEAD = "visitor:"
# Under this name a touch's click ids tell the link it came by.
LINK = "link"


class VisitorOfOtherLead(DomainError):
    """The visitor was identified as another lead: two people share a browser, or two leads are one person."""

    code = "visitor_of_other_lead"


@dataclass(frozen=True)
class Identified:
    visitor_id: str
    lead_id: str
    touchpoints_moved: int


@transaction.atomic
def record_arrival(*, site: TrackedSite, visitor_id: str, session_id: str, url: str, referrer: str) -> None:
    """Store the arrival of a visitor at a site as a touch of the visitor, or of the lead that it is known to be."""
    arrival = classify(url=url, referrer=referrer, own_hosts=site.hosts)
    values = {
        "lead_id": _lead_of(visitor_id),
        "session_id": session_id,
        "channel": arrival.channel,
        "source": arrival.source,
        "medium": arrival.medium,
        "campaign": arrival.campaign,
        "content": arrival.content,
        "term": arrival.term,
        "click_ids": arrival.click_ids,
        "partner_id": site.partner_id,
        "broker_id": site.broker_id,
    }
    _store(values)


@transaction.atomic
def record_click(
    *, link: TrackingLink, visitor_id: str, lead_id: str | None, tags: Mapping[str, str], click_ids: Mapping[str, str]
) -> None:
    """Count a click on a link and store it as a touch of the lead, if one is named. What the link says counts before
    what its address says."""
    _store(_values(link, lead_id or _lead_of(visitor_id), tags, click_ids))
    _count(link, "clicks")


@transaction.atomic
def record_open(*, link: TrackingLink, visitor_id: str | None, lead_id: str | None) -> None:
    """Count an opening of the pixel. It is a touch where the link says so and somebody is named."""
    if link.opens_are_touches and (lead_id or visitor_id):
        _store(_values(link, lead_id or _lead_of(visitor_id or ""), {}, {}))
    _count(link, "opens")


@transaction.atomic
def join_click(*, visitor_id: str, click_id: str) -> int:
    """Give a click that was made before the browser's visitor was known to this visitor. How many touches moved.

    Of a click id nothing moves but what links recorded under it, and that only once.
    """
    lead_id = _lead_of(visitor_id)
    clicks = Touchpoint.objects.filter(lead_id=f"{VISITOR_LEAD}{click_id}", click_ids__has_key=LINK)
    return clicks.update(lead_id=lead_id) if click_id != visitor_id else 0


@transaction.atomic
def identify(*, visitor_id: str, lead_id: str) -> Identified:
    """Say who a visitor is. Earlier touches become the lead's, later ones go to the lead at once.

    Said again it changes nothing; raises VisitorOfOtherLead where something else was said before.
    """
    if lead_id.startswith(VISITOR_LEAD):
        message = "This is no lead but a visitor whom nobody has identified."
        raise ValidationError({"lead_id": ValidationError(message, code="a_visitor")})
    _lock(visitor_id, shared=False)
    identity, _ = Identity.objects.get_or_create(visitor_id=visitor_id, defaults={"lead_id": lead_id})
    if identity.lead_id != lead_id:
        raise VisitorOfOtherLead(f"Visitor {visitor_id} was identified as another lead already.")
    moved = Touchpoint.objects.filter(lead_id=f"{VISITOR_LEAD}{visitor_id}").update(lead_id=lead_id)
    return Identified(visitor_id, lead_id, moved)


def _lead_of(visitor_id: str) -> str:
    _lock(visitor_id, shared=True)
    known = Identity.objects.filter(pk=visitor_id).values_list("lead_id", flat=True).first()
    return known or f"{VISITOR_LEAD}{visitor_id}"


def _lock(visitor_id: str, *, shared: bool) -> None:
    """Until the transaction ends: a touch that does not know of an identity is stored before it, and moves with it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(hashtext('touchpoints.visitor'), hashtext(%s))",
            [visitor_id],
        )


def _values(link: TrackingLink, lead_id: str, tags: Mapping[str, str], click_ids: Mapping[str, str]) -> dict[str, Any]:
    return {
        "lead_id": lead_id,
        "channel": link.channel,
        "source": link.source or tags.get("source"),
        "medium": link.medium or tags.get("medium"),
        "campaign": link.campaign or tags.get("campaign"),
        "content": link.content or tags.get("content"),
        "term": link.term or tags.get("term"),
        "referral_code": link.referral_code,
        "partner_id": link.partner_id,
        "broker_id": link.broker_id,
        "click_ids": {LINK: link.code, **click_ids},
    }


def _store(values: Mapping[str, Any]) -> None:
    operations.create_touchpoint(values={**values, "timestamp": timezone.now()})


def _count(link: TrackingLink, what: str) -> None:
    """Last in its transaction: all clicks on one link wait for each other here."""
    today = timezone.now().astimezone(dt.UTC).date()
    day = LinkDay.objects.filter(link=link, day=today)
    if not day.update(**{what: F(what) + Value(1)}):
        LinkDay.objects.bulk_create([LinkDay(link=link, day=today)], ignore_conflicts=True)
        day.update(**{what: F(what) + Value(1)})
