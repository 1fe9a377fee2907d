"""A dispute as somebody of operations works on it: with the keyboard, and without the page being loaded anew."""

import re

import pytest
from playwright.sync_api import expect

from attribution.models import Settlement
from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from tests import browser
from tests.disputes.cases import case
from tests.factories import UserFactory
from tests.site.accessibility import needs_axe, serious_findings
from tests.site.test_browser import LONGEST, chromium, visit  # noqa: F401 (fixtures)

pytestmark = [
    pytest.mark.skipif(browser.find() is None, reason=browser.SKIPPED),
    pytest.mark.xdist_group("browser"),
]
expect.set_options(timeout=LONGEST)


def opened(visit, dispute, **user):  # noqa: F811
    page = visit(f"/admin/disputes/dispute/{dispute.pk}/change/", "Operations", **user)
    expect(page.locator(".case-option").first).to_be_visible()
    return page


@pytest.fixture
def unwatched(chromium, live_server):  # noqa: F811
    """A page of the same person in a browser that may be told of errors."""
    contexts = []

    def opened(page, **options):
        context = chromium.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(LONGEST)
        context.add_cookies(page.context.cookies())
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def leave_field(page):
    page.keyboard.press("Escape")


def test_from_taking_it_to_the_decision_by_the_keyboard(visit):  # noqa: F811
    dispute = case(8, reason="That call was ours.")
    page = opened(visit, dispute, username="ana")
    page.keyboard.press("t")
    expect(page.get_by_text("is yours.")).to_be_visible()
    expect(page.locator(".case-facts")).to_contain_text("ana (you)")

    page.evaluate("window.sameAsBefore = true")
    page.keyboard.press("a")
    expect(page.get_by_text("the clock stands still until the answer")).to_be_visible()
    page.keyboard.type("Which call was it?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".case-message")).to_contain_text(["Which call was it?"])
    expect(page.locator("#case-head")).to_contain_text("Clock stands still")

    operations.answer_information(
        dispute_id=dispute.pk, answer="The one of Monday.", by=Actor(payee=("partner", "northwind-compare"))
    )
    leave_field(page)
    page.keyboard.press("n")
    page.keyboard.type("He has a point.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".case-message")).to_have_count(3)
    expect(page.locator("#case-head")).to_contain_text("Under Review")
    assert page.evaluate("window.sameAsBefore")

    leave_field(page)
    page.keyboard.press("r")
    page.get_by_text("A decision of your own").click()
    page.get_by_label("To whom").fill("broker:harbour-brokers")
    tried = page.locator("[data-tried]")
    expect(tried).to_contain_text("60.00 USD of commission changes hands")
    expect(tried).to_contain_text("10.00 → becomes 70.00")
    page.locator(".case-own").get_by_role("button", name="Take this decision").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("northwind-compare loses 60.00 USD of commission: 65.00 → 5.00.")
    expect(dialog.get_by_label("Why, in words for the claimant")).to_be_focused()
    assert not Settlement.objects.exists()
    page.keyboard.type("The log shows it.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(f"{dispute} is resolved.")).to_be_visible()
    expect(page.locator(".case-outcome")).to_contain_text("60.00 USD of commission moved")
    assert Dispute.objects.get().resolution == "The log shows it."
    assert Settlement.objects.count() == 1


def test_touches_are_walked_through_and_tell_what_they_are(visit):  # noqa: F811
    page = opened(visit, case(8, of=2))
    facts = page.locator(".tl-facts")
    expect(facts).to_contain_text("Touch 3 of 8: Partner Referral")
    page.keyboard.press("j")
    expect(facts).to_contain_text("Touch 4 of 8: Phone Call")
    page.keyboard.press("ArrowRight")
    expect(facts).to_contain_text("Touch 5 of 8: Organic Search")
    expect(facts).to_contain_text("Cj0KCQ2")
    page.keyboard.press("k")
    page.keyboard.press("Home")
    expect(facts).to_contain_text("Touch 1 of 8: Paid Search")
    page.locator(".tl-mark").nth(6).click()
    expect(facts).to_contain_text("Touch 7 of 8")
    assert page.locator(".tl-mark[tabindex='0']").count() == 1

    sums = page.locator(".tl-sums li").first
    expect(sums).to_contain_text("6.7 %")
    page.locator(".tl-models").get_by_text("Linear").click()
    expect(sums.locator(".tl-sum:visible")).to_contain_text("25 %")


def test_shares_by_hand_add_up_while_they_are_typed(visit):  # noqa: F811
    page = opened(visit, case(4))
    page.get_by_text("A decision of your own").click()
    page.get_by_text("Set shares by hand").click()
    total = page.locator("[data-sum]")
    page.locator(".case-share").nth(0).fill("70")
    expect(total).to_have_text("70 % set, 30.00 % for the others")
    expect(page.locator("[data-tried]")).to_contain_text("of commission changes hands")
    page.get_by_label("The others share what is left").uncheck()
    expect(total).to_have_class("case-off")
    expect(total).to_have_text("Together 130 %")
    expect(page.locator("[data-tried]")).to_contain_text("All shares together are 30 % more than 100.")
    page.locator(".case-share").nth(3).fill("10")
    expect(total).to_have_text("Together 100 %")


def test_what_was_written_is_not_lost_when_somebody_else_decides_meanwhile(visit, unwatched):  # noqa: F811
    dispute = case(3)
    # The browser reports a refusal as an error of the page, which it is not.
    page = unwatched(visit("/admin/", "Operations"))
    page.goto(f"/admin/disputes/dispute/{dispute.pk}/change/")
    expect(page.locator(".case-option").first).to_be_visible()
    page.keyboard.press("x")
    dialog = page.locator("dialog[open]")
    dialog.get_by_text("The record is right").click()
    dialog.get_by_label("In words, for the claimant").fill("The rule gives the first touch so much.")
    ben = UserFactory(username="ben", role="Operations")
    operations.reject_dispute(
        dispute_id=dispute.pk, rejection="not_proven", resolution="The log is empty.", by=Actor(user=ben)
    )
    dialog.get_by_role("button", name="Reject", exact=True).click()
    expect(dialog).to_contain_text(f"{dispute} is rejected already by ben.")
    expect(dialog.get_by_label("In words, for the claimant")).to_have_value("The rule gives the first touch so much.")
    dialog.get_by_role("link", name="Show the new state").click()
    expect(page.locator(".case-outcome")).to_contain_text("The log is empty.")
    expect(page.get_by_label("What to say")).to_have_value("The rule gives the first touch so much.")


def test_two_clicks_send_one_message(visit):  # noqa: F811
    dispute = case(3)
    page = opened(visit, dispute)
    page.get_by_label("What to say").fill("Your view?")
    page.get_by_role("button", name="Send").dblclick()
    expect(page.locator(".case-message")).to_have_count(1)
    assert dispute.messages.count() == 1


def test_without_scripts_the_forms_do_the_same(visit, unwatched):  # noqa: F811
    dispute = case(3)
    page = unwatched(visit("/admin/", "Operations"), java_script_enabled=False)
    page.goto(f"/admin/disputes/dispute/{dispute.pk}/change/")
    page.get_by_role("button", name=re.compile("Take it")).click()
    page.get_by_text("Internal note", exact=True).click()
    page.get_by_label("What to say").fill("By hand.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".case-message")).to_contain_text(["By hand."])
    page.get_by_role("link", name="Calculate it").click()
    page.get_by_role("button", name="Take this decision").first.click()
    page.get_by_label("Why, in words for the claimant").fill("So be it.")
    page.get_by_role("button", name=f"Resolve {dispute}").click()
    expect(page.locator(".case-outcome")).to_contain_text("So be it.")
    assert Dispute.objects.get().status == "resolved"


@needs_axe
def test_nobody_is_kept_out_of_the_page(visit):  # noqa: F811
    page = opened(visit, case(8, messages=6, files=2))
    page.get_by_text("A decision of your own").click()
    expect(page.locator("[data-tried]")).to_contain_text("It would come out like this")
    assert serious_findings(page) == []
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("x")
    expect(page.locator("dialog[open]")).to_be_visible()
    assert serious_findings(page) == []
