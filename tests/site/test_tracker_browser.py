"""The tracker in a browser, on a site of its own: what it stores, what it sends, and what becomes of it."""

import http.server
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from attribution import operations
from attribution.models import AttributionRecord
from conversions.models import Conversion
from tests import browser
from tests.factories import ConversionFactory, TrackedSiteFactory, TrackingLinkFactory
from tests.tools import needs_browser
from touchpoints.models import Touchpoint
from touchpoints.tracking.operations import identify

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]
LONGEST = 15_000  # milliseconds
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
PAGE = """<!doctype html><title>A shop</title>
<form action="/sent"><input type="hidden" name="visitor" data-attribution-visitor><button>Send</button></form>
<a href="/next">Next</a>
<script src="{server}/static/touchpoints/tracker.js" data-site="shop" {attributes}></script>"""


@pytest.fixture(scope="module")
def chromium():
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, and Django takes its presence for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        started = playwright.chromium.launch(executable_path=browser.find(), args=arguments)
        yield started
        started.close()


class Shop:
    """Somebody's site: another origin than the product's."""

    def __init__(self, server):
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(PAGE.format(server=server, attributes=shop.attributes).encode())

            def log_message(self, *_):
                pass

        self.attributes = ""
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def shop(transactional_db, live_server):
    shop = Shop(live_server.url)
    TrackedSiteFactory(code="shop", origins=[shop.origin])
    yield shop
    shop.close()


class Visitor:
    def __init__(self, context):
        self.page = context.new_page()
        self.context = context
        self.sent, self.answers = [], []
        context.on("request", lambda request: self.noted(self.sent, request, request))
        context.on("response", lambda answer: self.noted(self.answers, answer, answer.status))

    @staticmethod
    def noted(messages, of, what):
        if "/t/collect" in of.url:
            messages.append(what)

    def goto(self, address, **options):
        self.page.goto(address, **options)
        self.page.wait_for_function("window.attribution")
        return self

    def call(self, expression):
        return self.page.evaluate(f"attribution.{expression}")

    def cookies(self):
        return {cookie["name"]: cookie["value"] for cookie in self.context.cookies()}

    def settled(self, messages):
        """Wait until so many messages are answered, and see that there are no more. Before the visitor goes to
        another page: the browser then still sends what it has to, but tells us of no answer."""
        for _ in range(100):
            if len(self.answers) >= messages:
                break
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(200)
        assert self.answers == [204] * messages
        assert len(self.sent) == messages
        return list(Touchpoint.objects.in_time_order())


@pytest.fixture
def visitor(chromium, shop):
    context = chromium.new_context(user_agent=AGENT)
    context.set_default_timeout(LONGEST)
    yield Visitor(context)
    context.close()


def arrive(visitor, address):
    """Come, and agree."""
    visitor.goto(address).call("consent(true)")


def test_without_consent_nothing_is_stored_and_nothing_sent(visitor, shop):
    visitor.goto(f"{shop.origin}/?utm_source=google&utm_medium=cpc")
    visitor.call("page()")
    assert visitor.call("visitorId()") is None
    assert visitor.page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    assert visitor.settled(0) == []
    assert visitor.cookies() == {}


def test_after_consent_the_arrival_is_a_touch_and_the_next_pages_are_none(visitor, shop):
    address = f"{shop.origin}/?utm_source=google&utm_medium=cpc&utm_campaign=autumn&gclid=x1&secret=7"
    visitor.goto(address, referer="https://www.google.com/search?q=private").call("consent(true)")
    visitor.settled(1)
    known = visitor.call("visitorId()")
    visitor.page.get_by_role("link", name="Next").click()
    visitor.page.wait_for_url("**/next")
    visitor.goto(address)
    visitor.call("page()")
    [touch] = visitor.settled(1)
    assert touch.lead_id == f"visitor:{known}"
    assert (touch.channel, touch.campaign, touch.click_ids) == ("paid_search", "autumn", {"gclid": "x1"})
    [message] = [request.post_data for request in visitor.sent]
    assert "secret" not in message
    assert "private" not in message
    lives = {cookie["name"]: round((cookie["expires"] - time.time()) / 60) for cookie in visitor.context.cookies()}
    assert lives == {"attribution_visitor": 365 * 24 * 60, "attribution_visit": 30}


def test_consent_given_by_the_page_counts_at_once(visitor, shop):
    shop.attributes = 'data-consent="granted"'
    visitor.goto(f"{shop.origin}/", referer="https://www.bing.com/")
    [touch] = visitor.settled(1)
    assert (touch.channel, touch.source) == ("organic_search", "bing")


