"""Bodies of touches, read in one step of decoding and checking.

Only what is certainly right comes out as a `Touch`. Whatever is odd in any way is parsed as everywhere else and goes
to the serializer, which takes it or says in the contract's words what is wrong. So there is one set of rules, and
this is a shortcut through it: `tests/touchpoints/test_lean_door.py` holds the two ways together.
"""

import datetime as dt
import io
import re
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from django.utils import timezone
from msgspec import UNSET, Meta, UnsetType

from attribution_site.api.wire import MAX_BODY_BYTES, StrictJSONParser
from touchpoints.ingestion.touch import Touch
from touchpoints.models import CLOCK_SKEW, EARLIEST, Channel

MAX_CLICK_IDS = 20
MAX_CLICK_ID_NAME, MAX_CLICK_ID = 64, 512

APART = re.compile(rb'"[ \t\n\r]+:')  # a name and its colon

OpaqueId: TypeAlias = Annotated[str, Meta(max_length=64)]
Text: TypeAlias = Annotated[str, Meta(max_length=255)]
ClickIds: TypeAlias = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=MAX_CLICK_ID_NAME)],
        Annotated[str, Meta(max_length=MAX_CLICK_ID)],
    ],
    Meta(max_length=MAX_CLICK_IDS),
]


class Sent(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A touch as a client may send it."""

    id: UUID | UnsetType = UNSET
    lead_id: Annotated[str, Meta(min_length=1, max_length=64)]
    session_id: OpaqueId | None = None
    channel: Literal[tuple(Channel.values)]  # type: ignore[valid-type]
    source: Text | None = None
    medium: Text | None = None
    campaign: Text | None = None
    content: Text | None = None
    term: Text | None = None
    referral_code: OpaqueId | None = None
    partner_id: OpaqueId | None = None
    broker_id: OpaqueId | None = None
    click_ids: ClickIds | None = None
    timestamp: str | UnsetType = UNSET


class LeanParser(StrictJSONParser):
    """Gives a `Touch` for each that is certainly right, the strict parser's objects for others."""

    def parse(self, stream, media_type=None, parser_context=None):
        body = stream.read(MAX_BODY_BYTES + 1)
        touches = certain(body) if parser_context["view"].action == "create" else None
        if touches is not None and not (isinstance(touches, list) and None in touches):
            return touches
        parsed = super().parse(io.BytesIO(body), media_type, parser_context)
        return [touch or item for touch, item in zip(touches, parsed, strict=True)] if touches else parsed


def certain(body: bytes) -> Touch | list[Touch | None] | None:
    """The touch, or those of an array, with None for each that is to be looked at closely."""
    # Without escapes no text holds a quote, a control character or half of a surrogate pair, and DEL is seen here.
    if b"\\" in body or b"\x7f" in body or APART.search(body):
        return None
    try:
        sent = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    items = sent if isinstance(sent, list) else [sent]
    # So each `":` ends a name, and each name ends so; where there are more of them than names, one was given twice.
    if body.count(b'":') != sum(_names(item) for item in items):
        return None
    now = timezone.now()
    touches = [_touch(item, now) for item in items]
    return touches if isinstance(sent, list) else touches[0]


def _names(item: Any) -> int:
    if not isinstance(item, dict):
        return 0
    return len(item) + len(click_ids if isinstance(click_ids := item.get("clickIds"), dict) else ())


def _touch(item: Any, now: dt.datetime) -> Touch | None:
    try:
        sent = msgspec.convert(item, Sent)
        time = _time(sent, now)
    except (ValueError, OverflowError):
        return None
    if time is None:
        return None
    return Touch(
        id=None if sent.id is UNSET else sent.id,
        lead_id=sent.lead_id,
        session_id=sent.session_id or None,
        channel=sent.channel,
        source=sent.source or None,
        medium=sent.medium or None,
        campaign=sent.campaign or None,
        content=sent.content or None,
        term=sent.term or None,
        referral_code=sent.referral_code or None,
        partner_id=sent.partner_id or None,
        broker_id=sent.broker_id or None,
        click_ids=sent.click_ids,
        timestamp=time,
    )


def _time(sent: Sent, now: dt.datetime) -> dt.datetime | None:
    if isinstance(sent.timestamp, UnsetType):
        return now if sent.id is UNSET else None
    # By the function that the serializer's field reads times with; msgspec would round where that cuts off.
    time = dt.datetime.fromisoformat(sent.timestamp)
    if time.tzinfo is None:
        return None
    time = time.astimezone(dt.UTC)
    return time if EARLIEST <= time <= now + CLOCK_SKEW else None
