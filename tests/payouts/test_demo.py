"""The demo's quarter: ready to be paid, nothing in it that the ledger forbids."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from attribution.models import AttributionRecord
from disputes.demo import load
from payouts.models import Entry, OpenEntry, Payout, Proposal
from tests.payouts import books

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_quarter_is_ready_to_be_paid_and_the_books_tie_out(monkeypatch, tmp_path, settings):
    settings.EVIDENCE_FOLDER = tmp_path
    monkeypatch.setattr(load, "WORTH", Decimal(1))
    for command, options in (("load_demo", {"leads": 2000}), ("load_demo_disputes", {}), ("load_demo_payouts", {})):
        call_command(command, stdout=StringIO(), **options)
    assert set(Payout.objects.values_list("status", flat=True)) == {"paid"}
    assert AttributionRecord.objects.filter(status="approved").count() > 20
    assert set(Entry.objects.values_list("kind", flat=True)) >= {"earning", "reversal", "settlement", "payment"}
    assert OpenEntry.objects.count() > 20
    assert Proposal.objects.filter(status="proposed").exists()
    assert books.off() == {}
    told = StringIO()
    call_command("load_demo_payouts", stdout=told)
    assert "already there" in told.getvalue()


def test_without_the_demos_logins_it_says_so():
    with pytest.raises(CommandError, match="logins are not there"):
        call_command("load_demo_payouts", stdout=StringIO())