def test_another_campaign_is_another_arrival_and_so_is_another_visit(visitor, shop):
    arrive(visitor, f"{shop.origin}/?utm_medium=email&utm_campaign=one")
    visitor.settled(1)
    visitor.goto(f"{shop.origin}/?utm_medium=email&utm_campaign=two")
    visitor.settled(2)
    visitor.context.clear_cookies(name="attribution_visit")  # as if half an hour had gone
    visitor.goto(f"{shop.origin}/")
    touches = visitor.settled(3)
    assert [(touch.channel, touch.campaign) for touch in touches] == [
        ("email", "one"),
        ("email", "two"),
        ("direct", None),
    ]
    assert len({touch.lead_id for touch in touches}) == 1
    assert len({touch.session_id for touch in touches}) == 3


def test_a_single_page_application_tells_a_new_campaign_and_was_not_come_to_from_there(visitor, shop):
    visitor.goto(f"{shop.origin}/", referer="https://www.google.com/").call("consent(true)")
    # Two that are under way at once may be stored in either order.
    visitor.settled(1)
    visitor.page.evaluate("history.pushState(null, '', '/offer?utm_campaign=inside')")
    visitor.call("page()")
    first, second = visitor.settled(2)
    assert (first.channel, first.campaign) == ("organic_search", None)
    assert (second.channel, second.campaign) == ("direct", "inside")


def test_consent_taken_back_deletes_the_cookies_and_ends_it(visitor, shop):
    arrive(visitor, f"{shop.origin}/")
    visitor.settled(1)
    visitor.call("consent(false)")
    assert visitor.cookies() == {}
    visitor.goto(f"{shop.origin}/?utm_medium=email")
    assert visitor.call("visitorId()") is None
    visitor.settled(1)


def test_who_objects_is_not_tracked_whatever_the_page_says(visitor, shop):
    shop.attributes = 'data-consent="granted"'
    visitor.page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    arrive(visitor, f"{shop.origin}/")
    assert visitor.settled(0) == []
    assert visitor.cookies() == {}


def test_a_form_gets_the_visitors_id(visitor, shop):
    arrive(visitor, f"{shop.origin}/")
    visitor.page.get_by_role("button", name="Send").click()
    visitor.page.wait_for_url("**/sent?*")
    [sent] = parse_qs(urlsplit(visitor.page.url).query)["visitor"]
    assert sent == visitor.cookies()["attribution_visitor"]


def test_a_click_on_a_link_goes_on_as_the_same_visitor(visitor, shop, live_server):
    TrackingLinkFactory(code="letter", target_url=f"{shop.origin}/?step=1")
    arrive(visitor, f"{live_server.url}/t/letter")
    passed_on = parse_qs(urlsplit(visitor.page.url).query)
    assert set(passed_on) == {"step", "utm_source", "utm_medium", "utm_campaign"}
    # The click is the arrival: there is no second one.
    [touch] = visitor.settled(0)
    assert touch.lead_id == f"visitor:{visitor.call('visitorId()')}"
    assert touch.click_ids == {"link": "letter"}


def test_the_whole_way_from_strange_visitor_to_money(visitor, shop, live_server):
    ConversionFactory(lead_id="lead-1")
    arrive(visitor, f"{shop.origin}/?utm_source=google&utm_medium=cpc")
    visitor.settled(1)
    TrackingLinkFactory(code="letter", target_url=f"{shop.origin}/")
    visitor.goto(f"{live_server.url}/t/letter")
    touches = visitor.settled(2)  # the second tells that the click was this visitor's
    known = visitor.call("visitorId()")
    assert [(touch.lead_id, touch.channel) for touch in touches] == [
        (f"visitor:{known}", "paid_search"),
        (f"visitor:{known}", "email"),
    ]
    Conversion.objects.update(occurred_at=touches[-1].timestamp)
    operations.calculate_and_save(lead_id="lead-1")
    assert not AttributionRecord.objects.exists()

    assert identify(visitor_id=known, lead_id="lead-1").touchpoints_moved == 2
    visitor.goto(f"{shop.origin}/?utm_medium=webinar")
    assert {touch.lead_id for touch in visitor.settled(3)} == {"lead-1"}
    for run in operations.calculate_late_touches():
        for shard in run.shards.all():
            operations.calculate_shard(shard.pk)
    credited = AttributionRecord.objects.filter(model="linear").order_by("touched_at")
    assert [(record.channel, str(record.credit)) for record in credited] == [
        ("paid_search", "0.5000000000"),
        ("email", "0.5000000000"),
    ]


def test_an_unknown_link_is_a_page_and_no_loop(visitor, live_server, transactional_db):
    answer = visitor.page.goto(f"{live_server.url}/t/nothing")
    assert answer.status == 404
    expect(visitor.page.get_by_role("heading")).to_have_text("This link does not lead anywhere")
