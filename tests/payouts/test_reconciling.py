import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from attribution.models import AttributionRecord
from payouts import operations
from payouts.models import Entry, OpenEntry, Payout
from tests.factories import UserFactory
from tests.payouts import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    books.partner()
    for _ in range(3):
        books.earned("10.00")
    return books.paid(books.draft())


def in_sql(statement, *values):
    """As somebody who goes round every lock."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_good_books_are_told_so(world):
    told = io.StringIO()
    call_command("reconcile", stdout=told)
    assert "The books tie out: 0 differences." in told.getvalue()
    assert all(identity.says in told.getvalue() for identity in operations.IDENTITIES)


BREAKS = {
    "records_booked": "UPDATE attribution_attributionrecord SET commission_amount = 11 WHERE status = 'paid'",
    "entries_of_records": "UPDATE attribution_attributionrecord SET status = 'calculated'",
    "open_is_unpaid": "INSERT INTO payouts_openentry SELECT id, payee_type, payee_id, currency, amount, booked_at,"
    " record_id FROM payouts_entry WHERE kind = 'earning' LIMIT 1",
    "lines_of_entries": "UPDATE payouts_payoutline SET amount = amount + 1",
    "payouts_add_up": "UPDATE payouts_payout SET total = total + 1",
    "payments_booked": "DELETE FROM payouts_entry WHERE kind = 'payment'",
    "records_paid": "UPDATE attribution_attributionrecord SET status = 'approved'",
    "carried_is_zero": "INSERT INTO payouts_entry (id, kind, payee_type, payee_id, currency, amount, booked_at,"
    " payout_id, working, note) SELECT gen_random_uuid(), 'carried', payee_type, payee_id, currency, 1, now(), id,"
    " '{}', ''"
    " FROM payouts_payout",
    "balances_tie_out": "UPDATE payouts_entry SET amount = amount + 1 WHERE kind = 'earning'",
    "proposals_booked": "INSERT INTO payouts_entry (id, kind, payee_type, payee_id, currency, amount, booked_at,"
    " proposal_id, working, note) SELECT gen_random_uuid(), 'manual', payee_type, payee_id, currency, 1, now(), id,"
    " '{}', '' FROM payouts_payout",
}


@pytest.mark.parametrize("identity", BREAKS)
def test_each_identity_finds_what_breaks_it(world, identity):
    in_sql(BREAKS[identity])
    assert identity in books.off()
    with pytest.raises(CommandError, match="Payouts stand still"):
        call_command("reconcile", stdout=io.StringIO())


def test_every_identity_has_been_broken_here_or_has_a_test_of_its_own():
    assert {identity.name for identity in operations.IDENTITIES} - set(BREAKS) == {
        "adjustments_booked", "taken_back_in_full"
    }  # fmt: skip


def test_payouts_stand_still_until_the_books_tie_out_again(world):
    books.earned("10.00")
    draft = books.draft()
    waiting = books.submitted(draft)
    Payout.objects.get(pk=draft.pk)
    in_sql("UPDATE attribution_attributionrecord SET commission_amount = 11 WHERE status = 'paid'")
    operations.reconcile()
    with pytest.raises(operations.LedgerOff):
        operations.approve_payout(payout_id=waiting.pk, lines_hash=waiting.lines_hash, by=books.finance())
    with pytest.raises(operations.LedgerOff):
        operations.start_run(period_end=books.today(), by=books.finance())
    in_sql("UPDATE attribution_attributionrecord SET commission_amount = 10 WHERE status = 'paid'")
    operations.reconcile()
    operations.approve_payout(payout_id=waiting.pk, lines_hash=waiting.lines_hash, by=books.finance())


def test_monitoring_is_told(client, world):
    client.force_login(UserFactory(is_superuser=True))
    in_sql("UPDATE attribution_attributionrecord SET commission_amount = 11 WHERE status = 'paid'")
    operations.reconcile()
    told = client.get("/metrics").content.decode()
    assert "payouts_reconciliation_differences 3.0" in told
    assert "payouts_reconciliation_finished_timestamp_seconds" in told


def test_what_is_left_of_a_sweep_is_open(world):
    assert not OpenEntry.objects.exists()
    assert Entry.objects.filter(kind="payment").count() == 1
    assert set(AttributionRecord.objects.values_list("status", flat=True)) == {"paid"}
