"""One dispute from its claim to the changed cents: the partner by HTTP with its key, operations in the console."""

import pytest
import requests
from playwright.sync_api import expect

from attribution_site.api import keys
from disputes.models import Dispute
from partners.operations import create_key
from tests.api import BASE
from tests.disputes.cases import journey
from tests.disputes.worlds import records
from tests.site.test_browser import LONGEST, chromium, visit  # noqa: F401 (fixtures)
from tests.tools import needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]
expect.set_options(timeout=LONGEST)


class Partner:
    """A program of a partner, with nothing but its key and the address."""

    def __init__(self, address, payee):
        keys.known.forget()
        _, key = create_key(name="partner's own", scopes=["partner"], payee=payee)
        self.base, self.session = f"{address}{BASE}", requests.Session()
        self.session.headers["Authorization"] = f"Api-Key {key}"

    def get(self, path):
        return self._answer(self.session.get(f"{self.base}{path}", timeout=30), 200)

    def post(self, path, status=201, **body):
        return self._answer(self.session.post(f"{self.base}{path}", json=body, timeout=30), status)

    @staticmethod
    def _answer(response, status):
        assert response.status_code == status, response.text
        return response.json()

    def commission(self, conversion):
        mine = self.get(f"/attributions?conversionId={conversion.pk}&model=position_based")["results"]
        return {each["id"]: each["commissionAmount"] for each in mine}


def test_a_partner_claims_answers_and_gets_what_operations_decide(visit, live_server):  # noqa: F811
    conversion = journey(4)
    disputed = next(each for each in records(conversion) if each.payee_id == "safe-choice")
    partner = Partner(live_server.url, ("partner", "safe-choice"))
    before = partner.commission(conversion)
    assert set(before) == {str(disputed.pk)}

    claim = partner.post(
        "/disputes",
        attributionId=str(disputed.pk),
        disputeType="amount",
        reason="The last call was ours too.",
        expectedAmount=60,
    )
    assert claim["status"] == "open"
    number = f"D-{claim['number']}"

    page = visit("/admin/disputes/dispute/?queue=unassigned", "Operations", username="ana")
    page.get_by_role("link", name=number).first.click()
    expect(page.get_by_text("The last call was ours too.").first).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_text("is yours.")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.type("At what time did it end?")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#case-head")).to_contain_text("Clock stands still")

    assert partner.get(f"/disputes/{claim['id']}")["status"] == "needs_information"
    asked = partner.get(f"/disputes/{claim['id']}/messages")["results"]
    assert [each["body"] for each in asked] == ["At what time did it end?"]
    partner.post(f"/disputes/{claim['id']}/answer", 200, answer="At noon, see our log.")

    page.reload()
    expect(page.locator(".case-message")).to_contain_text(["At what time did it end?", "At noon, see our log."])
    expect(page.locator("#case-head")).to_contain_text("Under Review")
    option = page.locator(".case-option", has_text="Set the share to what is claimed")
    expect(option).to_contain_text("becomes 60.00")
    assert partner.commission(conversion) == before
    option.get_by_role("button", name="Take this decision").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Why, in words for the claimant").fill("The log shows the call.")
    dialog.get_by_role("button", name=f"Resolve {number}").click()
    expect(page.get_by_text(f"{number} is resolved.")).to_be_visible()

    told = partner.get(f"/disputes/{claim['id']}")
    assert (told["status"], told["resolution"]) == ("resolved", "The log shows the call.")
    assert partner.commission(conversion) == {str(disputed.pk): 60}
    assert Dispute.objects.get().resolved_by.username == "ana"
