"""The console's pages by role, and each button of a payout."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payouts import operations
from payouts.admin import overview
from payouts.models import Entry, Hold, Payout, PayoutRun, Proposal, Reconciliation
from tests.factories import DisputeFactory, UserFactory
from tests.payouts import books

pytestmark = pytest.mark.django_db
LISTS = ["payout", "payoutrun", "entry", "proposal", "hold", "reconciliation"]


@pytest.fixture(autouse=True)
def payee():
    return books.partner()


@pytest.fixture
def sam(client):
    user = books.finance()
    client.force_login(user)
    return user


def page(payout):
    return f"/admin/payouts/payout/{payout.pk}/change/"


def step(payout, verb):
    return f"/admin/payouts/payout/{payout.pk}/do/{verb}/"


def state(payout):
    return Payout.objects.get(pk=payout.pk).status


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("role", "status"), [("Finance", 200), ("Operations", 200), ("Auditor", 200), ("Analyst", 200), (None, 403)]
)
def test_lists_are_read_by_those_who_may(client, role, status, name):
    client.force_login(UserFactory(role=role))
    assert client.get(f"/admin/payouts/{name}/").status_code == status


@pytest.mark.parametrize(("role", "status"), [("Operations", 200), ("Auditor", 200), ("Analyst", 200), (None, 403)])
def test_others_read_a_payout_and_are_offered_no_step(client, role, status):
    books.earned("100.00")
    payout = books.draft()
    client.force_login(UserFactory(role=role))
    answer = client.get(page(payout))
    assert answer.status_code == status
    assert b"/do/" not in answer.content
    assert client.post(step(payout, "submit")).status_code == 403
    assert state(payout) == "draft"


def test_from_draft_to_paid_by_the_buttons(client, sam):
    entry = books.earned("100.00")
    payout = books.draft()
    client.post(step(payout, "submit"))
    assert state(payout) == "awaiting_approval"
    client.force_login(books.finance())
    shown = client.get(page(payout)).content.decode()
    lines_hash = Payout.objects.get(pk=payout.pk).lines_hash
    assert f"?seen={lines_hash}" in shown
    assert lines_hash in client.get(f"{step(payout, 'approve')}?seen={lines_hash}").content.decode()
    client.post(step(payout, "approve"), {"lines_hash": lines_hash})
    assert state(payout) == "approved"
    assert "1 records become paid" in client.get(step(payout, "mark-paid")).content.decode()
    client.post(step(payout, "mark-paid"), {"paid_at_0": books.today(), "paid_at_1": "00:00:00", "reference": "r"})
    assert state(payout) == "paid"
    assert Entry.objects.get(kind="payment").amount == -entry.amount


def test_other_lines_than_those_seen_are_not_approved(client, sam):
    books.earned("100.00")
    payout = books.submitted()
    answer = client.post(step(payout, "approve"), {"lines_hash": "other"})
    assert answer.status_code == 422
    assert "is not what you saw" in answer.content.decode()
    assert state(payout) == "awaiting_approval"


def test_who_prepared_it_is_told_why_they_do_not_approve_it(client):
    books.earned("100.00")
    payout = books.submitted()
    client.force_login(payout.prepared_by)
    shown = client.get(page(payout)).content.decode()
    assert "You prepared it" in shown
    assert "/do/approve/" not in shown


def test_sending_back_voiding_and_issuing_again(client, sam):
    books.earned("100.00")
    payout = books.submitted()
    assert client.post(step(payout, "send-back"), {"reason": ""}).status_code == 422
    client.post(step(payout, "send-back"), {"reason": "Look again"})
    assert state(payout) == "draft"
    client.post(step(payout, "void"), {"reason": "Wrong period"})
    assert state(payout) == "void"
    client.post(step(payout, "reissue"))
    assert Payout.objects.get(reissue_of=payout).status == "draft"


def test_a_void_payout_is_not_paid(client, sam):
    books.earned("100.00")
    payout = books.draft()
    operations.void_payout(payout_id=payout.pk, reason="No", by=sam)
    asked = {"paid_at_0": books.today(), "paid_at_1": "00:00:00"}
    answer = client.post(step(payout, "mark-paid"), asked)
    assert answer.status_code == 422
    assert "it would have to be approved" in answer.content.decode()


def test_chosen_lines_are_held_back(client, sam):
    kept, held = books.earned("100.00"), books.earned("50.00")
    payout = books.draft()
    assert str(held.pk) in client.get(f"{step(payout, 'hold-back')}?entry={held.pk}").content.decode()
    client.post(step(payout, "hold-back"), {"entries": str(held.pk), "reason": "Unclear"})
    assert list(payout.lines.filter(live=True).values_list("entry_id", flat=True)) == [kept.pk]


def test_a_run_is_shown_before_it_is_started(client, sam):
    books.earned("100.00")
    asked = {"period_end": books.today(), "period_start": "", "currency": ""}
    shown = client.post("/admin/payouts/payoutrun/add/", asked | {"step": "preview"})
    assert b"100.00" in shown.content
    assert not PayoutRun.objects.exists()
    client.post("/admin/payouts/payoutrun/add/", asked | {"step": "start"})
    run = PayoutRun.objects.get()
    operations.build_run(run.pk)
    assert b"100.00" in client.get(f"/admin/payouts/payoutrun/{run.pk}/change/").content


def test_a_proposal_is_accepted_by_another_alone(client, sam):
    values = {"payee_type": "partner", "payee_id": "partner-1", "amount": "-5", "currency": "USD", "reason": "Twice"}
    client.post("/admin/payouts/proposal/add/", values)
    proposal = Proposal.objects.get()
    accept = f"/admin/payouts/proposal/{proposal.pk}/accept/decide/"
    assert "You proposed it" in client.post(accept, {"note": ""}).content.decode()
    client.force_login(books.finance())
    client.post(accept, {"note": ""})
    assert Entry.objects.get(kind="manual").amount == -5


def test_a_hold_is_placed_once_and_lifted_with_a_reason(client, sam):
    values = {"payee_type": "partner", "payee_id": "partner-1", "reason": "Under review"}
    client.post("/admin/payouts/hold/add/", values)
    hold = Hold.objects.get()
    assert "on hold already" in client.post("/admin/payouts/hold/add/", values).content.decode()
    lift = f"/admin/payouts/hold/{hold.pk}/lift/decide/"
    assert client.post(lift, {"reason": " "}).status_code == 422
    client.post(lift, {"reason": "Cleared"})
    hold.refresh_from_db()
    assert (hold.lifted_by, Hold.objects.filter(lifted_at=None).exists()) == (sam, False)


@pytest.mark.parametrize("role", ["Operations", "Auditor"])
def test_who_only_reads_is_offered_no_decision(client, sam, role):
    operations.place_hold(payee_type="partner", payee_id="partner-1", reason="Under review", by=sam)
    operations.propose_adjustment(
        payee_type="partner", payee_id="partner-1", currency="USD", amount=Decimal(5), reason="Bonus", by=sam
    )
    offered = {"proposal": 2, "hold": 1}
    for user, shown in ((sam, offered), (UserFactory(role=role), dict.fromkeys(offered, 0))):
        client.force_login(user)
        found = {name: client.get(f"/admin/payouts/{name}/").content.decode().count("/decide/") for name in offered}
        assert found == shown


def test_the_queries_of_a_payout_do_not_grow_with_its_lines(client, sam):
    def queries(payout):
        with CaptureQueriesContext(
            connection,
        ) as found:
            client.get(page(payout))
        return len(found)

    books.earned("10.00")
    few = books.draft()
    for _ in range(8):
        books.earned("10.00")
    many = books.draft()
    queries(few)
    assert queries(many) == queries(few)


def test_what_awaits_me_is_on_the_front_page_and_not_what_i_prepared(client, sam):
    books.earned("100.00")
    payout = books.submitted()
    assert "payouts that I may approve" in client.get("/admin/").content.decode()
    client.force_login(payout.prepared_by)
    assert "payouts that I may approve" not in client.get("/admin/").content.decode()


def test_the_lines_of_a_draft_say_which_are_disputed_and_all_of_them_are_held_back_at_once(client, sam):
    entry = books.earned("100.00")
    kept = books.earned("50.00")
    payout = books.draft()
    DisputeFactory(record_id=entry.record_id, conversion_id=entry.conversion_id)
    assert "Hold back the disputed lines" in client.get(page(payout)).content.decode()
    asked = client.get(f"{step(payout, 'hold-back')}?disputed=1").content.decode()
    assert str(entry.pk) in asked
    assert str(kept.pk) not in asked


def test_reconciling_now_keeps_an_answer_that_can_be_read(client, sam):
    books.earned("100.00")
    answer = client.post("/admin/payouts/reconciliation/reconcile-now/", follow=True)
    assert Reconciliation.objects.get().differences == 0
    assert "Each paid payout is one payment of its total" in answer.content.decode()


def test_who_only_reads_does_not_reconcile(client):
    client.force_login(UserFactory(role="Auditor"))
    assert client.post("/admin/payouts/reconciliation/reconcile-now/").status_code == 403
    assert not Reconciliation.objects.exists()


def test_an_entry_has_a_page(client, sam):
    entry = books.earned("100.00")
    assert "100.00" in client.get(f"/admin/payouts/entry/{entry.pk}/change/").content.decode()


@pytest.mark.parametrize("role", ["Finance", "Operations", "Auditor", "Analyst"])
def test_the_overview_is_read_by_those_who_may(client, role):
    client.force_login(UserFactory(role=role))
    assert client.get("/admin/payouts/payout/overview/").status_code == 200


def test_nobody_else_reads_the_overview_or_its_csv(client):
    client.force_login(UserFactory())
    assert client.get("/admin/payouts/payout/overview/").status_code == 403
    assert client.get("/admin/payouts/payout/overview/tax-years.csv").status_code == 403


def test_what_a_bank_returned_is_taken_off_what_was_paid_that_year(client, sam):
    books.earned("100.00")
    payout = books.paid()
    books.earned("40.00")
    books.paid()
    operations.return_payment(payout_id=payout.pk, reason="Account closed", by=sam)
    year = books.today().year
    text = b"".join(client.get("/admin/payouts/payout/overview/tax-years.csv").streaming_content).decode()
    assert f"{year},partner,partner-1,USD,140.00,100.00,40.00" in text


def test_what_is_open_is_told_by_its_age_and_what_is_owed_as_negative(client, sam):
    now = timezone.now()
    books.earned("100.00")
    [fresh] = overview.aging(sam, now)
    [old] = overview.aging(sam, now + dt.timedelta(days=70))
    assert [("100.00" in amount) for amount in fresh["amounts"]] == [True, False, False, False, True]
    assert [("100.00" in amount) for amount in old["amounts"]] == [False, False, True, False, True]
    books.owed("-130.00")
    assert "-30.00" in overview.overview(sam)["negative"][0]["balance"]
