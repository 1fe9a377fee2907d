"""Addresses of links: what is passed on to the page that a link leads to, and who a signed lead is. No database."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from touchpoints.tracking.classification import clean, click_id, parameters_of
from touchpoints.tracking.tables import CLICK_IDS, TAGS

# Hands the visitor of a click on to the tracker of the page it leads to.
CLICK_PARAMETER = "avid"


def known_parameters(url: str) -> tuple[dict[str, str], dict[str, str]]:
    """The tags and click ids of a link's address as it was clicked; anything else in it is left behind."""
    given = parameters_of(url)
    tags = {name: value for name in TAGS if (value := clean(given.get(f"utm_{name}", "")))}
    return tags, {name: value for name in CLICK_IDS if (value := click_id(given.get(name, "")))}


def with_parameters(target: str, added: Mapping[str, str | None]) -> str:
    """The target with these in its query, but for those that it has already."""
    parts = urlsplit(target)
    there = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    query = urlencode({name: value for name, value in added.items() if value and name not in there})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query)))))


def signature_of(lead_id: str, secret: str) -> str:
    return hmac.new(secret.encode(), lead_id.encode(), hashlib.sha256).hexdigest()


def signed_lead(lead_id: str, signature: str, secret: str) -> str | None:
    """The lead, if whoever knows the link's secret wrote it there. Anybody could else earn on anybody's leads."""
    if not lead_id or not lead_id.isprintable() or len(lead_id) > 64:
        return None
    known = hmac.compare_digest(signature_of(lead_id, secret).encode(), signature.lower().encode())
    return lead_id if known else None
