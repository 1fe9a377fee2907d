"""Signing in as a person does: by keyboard, at three widths, in the light and in the dark."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from attribution_site.signing_in.models import Authenticator
from tests.site import signing_in as sign_in
from tests.site.accessibility import looks
from tests.site.test_browser import chromium, visit  # noqa: F401
from tests.tools import needs_axe, needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]


def give_password(page, user):
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(sign_in.PASSWORD)
    page.keyboard.press("Enter")


def device_on_the_phone(page, user):
    """What an app knows that took the secret from the page."""
    page.get_by_text("It cannot be scanned").click()
    shown = page.locator(".sign-in-secret").inner_text().replace(" ", "")
    [seed] = [s["seed_of_new_device"] for s in sessions_of(user)]
    device = Authenticator(user=user, key=seed)
    assert f"secret={shown}" in device.config_url
    return device


def sessions_of(user):
    return [row.get_decoded() for row in user.session_set.all()]


def test_whoever_moves_money_sets_up_an_app_and_signs_in_with_it(visit, settings):  # noqa: F811
    settings.TWO_FACTOR = True
    page = visit("/admin/partners/partner/")
    expect(page.get_by_label("Username")).to_be_focused()
    user = sign_in.person("Finance", username="ana")
    give_password(page, user)
    expect(page.get_by_role("heading", name="Set up two-factor sign-in")).to_be_visible()
    expect(page.get_by_label("Code from your app")).to_be_focused()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    device = device_on_the_phone(page, user)
    page.get_by_label("Code from your app").fill(sign_in.wrong_code_of(device))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Take the one that it shows now")).to_be_visible()
    page.get_by_label("Code from your app").fill(sign_in.code_of(device, sign_in.EARLIER))
    page.keyboard.press("Enter")
    expect(page.get_by_text("shown now and never again")).to_be_visible()
    codes = page.locator("[data-codes] code").all_inner_texts()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    assert Path(downloading.value.path()).read_text().split() == codes
    page.get_by_role("button", name="Go on").click()
    assert "/sign-in/set-up/" in page.url  # not before they are stored
    page.get_by_label("I have stored them").check()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(re.compile(r"/admin/partners/partner/\??$"))

    page = visit("/admin/attribution/run/")
    give_password(page, user)
    expect(page.get_by_label("Code from your app")).to_be_focused()
    assert page.get_by_label("Code from your app").get_attribute("autocomplete") == "one-time-code"
    page.keyboard.type(sign_in.code_of(device))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/attribution/run/")

    page = visit("/admin/")
    give_password(page, user)
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("9 are left")).to_be_visible()


def test_ones_own_sign_in_is_reached_from_the_menu_and_ended_everywhere(visit):  # noqa: F811
    page = visit("/admin/", "Analyst")
    page.goto("/admin/sign-in/")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
    page.goto("/admin/attribution/run/")
    expect(page.get_by_label("Password")).to_be_visible()


@needs_axe
def test_no_page_of_signing_in_keeps_anybody_out(visit, settings):  # noqa: F811
    settings.TWO_FACTOR = True
    found = []
    page = visit("/admin/")
    found += looks(page, "login")
    user = sign_in.person("Finance", username="ana")
    give_password(page, user)
    device = device_on_the_phone(page, user)
    found += looks(page, "set-up")
    page.get_by_label("Code from your app").fill("00000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Take the one that it shows now")).to_be_visible()
    found += looks(page, "set-up-wrong")
    page.get_by_label("Code from your app").fill(sign_in.code_of(device, sign_in.EARLIER))
    page.keyboard.press("Enter")
    expect(page.get_by_label("I have stored them")).to_be_visible()
    found += looks(page, "codes")
    page.goto("/admin/sign-in/")
    found += looks(page, "overview")
    page.goto("/admin/sign-in/recovery-codes/")
    found += looks(page, "renew")
    session = user.session_set.get()
    store = type(session).get_session_store_class()(session.session_key)
    store["proved_at"] = 0
    store.save()
    page.goto("/admin/sign-in/set-up/")
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    found += looks(page, "prove")

    page = visit("/admin/")
    give_password(page, user)
    expect(page.get_by_label("Code from your app")).to_be_visible()
    found += looks(page, "code")
    page.get_by_role("link", name="Use a recovery code").click()
    found += looks(page, "recovery")
    assert found == []


@needs_axe
def test_the_pages_of_administrators_keep_nobody_out(visit):  # noqa: F811
    user = sign_in.person("Finance", username="ana")
    sign_in.give_device(user)
    page = visit("/admin/", is_superuser=True)
    found = []
    for name, path in [
        ("user", f"/admin/auth/user/{user.pk}/second-factor/"),
        ("sign-ins", "/admin/axes/accesslog/"),
    ]:
        page.goto(path)
        found += looks(page, name)
    assert found == []


@needs_axe
def test_who_is_locked_out_reads_for_how_long(chromium, transactional_db, live_server):  # noqa: F811
    page = chromium.new_page(base_url=live_server.url)
    for _ in range(5):
        page.goto("/admin/login/")
        page.get_by_label("Username").fill("nobody")
        page.get_by_label("Password").fill("guess")
        with page.expect_navigation() as answer:
            page.keyboard.press("Enter")
    assert answer.value.status == 429
    expect(page.get_by_role("alert")).to_contain_text("For at most 15 minutes")
    found = looks(page, "locked")
    page.close()
    assert found == []
