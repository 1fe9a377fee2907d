"""The back office as a person has it: in a browser, with its scripts and styles, on a server of its own."""

import datetime as dt
import re
from decimal import Decimal

import pytest
import redis
from django.conf import settings as site
from django.db.models import Sum
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from attribution import operations
from attribution.models import AttributionRecord, Run
from conversions.models import Conversion
from tests import browser
from tests.attribution.worlds import NOW, make_world
from tests.factories import BrokerFactory, PartnerFactory, UserFactory
from tests.tools import needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]
LONGEST = 15_000  # milliseconds
PASSWORD = "four words make sense"
expect.set_options(timeout=LONGEST)
DRAWN = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"""
MANY = {"touches": (1, 6), "conversions": (1, 2)}


@pytest.fixture(scope="module")
def chromium():
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, and Django takes its presence for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        started = playwright.chromium.launch(executable_path=browser.find(), args=arguments)
        yield started
        started.close()


def watch(page, address):
    """Collect whatever a page must not do: errors, answers that are none, requests to anywhere else."""
    wrong = []

    def failed(request):
        # Going to another page gives up the question that is under way, and the tab's icon that is being fetched.
        if not (request.url.endswith(("/progress/", "/icon.svg")) and "ERR_ABORTED" in request.failure):
            wrong.append(f"failed: {request.url} {request.failure}")

    def asked(request):
        if not request.url.startswith((f"{address}/", "data:")):
            wrong.append(f"outside: {request.url}")

    page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("requestfailed", failed)
    page.on("request", asked)
    page.on("response", lambda answer: wrong.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    return wrong


@pytest.fixture
def visit(chromium, transactional_db, live_server):
    """Opens a page as a new user of this role, in a browser of their own; no page of a test may do wrong."""
    opened = []

    def visit(path, role=None, **fields):
        context = chromium.new_context(
            base_url=live_server.url, timezone_id="America/New_York", viewport={"width": 1440, "height": 900}
        )
        context.set_default_timeout(LONGEST)
        page = context.new_page()
        opened.append((context, watch(page, live_server.url)))
        if role or fields:
            client = Client()
            client.force_login(UserFactory(role=role, **fields))
            session = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page.goto(path)
        return page

    yield visit
    for context, _ in opened:
        context.close()
    assert [wrong for _, all_wrong in opened for wrong in all_wrong] == []


@pytest.fixture
def own_queue(queue):
    """Where runs are queued that nobody but the test works off, empty."""
    redis.Redis.from_url(site.REDIS_URL).delete(queue)
    return queue


def calculated_world(leads=30):
    make_world(leads, **MANY)
    run = operations.start_run(queue=False)
    for shard in run.shards.all():
        assert operations.calculate_shard(shard.pk)
    return run


def shown(page, name):
    return page.locator(f"[data-show={name}]")


def card(page, title):
    return page.locator(".board-card", has=page.get_by_role("heading", name=title, exact=False)).first


def test_signing_in_leads_to_the_front_page_which_tells_how_to_get_data(visit):
    page = visit("/admin/login/")
    user = UserFactory(username="ana", role="Analyst")
    user.set_password(PASSWORD)
    user.save()
    page.get_by_label("Username").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    expect(page.get_by_role("heading", name="No data yet")).to_be_visible()
    expect(page.get_by_text("python manage.py load_demo")).to_be_visible()
    assert page.locator("canvas").count() == 0


def test_the_front_page_shows_pictures_and_numbers_of_what_was_calculated(visit):
    calculated_world()
    page = visit("/admin/", "Analyst")
    page.get_by_role("link", name="Show the thirty days up to it").click()
    last = Conversion.objects.latest("occurred_at").occurred_at.date()
    since = dt.datetime.combine(last - dt.timedelta(days=29), dt.time(), dt.UTC)
    counted = Conversion.objects.filter(occurred_at__gte=since)
    paid = AttributionRecord.objects.filter(occurred_at__gte=since, payable=True).exclude(payee_type="house")

    expect(card(page, "Conversions").locator(".figure")).to_have_text(f"{counted.count():,}")
    revenue = counted.aggregate(sum=Sum("value"))["sum"]
    expect(card(page, "Revenue").locator(".figure")).to_have_text(f"{revenue:,.2f} USD")
    commission = paid.aggregate(sum=Sum("commission_amount"))["sum"]
    assert commission > 0
    expect(card(page, "Commission payable").locator(".figure")).to_have_text(f"{commission:,.2f} USD")
    expect(card(page, "Last run")).to_contain_text("Finished")

    canvases = page.locator("canvas")
    expect(canvases).to_have_count(3)
    for number in range(3):
        canvas = canvases.nth(number).element_handle()
        page.wait_for_function(DRAWN, arg=canvas)
        assert canvas.bounding_box()["height"] >= 250
    bars = canvases.first.evaluate("canvas => Chart.getChart(canvas).data.datasets.flatMap(bar => bar.data)")
    everything = AttributionRecord.objects.filter(occurred_at__gte=since).aggregate(sum=Sum("revenue_attributed"))
    assert round(Decimal(sum(bars)), 2) == everything["sum"]


def test_a_run_started_by_the_form_is_watched_until_it_is_finished(visit, own_queue, settings):
    settings.SHARD_CONVERSIONS = 10
    make_world(30, **MANY)
    page = visit("/admin/attribution/run/", "Operations")
    page.get_by_role("link", name="Start a run").first.click()
    page.get_by_label("Linear").check()
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("The run is started.")).to_be_visible()
    expect(shown(page, "status_text")).to_have_text("Queued")
    expect(shown(page, "percent")).to_have_text("0.0")

    run = Run.objects.get()
    assert run.model_names == ["linear"]
    first, *others = run.shards.order_by("number")
    assert redis.Redis.from_url(site.REDIS_URL).llen(own_queue) == 1 + len(others) > 2
    page.evaluate("window.sameAsBefore = true")
    assert operations.calculate_shard(first.pk)
    expect(page.locator("[data-count=conversions_done]")).to_have_text(str(first.conversions_total))
    expect(shown(page, "status_text")).to_have_text("Running")
    expect(page.locator(".run-shards .shard-done")).to_have_count(1)
    assert page.evaluate("window.sameAsBefore")

    for shard in others:
        assert operations.calculate_shard(shard.pk)
    expect(shown(page, "status_text")).to_have_text("Finished")
    expect(shown(page, "percent")).to_have_text("100.0")
    expect(page.locator("[data-count=written]")).to_have_text(str(AttributionRecord.objects.count()))
    expect(page.get_by_text("None: everything this run calculated could be stored.")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel the run")).to_be_hidden()


def test_a_run_is_cancelled_on_its_page(visit):
    make_world(5, **MANY)
    run = operations.start_run(queue=False)
    page = visit(f"/admin/attribution/run/{run.pk}/change/", "Operations")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("The run is cancelled. What it had stored stays.")).to_be_visible()
    expect(shown(page, "status_text")).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)
    expect(page.locator(".run-shards .shard-cancelled")).to_have_count(1)
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED


def filter_by(page, **chosen):
    page.locator("a:has-text('Filters'):visible").first.click()
    for name, label in chosen.items():
        page.locator(f"select[name={name}__exact]").select_option(label=label, force=True)
    page.get_by_role("button", name="Apply Filters").click()


def test_records_are_filtered_opened_and_followed_to_their_conversion_and_never_edited(visit):
    calculated_world(8)
    approved = AttributionRecord.objects.filter(model="position_based", payee_type="partner").first()
    finance = UserFactory(role="Finance")
    operations.change_record(record_id=approved.pk, status="approved", reason="Checked.", by=finance)

    page = visit("/admin/attribution/attributionrecord/", "Finance")
    rows = page.locator("#result_list tbody tr")
    filter_by(page, model="Position Based")
    expect(page).to_have_url(re.compile("model__exact=position_based"))
    position_based = AttributionRecord.objects.filter(model="position_based").count()
    expect(rows).to_have_count(min(position_based, 50))
    expect(rows.filter(has_text="Position Based")).to_have_count(min(position_based, 50))
    filter_by(page, status="Approved")
    expect(page).to_have_url(re.compile("model__exact=position_based.*status__exact=approved"))
    expect(rows).to_have_count(1)

    rows.first.get_by_role("link").first.click()
    page.wait_for_url(f"**/attributionrecord/{approved.pk}/change/**")
    expect_read_only(page)
    expect(page.locator("#content-main")).to_contain_text(f"{approved.revenue_attributed:,.2f} USD")
    page.locator("#content-main a[href*='/conversions/conversion/']").first.click()
    page.wait_for_url(f"**/conversion/{approved.conversion_id}/change/")
    expect_read_only(page)
    expect(page.locator("#content-main")).to_contain_text("Position Based (pays commission)")


def expect_read_only(page):
    expect(page.get_by_role("link", name="Close")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Save|Delete"))).to_have_count(0)
    # The switch of the timeline chooses what it shows.
    fields = "input:not([type=hidden], [type=radio]), select, textarea"
    expect(page.locator("#content-main").locator(fields)).to_have_count(0)


def buttons_that_act(page):
    adding = page.locator(
        "a[href*='/add/']:visible, a:visible:has-text('Start a run'), a:visible:has-text('Add a version')"
    )
    acting = page.get_by_role("button", name=re.compile("Save|Delete|Cancel the run"))
    return adding.count() + acting.count()


def test_an_analyst_is_offered_nothing_that_acts(visit):
    make_world(3, **MANY)
    run = operations.start_run(queue=False)
    partner, broker = PartnerFactory(), BrokerFactory()
    pages = [
        "/admin/attribution/run/",
        f"/admin/attribution/run/{run.pk}/change/",
        "/admin/attribution/modelconfig/",
        "/admin/partners/partner/",
        f"/admin/partners/partner/{partner.pk}/change/",
        f"/admin/partners/broker/{broker.pk}/change/",
    ]

    def offered(page):
        return [buttons_that_act(page) for path in pages if page.goto(path).ok]

    assert offered(visit("/admin/", "Analyst")) == [0] * len(pages)
    assert 0 not in offered(visit("/admin/", is_superuser=True))


def test_times_are_the_readers(visit):
    make_world(3, **MANY)
    page = visit("/admin/", "Analyst")
    conversion = Conversion.objects.latest("occurred_at")
    page.goto(f"/admin/conversions/conversion/{conversion.pk}/change/")
    new_york = conversion.occurred_at - dt.timedelta(hours=5)
    assert conversion.occurred_at <= NOW
    expect(page.locator("#content-main time").first).to_have_text(f"{new_york:%Y-%m-%d %H:%M}")
