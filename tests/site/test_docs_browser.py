"""The page about the API, in a browser: it shows the operations and tries one out, with nothing from elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from partners.operations import create_key
from tests.site.test_browser import chromium, visit  # noqa: F401
from tests.tools import needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]


def test_the_page_shows_operations_and_tries_one_out_with_a_key(visit):  # noqa: F811
    page = visit("/api/docs")
    expect(page.get_by_role("heading", name=re.compile("Attribution"))).to_be_visible()
    expect(page.locator(".opblock-tag")).not_to_have_count(0)
    _stored, key = create_key(name="reader", scopes=["read"])
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-api-key-value").or_(page.locator("#api_key_value")).first.fill(f"Api-Key {key}")
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close").first.click()

    page.locator("#operations-tag-models .expand-operation, #operations-tag-models button").first.click()
    operation = page.locator("#operations-models-listModels")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text('"first_touch"')
