"""Which channel an arrival counts for. The rules stand in docs/tracking.md."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from hypothesis import example, given
from hypothesis import strategies as st

from touchpoints.models import Channel
from touchpoints.tracking import tables
from touchpoints.tracking.classification import classify, host_of

SITE = "https://www.example.com/quote"
OWN = {"www.example.com"}


def arrival(query="", referrer=""):
    return classify(url=f"{SITE}?{query}", referrer=referrer, own_hosts=OWN)


def told(query="", referrer=""):
    found = arrival(query, referrer)
    return found.channel, found.source, found.medium


@pytest.mark.parametrize(
    ("query", "channel"),
    [
        ("utm_source=google&utm_medium=cpc", "paid_search"),
        ("utm_source=Bing&utm_medium=CPC", "paid_search"),
        ("utm_source=adwords&utm_medium=ppc", "paid_search"),
        ("utm_source=www.google.de&utm_medium=paid", "paid_search"),
        ("utm_source=google&utm_medium=cpm", "paid_search"),
        ("utm_source=anyone&utm_medium=cpm", "display_ad"),
        ("utm_source=google&utm_medium=organic", "organic_search"),
        ("utm_source=google", "organic_search"),
        ("utm_source=facebook&utm_medium=cpc", "social_media"),
        ("utm_source=ig&utm_medium=paid-social", "social_media"),
        ("utm_medium=Social%20Network", "social_media"),
        ("utm_source=linkedin.com", "social_media"),
        ("utm_source=newsletter&utm_medium=e-mail", "email"),
        ("utm_source=newsletter", "email"),
        ("utm_source=acme&utm_medium=affiliates", "affiliate"),
        ("utm_source=acme&utm_medium=banner", "display_ad"),
        ("utm_source=acme&utm_medium=partner", "partner_referral"),
        ("utm_source=acme&utm_medium=broker-referral", "broker_referral"),
        ("utm_medium=webinar", "webinar"),
        ("utm_medium=event", "event"),
        ("utm_medium=phone", "phone_call"),
        ("utm_medium=whatsapp", "chat"),
        ("utm_medium=referral", "referral"),
        ("utm_source=(direct)&utm_medium=(none)", "direct"),
        ("utm_medium=sms", "other"),
        ("utm_source=acme&utm_medium=cpc", "other"),
        ("utm_source=acme", "other"),
    ],
)
def test_tags_say_the_channel(query, channel):
    assert arrival(query, referrer="https://news.example.org/").channel == channel


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("gclid=abc", ("paid_search", "google", "cpc")),
        ("GCLID=abc", ("paid_search", "google", "cpc")),
        ("msclkid=abc&utm_campaign=autumn", ("paid_search", "bing", "cpc")),
        ("gclid=abc&utm_source=acme&utm_medium=cpc", ("paid_search", "acme", "cpc")),
        ("gclid=abc&utm_source=google&utm_medium=display", ("display_ad", "google", "display")),
        ("dclid=abc", ("display_ad", "google", "cpc")),
        ("irclickid=abc", ("affiliate", "impact", "affiliate")),
        ("fbclid=abc", ("social_media", "facebook", "social")),
        ("fbclid=abc&utm_source=newsletter&utm_medium=email", ("email", "newsletter", "email")),
        ("ttclid=abc&utm_source=x1&utm_medium=cpc", ("social_media", "x1", "cpc")),
    ],
)
def test_click_ids_say_the_channel_and_weak_ones_only_where_tags_do_not(query, expected):
    assert told(query) == expected


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.google.com/", ("organic_search", "google", "organic")),
        ("https://www.google.co.uk/search?q=x", ("organic_search", "google", "organic")),
        ("https://google.com.au", ("organic_search", "google", "organic")),
        ("https://docs.google.com/document", ("referral", "docs.google.com", "referral")),
        ("https://mail.google.com/", ("email", "gmail", "email")),
        ("https://google.evil.org/", ("referral", "google.evil.org", "referral")),
        ("https://notgoogle.com/", ("referral", "notgoogle.com", "referral")),
        ("https://de.search.yahoo.com/", ("organic_search", "yahoo", "organic")),
        ("https://l.facebook.com/l.php", ("social_media", "facebook", "social")),
        ("https://t.co/abc", ("social_media", "twitter", "social")),
        ("https://de.pinterest.com/", ("social_media", "pinterest", "social")),
        ("https://pinterest.co.uk/", ("social_media", "pinterest", "social")),
        ("android-app://com.google.android.gm/", ("email", "gmail", "email")),
        ("https://www.money-news.example.org/a?b", ("referral", "money-news.example.org", "referral")),
        ("https://www.example.com/other", ("direct", None, None)),
        ("https://WWW.EXAMPLE.COM./other", ("direct", None, None)),
        ("", ("direct", None, None)),
        ("https://[broken", ("direct", None, None)),
    ],
)
def test_without_tags_the_page_before_says_it(referrer, expected):
    assert told(referrer=referrer) == expected


def test_a_campaign_alone_leaves_the_channel_to_the_page_before():
    found = arrival("utm_campaign=autumn", "https://www.google.com/")
    assert (found.channel, found.campaign) == ("organic_search", "autumn")


def test_all_that_the_address_says_is_kept():
    found = arrival("utm_source=google&utm_medium=cpc&utm_campaign=c&utm_content=d&utm_term=e&gclid=f&other=g")
    assert (found.campaign, found.content, found.term) == ("c", "d", "e")
    assert found.click_ids == {"gclid": "f"}


def test_of_a_tag_given_twice_the_first_counts_and_a_click_id_too_long_to_be_one_is_left_out():
    found = arrival(f"utm_campaign=a&utm_campaign=b&gclid={'x' * 513}")
    assert (found.channel, found.campaign, found.click_ids) == ("direct", "a", None)


NAMES = st.sampled_from([*(f"utm_{name}" for name in tables.TAGS), *tables.CLICK_IDS, "q"])
QUERIES = st.lists(st.tuples(NAMES, st.text(max_size=300).filter(lambda text: text.isprintable()))).map(
    lambda pairs: urlencode(pairs, errors="replace")
)


@given(url=st.text() | QUERIES.map(lambda query: f"{SITE}?{query}"), referrer=st.text())
@example(url="https://[", referrer="http://[::1")
@example(url="?" + "&" * 1000, referrer="//")
@example(url="https://a/?utm_source=\ud800%00%ff&utm_medium=%0a", referrer="https://\udfff/")
def test_any_two_texts_are_an_arrival_that_can_be_stored(url, referrer):
    found = classify(url=url, referrer=referrer, own_hosts=OWN)
    assert found == classify(url=url, referrer=referrer, own_hosts=OWN)
    assert found.channel in Channel.values
    texts = [found.source, found.medium, found.campaign, found.content, found.term]
    for text in filter(None, texts):
        assert len(text) <= 255
        assert not re.search(r"[\x00-\x1f\x7f]", text)
        text.encode()
    assert "" not in texts
    for name, value in (found.click_ids or {}).items():
        assert name in tables.CLICK_IDS
        assert 1 <= len(value.encode()) <= 512 * 4


@given(query=QUERIES, referrer=st.sampled_from(["", "https://www.google.com/", "https://a.example.org/"]))
def test_the_order_of_an_addresses_parameters_does_not_matter(query, referrer):
    names = [pair.partition("=")[0] for pair in query.split("&")]
    if len(set(names)) == len(names):
        assert arrival(query, referrer) == arrival("&".join(reversed(query.split("&"))), referrer)


@given(st.text())
def test_any_text_has_a_host_or_none(text):
    assert host_of(text) == host_of(text).lower()


PAGE = (Path(settings.BASE_DIR) / "docs/tracking.md").read_text()
SCRIPT = (Path(settings.BASE_DIR) / "touchpoints/static/touchpoints/tracker.js").read_text()


def rows_under(title):
    """The table under a heading of the page, as {first cell: [words of the others]}."""
    part = PAGE.split(f"\n### {title}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    return {first.strip("`"): [re.findall(r"`([^`]+)`", cell) for cell in rest] for first, *rest in rows}


def test_the_page_shows_the_tables_as_they_are():
    assert rows_under("Words of utm_medium") == {name: [list(words)] for name, words in tables.MEDIA.items()}
    click_ids = {name: [[channel], [source]] for name, (channel, source) in tables.CLICK_IDS.items()}
    assert rows_under("Click ids") == click_ids
    for title, table in (
        ("Search engines", tables.SEARCH_ENGINES),
        ("Social networks", tables.SOCIAL_NETWORKS),
        ("Mail in the browser", tables.MAIL_SITES),
    ):
        assert rows_under(title) == {source: [list(sites)] for source, sites in table.items()}
    assert rows_under("Apps") == {app: [[channel], [source]] for app, (channel, source) in tables.APPS.items()}
    assert rows_under("Other names of sources") == {name: [[source]] for name, source in tables.OTHER_NAMES.items()}


def test_channels_of_the_tables_are_ours():
    channels = {*tables.MEDIA, *(channel for channel, _ in (*tables.CLICK_IDS.values(), *tables.APPS.values()))}
    assert channels <= set(Channel.values)


def test_the_script_is_small():
    assert len(gzip.compress(SCRIPT.encode())) < 2000


def test_the_script_sends_the_tags_and_click_ids_that_are_read():
    [named] = re.findall(r"CAMPAIGN = /\^\(utm_\(([^)]*)\)\|([^)]*)\)\$/i", SCRIPT)
    assert tuple(named[0].split("|")) == tables.TAGS
    assert sorted(named[1].split("|")) == sorted(tables.CLICK_IDS)
