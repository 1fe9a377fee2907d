"""The doors that browsers knock at: the tracker's messages, links and their pixel. They let in and tell nothing."""

import logging
import re
import secrets
from typing import Annotated

import msgspec
from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from touchpoints.tracking import operations, requests
from touchpoints.tracking.links import CLICK_PARAMETER, known_parameters, signed_lead, with_parameters
from touchpoints.tracking.models import TrackedSite, TrackingLink

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 8 * 1024
CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
VISITOR = re.compile(r"[0-9a-f]{32}")
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")

_Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """What the tracker sends."""

    site: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,40}\Z")]
    visitor: _Hex
    session: _Hex | None = None
    url: str = ""
    referrer: str = ""
    click: _Hex | None = None


class Refused(Exception):
    def __init__(self, status, detail):
        self.answer = HttpResponse(f"{detail}\n", status=status, content_type="text/plain; charset=utf-8")


@csrf_exempt
@require_POST
def collect(request):
    """One message of the tracker. It waits for no answer, so that there is none to read but the status."""
    try:
        message = _message(request)
        site = _site(request, message)
        if not (requests.objects_to_tracking(request) or requests.is_machine(request)):
            _take(request, site, message)
        answer = HttpResponse(status=204)
    except Refused as refused:
        answer = refused.answer
    else:
        answer["Access-Control-Allow-Origin"] = request.headers["Origin"]
    answer["Vary"] = "Origin"
    answer["Cache-Control"] = "no-store"
    return answer


def _message(request):
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
        raise Refused(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        message = msgspec.json.decode(request.read(MAX_BODY_BYTES), type=Message)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Refused(400, "This is no message of the tracker.") from None
    if message.click is None and message.session is None:
        raise Refused(400, "Give a session.")
    return message


def _site(request, message):
    site = TrackedSite.objects.filter(code=message.site, is_active=True).first()
    if site is None:
        raise Refused(404, "There is no such site.")
    if request.headers.get("Origin") not in site.origins:
        raise Refused(403, "The site is not at this origin.")
    return site


def _take(request, site, message):
    if not requests.is_within_limit(request, site.code):
        refused = Refused(429, "Too many messages from this address.")
        refused.answer["Retry-After"] = str(requests.MINUTE)
        raise refused
    if message.click:
        operations.join_click(visitor_id=message.visitor, click_id=message.click)
    else:
        operations.record_arrival(
            site=site,
            visitor_id=message.visitor,
            session_id=message.session,
            url=message.url,
            referrer=message.referrer,
        )


@require_safe
def follow(request, code):
    """Send whoever clicked a link on to its target, and record the click."""
    link = _link(code)
    if link is None or _leads_back(request, link):
        return _private(render(request, "touchpoints/unknown_link.html", status=404))
    tags, click_ids = known_parameters(request.get_full_path())
    own = {name: getattr(link, name) for name in ("source", "medium", "campaign", "content", "term")}
    passed_on = {f"utm_{name}": value or tags.get(name) for name, value in own.items()} | click_ids
    if _is_counted(request, link):
        passed_on[CLICK_PARAMETER] = visitor_id = secrets.token_hex(16)
        lead_id = _lead(request, link)
        try:
            operations.record_click(link=link, visitor_id=visitor_id, lead_id=lead_id, tags=tags, click_ids=click_ids)
        except (DatabaseError, InterfaceError):
            # Whoever clicked wants to get there, whatever became of our count.
            logger.exception("A click on %s was not recorded.", code)
    return _private(HttpResponseRedirect(with_parameters(link.target_url, passed_on)))


@require_safe
def pixel(request, code):
    """The picture, whatever the code: a broken one would show in a letter."""
    link = _link(code)
    if link is not None and _is_counted(request, link):
        visitor_id, lead_id = request.GET.get("visitor", ""), _lead(request, link)
        visitor_id = visitor_id if VISITOR.fullmatch(visitor_id) else None
        who = lead_id or visitor_id
        if who is None or requests.is_first_today(f"open:{link.code}:{who}"):
            operations.record_open(link=link, visitor_id=visitor_id, lead_id=lead_id)
    return _private(HttpResponse(PIXEL, content_type="image/gif"))


def _link(code):
    return TrackingLink.objects.filter(code=code, is_active=True).first() if CODE.fullmatch(code) else None


def _leads_back(request, link):
    """What was no loop when it was stored may have become one, with another name of our own."""
    return link.target_url.partition("://")[2].startswith(f"{request.get_host()}/t/")


def _lead(request, link):
    return signed_lead(request.GET.get("lead", ""), request.GET.get("sig", ""), link.secret)


def _is_counted(request, link):
    if requests.objects_to_tracking(request) or requests.is_machine(request):
        return False
    return requests.is_within_limit(request, f"link:{link.code}")


def _private(response):
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
