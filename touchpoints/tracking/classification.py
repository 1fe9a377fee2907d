"""Which channel brought a visitor: from the address they arrived at and the page they came from, and nothing else.

The order is that of GA4's default channel groups, mapped onto our channels; `docs/tracking.md` tells it in words.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from touchpoints.tracking.tables import (
    APPS,
    CLICK_IDS,
    MAIL_SITES,
    MEDIA,
    OTHER_NAMES,
    SEARCH_ENGINES,
    SOCIAL_NETWORKS,
    TAGS,
    WEAK_CLICK_IDS,
)

LONGEST = 255
LONGEST_CLICK_ID = 512
MOST_PARAMETERS = 200
# GA4's own: cpc, cpa, cpv, …, ppc, retargeting, paid, paid-social, …
PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*", re.DOTALL)
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
# What stands behind google or pinterest where it is a country's: `de`, `co.uk`, `com.au`.
COUNTRY = re.compile(r"[a-z]{2,3}|(?:co|com|org|net)\.[a-z]{2}")
SITES = (("email", MAIL_SITES), ("organic_search", SEARCH_ENGINES), ("social_media", SOCIAL_NETWORKS))
CHANNEL_BY_MEDIUM = {word: channel for channel, words in MEDIA.items() for word in words}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an arrival says of itself, as a touchpoint's columns have it."""

    channel: str
    source: str | None
    medium: str | None
    campaign: str | None
    content: str | None
    term: str | None
    click_ids: dict[str, str] | None


def classify(*, url: str, referrer: str = "", own_hosts: Collection[str] = ()) -> Arrival:
    """Total: any two texts are an arrival. Pages of `own_hosts` brought nobody."""
    parameters = parameters_of(url)
    tags = {name: value for name in TAGS if (value := clean(parameters.get(f"utm_{name}", "")))}
    clicks = {name: value for name in CLICK_IDS if (value := click_id(parameters.get(name, "")))}
    channel, source, medium = _decided(tags, clicks, _sender(referrer, own_hosts))
    return Arrival(
        channel=channel,
        source=tags.get("source") or source,
        medium=tags.get("medium") or medium,
        campaign=tags.get("campaign"),
        content=tags.get("content"),
        term=tags.get("term"),
        click_ids=clicks or None,
    )


def parameters_of(url: str) -> dict[str, str]:
    """The query of an address by name, in lower case. Of a name that stands there twice the first counts."""
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return {}
    return {name.lower(): value for name, value in reversed(pairs)}


def clean(text: str) -> str:
    """Fit to be stored: no control characters, no halves of characters, not longer than its column."""
    return UNPRINTABLE.sub(" ", text).strip()[:LONGEST].strip()


def host_of(address: str) -> str:
    """The host of an address in lower case, "" where it has none."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def click_id(value: str) -> str:
    # Cut short it would name nothing.
    return "" if len(value) > LONGEST_CLICK_ID else UNPRINTABLE.sub("", value)


def _decided(
    tags: Mapping[str, str], clicks: Mapping[str, str], sender: tuple[str, str | None, str | None]
) -> tuple[str, str | None, str | None]:
    """Channel, and what stands for source and medium where no tag names them."""
    medium = _word(tags.get("medium", ""))
    named = CHANNEL_BY_MEDIUM.get(medium)
    for name in clicks:
        if name not in WEAK_CLICK_IDS:
            channel, source = CLICK_IDS[name]
            # The display network marks its clicks with gclid, too.
            shown = "display_ad" if named == "display_ad" else channel
            return shown, source, "affiliate" if channel == "affiliate" else "cpc"
    if tagged := _by_tags(_word(tags.get("source", "")), medium, named):
        return tagged, None, None
    for name in clicks:
        return (*CLICK_IDS[name], "social")
    if "source" in tags or "medium" in tags:
        return "other", None, None
    return sender


def _by_tags(source: str, medium: str, named: str | None) -> str | None:
    """The channel that the tags say, None where they leave it open."""
    kind = _kind_of_source(source)
    if PAID.fullmatch(medium) and kind in {"organic_search", "social_media"}:
        return "paid_search" if kind == "organic_search" else kind
    if named:
        return named
    if PAID.fullmatch(medium):
        return None
    return kind or CHANNEL_BY_MEDIUM.get(source)


def _kind_of_source(source: str) -> str | None:
    name = OTHER_NAMES.get(source, source)
    if name in SEARCH_ENGINES:
        return "organic_search"
    if name in SOCIAL_NETWORKS:
        return "social_media"
    found = _known_site(name)
    return found[0] if found else None


def _sender(referrer: str, own_hosts: Collection[str]) -> tuple[str, str | None, str | None]:
    """By the page the visitor came from."""
    host = host_of(referrer)
    if not host or host in own_hosts:
        return "direct", None, None
    if known := APPS.get(host) or _known_site(host):
        channel, source = known
        return channel, source, {"organic_search": "organic", "social_media": "social"}.get(channel, channel)
    return "referral", clean(host.removeprefix("www.")) or None, "referral"


def _known_site(host: str) -> tuple[str, str] | None:
    # Mail before search: mail.google.com is not the engine.
    for channel, table in SITES:
        for source, sites in table.items():
            # An engine has other services at the names before its own (docs.google.com): those are no search.
            if any(_is_at(host, site, or_below=channel != "organic_search") for site in sites):
                return channel, source
    return None


def _is_at(host: str, site: str, *, or_below: bool) -> bool:
    """`google.*` is any country's, `*.yahoo.com` takes what is below it even of an engine."""
    bare = host.removeprefix("www.").removeprefix("m.")
    if site.startswith("*."):
        return f".{bare}".endswith(site[1:])
    if not site.endswith(".*"):
        return bare == site or (or_below and bare.endswith(f".{site}"))
    before, found, country = bare.rpartition(site[:-1])
    is_whole_name = before == "" or (or_below and before.endswith("."))
    return bool(found) and is_whole_name and COUNTRY.fullmatch(country) is not None


def _word(text: str) -> str:
    return text.lower().replace(" ", "_").replace("-", "_")
