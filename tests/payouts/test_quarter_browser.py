"""A quarter is paid by hand in the browser, with a dispute, a void and a reversal on the way; the books tie out."""

import pytest
from playwright.sync_api import expect

import disputes.operations
from disputes.actors import Actor
from disputes.models import Dispute
from payouts import operations
from payouts.models import Entry, Export, Payout, PayoutRun
from tests.disputes.test_case_browser import unwatched  # noqa: F401 (fixture)
from tests.factories import BankAccountFactory, UserFactory
from tests.payouts import books, files, nacha_checker
from tests.payouts.agreements import agree, record_of, sell
from tests.site.test_browser import LONGEST, chromium, visit  # noqa: F401 (fixtures)
from tests.tools import needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("browser"),
]
expect.set_options(timeout=LONGEST)
PAYEES = {"partner-lantern": "Lantern Compare", "partner-ratefinch": "Ratefinch", "partner-maple": "Maple & Main"}


@pytest.fixture(autouse=True)
def house(settings):
    settings.PAYER = files.PAYER


def a_quarter():
    """Of each payee three sales that wait for approval, by payee."""
    sales = {}
    for number, (pk, name) in enumerate(PAYEES.items()):
        books.partner(pk, name=name)
        agree(pk, payment_method="ach", rate=80)
        BankAccountFactory(payee_id=pk, number=f"00012345{number}")
        sales[pk] = [sell("100.05", payee=pk, lead=f"{pk}-{n}", days_ago=80 - 25 * n) for n in range(3)]
    return sales


def press(page, name):
    page.locator("#content-main, #content").get_by_role("button", name=name, exact=True).first.click()


def step(page, payout, name, why=None):
    """A step of a payout: its button, the page that says what will happen, and done."""
    page.goto(f"/admin/payouts/payout/{payout.pk}/change/")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
    if why:
        page.get_by_label("Why").fill(why)
    press(page, name)


def approve_records(page, count):
    page.goto("/admin/attribution/attributionrecord/?approval=waits")
    page.get_by_role("link", name="Approve all that is shown…").click()
    page.get_by_label("Why").fill("Checked for the quarter")
    press(page, f"Approve {count} record" + "s" * (count > 1))
    expect(page.get_by_role("heading", name="approved")).to_contain_text([f"{count} record"])


def prepare(page, *seen):
    """A run: what it would pay, started, and built by the worker while its page is open."""
    page.goto("/admin/payouts/payoutrun/add/")
    page.locator("[name=period_end]").fill(books.today().isoformat())
    page.keyboard.press("Escape")
    press(page, "See what it would pay")
    for text in seen:
        expect(page.locator("#content-main")).to_contain_text(text)
    press(page, "Start the run")
    expect(page.locator("#payout-run")).to_contain_text("Building")
    run = PayoutRun.objects.latest("created_at")
    operations.build_run(run.pk)
    expect(page.locator("#payout-run")).to_contain_text("Built")
    return {each.payee_id: each for each in run.payouts.all()}


def export(page):
    page.goto("/admin/payouts/export/add/")
    page.get_by_role("link", name="Choose").click()
    press(page, "See what would be made")
    press(page, "Make the file")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download").click()
    read = nacha_checker.read(downloaded.value.path().read_bytes())
    return Export.objects.latest("made_at"), read


def import_answer(page, made):
    rows = [files.row(made, order.payout) for order in made.orders.select_related("payout")]
    page.goto(f"/admin/payouts/export/{made.pk}/change/")
    page.get_by_role("link", name="Import the bank's answer").click()
    answer = {"name": "answer.csv", "mimeType": "text/csv", "buffer": files.csv_of(*rows)}
    page.locator("input[type=file]").set_input_files(answer)
    press(page, "See what it would book")
    expect(page.locator("#content-main")).to_contain_text(f"Paid: {len(rows)}")
    press(page, "Book this answer")
    expect(page.get_by_text("answer.csv is booked")).to_be_visible()


def dispute(sale):
    record = record_of(sale)
    claim = {"dispute_type": "amount", "reason": "It was a larger policy."}
    by = Actor(payee=(record.payee_type, record.payee_id))
    return disputes.operations.file_dispute(record_id=record.pk, claim=claim, by=by)


def reverse(page, sale):
    page.goto(f"/admin/conversions/conversion/{sale.pk}/change/")
    page.get_by_role("link", name="Reverse…").click()
    page.locator("[name=reason]").select_option("cancellation", force=True)
    press(page, "See what would happen")
    press(page, "Reverse it")
    expect(page.get_by_text("is reversed.")).to_be_visible()


def states():
    return sorted(Payout.objects.values_list("status", flat=True))


def test_a_quarter_is_paid_by_hand(visit, unwatched):  # noqa: F811
    sales = a_quarter()
    finance, controller = visit("/admin/", "Finance", username="fay"), visit("/admin/", "Finance", username="cora")
    approve_records(finance, 9)
    drafts = prepare(finance, "720.36", "to 3 payees")
    lantern, ratefinch, maple = (drafts[pk] for pk in PAYEES)

    dispute(sales[lantern.payee_id][0])
    refused = unwatched(finance)
    step(refused, lantern, "Submit for approval")
    expect(refused.locator("#content-main")).to_contain_text("disputed")
    assert states() == ["draft"] * 3
    finance.goto(f"/admin/payouts/payout/{lantern.pk}/change/")
    finance.get_by_role("link", name="Hold back the disputed lines").click()
    finance.get_by_label("Why").fill("Until it is decided")
    press(finance, "Hold back")
    expect(finance.locator(".payout-total")).to_contain_text("160.08")

    for payout in (lantern, ratefinch, maple):
        step(finance, payout, "Submit for approval")
        expect(finance.get_by_role("link", name="Approve", exact=True)).to_have_count(0)
        expect(finance.locator("#content-main")).to_contain_text("You prepared it: somebody else approves it.")
        step(controller, payout, "Approve")
        expect(controller.locator(".payout-state")).to_have_text("Approved")
    step(finance, maple, "Void", why="The name of the payee was wrong")
    step(finance, maple, "Issue again")
    again = Payout.objects.get(reissue_of=maple)
    step(finance, again, "Submit for approval")
    step(controller, again, "Approve")
    assert states() == ["approved"] * 3 + ["void"]

    made, read = export(finance)
    assert int(read[-1]["credits"]) == 64032
    import_answer(finance, made)
    assert states() == ["paid"] * 3 + ["void"]

    case, decider = Dispute.objects.get(), Actor(user=UserFactory(role="Operations"))
    rejected = {"rejection": "not_proven", "resolution": "The policy is as it was reported."}
    disputes.operations.reject_dispute(dispute_id=case.pk, by=decider, **rejected)
    reverse(visit("/admin/", "Operations"), sales[ratefinch.payee_id][2])
    sell("300.00", payee=ratefinch.payee_id, lead="lead-new")
    approve_records(finance, 1)
    later = prepare(finance, "-80.04", "159.96", "240.00 USD")
    assert {pk: str(each.total) for pk, each in later.items()} == {
        lantern.payee_id: "80.04",
        ratefinch.payee_id: "159.96",
    }
    finance.goto(f"/admin/payouts/payout/{later[ratefinch.payee_id].pk}/change/")
    expect(finance.locator("#content-main")).to_contain_text("Reversal")
    assert Entry.objects.get(kind="reversal").conversion_id == sales[ratefinch.payee_id][2].pk

    finance.goto("/admin/payouts/reconciliation/")
    finance.get_by_role("button", name="Reconcile now").click()
    expect(finance.get_by_text("All identities hold: no differences.")).to_be_visible()
