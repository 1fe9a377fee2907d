"""Nobody is kept out of the console's pages."""

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from payouts import operations
from tests.factories import BankAccountFactory, DisputeFactory
from tests.payouts import books
from tests.payouts.agreements import agree, agree_in_group
from tests.site.accessibility import serious_findings
from tests.site.test_browser import LONGEST, chromium, visit  # noqa: F401 (fixtures)
from tests.tools import needs_axe, needs_browser

pytestmark = [
    needs_browser,
    needs_axe,
    pytest.mark.xdist_group("browser"),
]
expect.set_options(timeout=LONGEST)
TIERS = [{"from": "0", "to": "100", "rate": "50"}, {"from": "100", "rate": "60"}]
TRIED = {"payee_id": "partner-1", "currency": "USD", "rate": "40"}


def console():
    """The pages, with something on each: a payout that was paid, one with a disputed line, and money that is left."""
    for pk, name in (("partner-1", "Lantern Compare"), ("partner-2", "Ratefinch"), ("partner-3", "Maple & Main")):
        books.partner(pk, name=name)
    agree(payment_method="ach", tiers=TIERS, cap_month=5000, hold_days=14)
    agree_in_group("partner-2", rate=70, minimum_payout=25)
    agree(None, rate=80, note="Whoever has no contract of its own")
    BankAccountFactory(payee_id="partner-1")
    books.earned("250.00", lead_id="lead-1")
    paid = books.paid()
    disputed, *_ = [books.earned(amount, payee="partner-1") for amount in ("1200.50", "80.00", "7.25")]
    books.earned("20.00", payee="partner-2"), books.owed("-40.00", payee="partner-3")
    run = books.run()
    draft = run.payouts.get()
    DisputeFactory(record_id=disputed.record_id, conversion_id=disputed.conversion_id)
    books.earned("310.00", payee="partner-2"), books.owed("-12.00", payee="partner-2")
    operations.add_rule(currency="USD", below=books.Decimal(5), days_as_payee=90, note="Small", by=books.finance())
    proved = operations.reconcile()
    since = books.today() - dt.timedelta(days=60)
    return {
        "overview": "payout/overview/",
        "payouts": "payout/",
        "terms": "terms/",
        "terms-add": "terms/add/",
        "try-terms": "terms/try/",
        "groups": "payeegroup/",
        "members": "groupmembership/",
        "rules": "approvalrule/",
        "rules-add": "approvalrule/add/",
        "run-preview": "payoutrun/add/",
        "run": f"payoutrun/{run.pk}/change/",
        "payout": f"payout/{draft.pk}/change/",
        "payout-paid": f"payout/{paid.pk}/change/",
        "reconciliations": "reconciliation/",
        "reconciliation": f"reconciliation/{proved.pk}/change/",
        "statement": f"../statements/?payee_type=partner&payee_id=partner-1&since={since}",
        "approve": "../attribution/attributionrecord/approve/?approval=waits",
    }


def opened(page, name, path):
    """The page, and where it shows something only after a question, the answer."""
    page.goto(f"/admin/payouts/{path}")
    if name == "try-terms":
        page.locator("[name=payee_type]").select_option("partner", force=True)
        for field, value in TRIED.items():
            page.locator(f"[name={field}]").fill(value)
        page.locator("[name=try_until]").fill(timezone.now().date().isoformat())
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Try them").click()
        expect(page.get_by_role("heading", name="Month by month")).to_be_visible()
    if name == "run-preview":
        page.locator("[name=period_end]").fill(books.today().isoformat())
        page.keyboard.press("Escape")
        page.get_by_role("button", name="See what it would pay").click()
        expect(page.get_by_role("button", name="Start the run")).to_be_visible()


def test_nobody_is_kept_out_of_the_console(visit):  # noqa: F811
    pages = console()
    page = visit("/admin/", "Finance")
    found = {}
    for name, path in pages.items():
        opened(page, name, path)
        found[name] = serious_findings(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
