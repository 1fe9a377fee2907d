"""The demo's disputes: of every type and state, made once, nothing in them that the rules forbid."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from attribution.models import Adjustment, Settlement
from disputes.demo import load
from disputes.models import Dispute, Evidence, Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demo(monkeypatch, tmp_path, settings):
    settings.EVIDENCE_FOLDER = tmp_path
    monkeypatch.setattr(load, "WORTH", Decimal(1))
    call_command("load_demo", leads=2000, stdout=StringIO())
    call_command("load_demo_disputes", stdout=StringIO())


def test_there_is_one_of_everything_and_a_second_call_makes_no_more(demo):
    number = Dispute.objects.count()
    assert number == 44
    assert set(Dispute.objects.values_list("dispute_type", flat=True)) == set(Dispute.Type.values)
    assert set(Dispute.objects.values_list("status", flat=True)) == set(Dispute.Status.values)
    assert Dispute.objects.overdue().count() >= 4
    assert Dispute.objects.filter(appeal_of__isnull=False).count() == 2
    assert Settlement.objects.values("way").distinct().count() == 5
    assert Adjustment.objects.exists()
    assert Message.objects.exists()
    assert Evidence.objects.filter(kind="file").exists()
    conversions = Dispute.objects.open().values_list("conversion_id", flat=True)
    assert len(set(conversions)) < len(conversions)
    call_command("load_demo_disputes", stdout=StringIO())
    assert Dispute.objects.count() == number


def test_their_times_follow_each_other(demo):
    closed = Dispute.objects.filter(closed_at__isnull=False)
    assert not closed.filter(closed_at__lt=F("filed_at")).exists()
    assert not Message.objects.filter(sent_at__lt=F("dispute__filed_at")).exists()
    assert Dispute.objects.values("filed_at__date").distinct().count() > 20


def test_without_the_demos_leads_it_says_so():
    with pytest.raises(CommandError, match="logins are not there"):
        call_command("load_demo_disputes", stdout=StringIO())
