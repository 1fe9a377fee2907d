"""Touches that come after their conversion was calculated reach its records."""

import datetime as dt

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from attribution import operations, tasks
from attribution.models import AttributionRecord, Run
from partners.operations import create_key
from tests.api import BASE
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory
from touchpoints.models import LateLead, Touchpoint
from touchpoints.operations import change_touchpoint, create_touchpoint, delete_touchpoint
from touchpoints.tracking.operations import identify

pytestmark = pytest.mark.django_db(transaction=True)
VISITOR = "ab" * 16
NOW = timezone.now()
BEFORE, AFTER = NOW - dt.timedelta(days=5), NOW + dt.timedelta(hours=1)


@pytest.fixture
def conversion():
    return ConversionFactory(lead_id="lead-1", occurred_at=NOW)


def drain():
    """What beat and worker do."""
    runs = operations.calculate_late_touches()
    for run in runs:
        for shard in run.shards.all():
            assert operations.calculate_shard(shard.pk)
    return runs


def credited():
    records = AttributionRecord.objects.filter(model="linear").order_by("touched_at")
    return [(record.channel, record.credit) for record in records]


def noted():
    return set(LateLead.objects.values_list("lead_id", flat=True))


def test_a_touch_that_comes_late_is_credited(conversion):
    TouchpointFactory(lead_id="lead-1", channel="email", timestamp=BEFORE)
    drain()
    assert credited() == [("email", 1)]
    create_touchpoint(values={"lead_id": "lead-1", "channel": "affiliate", "timestamp": BEFORE + dt.timedelta(hours=1)})
    [run] = drain()
    assert run.lead_ids == ["lead-1"]
    assert [channel for channel, _ in credited()] == ["email", "affiliate"]
    assert sum(credit for _, credit in credited()) == 1


def test_an_identified_visitors_touches_are_credited(conversion):
    TouchpointFactory(lead_id=f"visitor:{VISITOR}", channel="organic_search", timestamp=BEFORE)
    operations.calculate_and_save(lead_id="lead-1")
    assert drain() == []
    assert credited() == []
    identify(visitor_id=VISITOR, lead_id="lead-1")
    drain()
    assert credited() == [("organic_search", 1)]


def test_a_touch_that_is_changed_or_deleted_is_calculated_without_what_it_was(conversion):
    touch = TouchpointFactory(lead_id="lead-1", channel="email", timestamp=BEFORE)
    drain()
    change_touchpoint(touchpoint_id=touch.pk, changes={"channel": "chat"})
    drain()
    assert credited() == [("chat", 1)]
    delete_touchpoint(touchpoint_id=touch.pk)
    drain()
    assert credited() == []


def test_touches_no_conversion_follows_are_not_noted(conversion):
    TouchpointFactory(lead_id="lead-1", timestamp=AFTER)
    TouchpointFactory(lead_id="lead-2", timestamp=BEFORE)
    assert not noted()
    assert drain() == []
    assert not Run.objects.exists()


def test_a_touch_at_the_conversions_very_moment_is_before_it(conversion):
    TouchpointFactory(lead_id="lead-1", timestamp=NOW)
    assert noted() == {"lead-1"}


def test_a_change_that_attribution_does_not_read_is_not_noted(conversion):
    touch = TouchpointFactory(lead_id="lead-1", timestamp=BEFORE)
    drain()
    Touchpoint.objects.filter(pk=touch.pk).update(term="insurance", channel=touch.channel)
    assert not noted()


def test_a_touch_that_moves_to_another_lead_is_late_for_both(conversion):
    ConversionFactory(lead_id="lead-2", occurred_at=NOW)
    touch = TouchpointFactory(lead_id="lead-1", timestamp=BEFORE)
    LateLead.objects.all().delete()
    change_touchpoint(touchpoint_id=touch.pk, changes={"lead_id": "lead-2"})
    assert noted() == {"lead-1", "lead-2"}


def test_a_lead_of_many_late_touches_is_calculated_once_and_the_notes_are_gone(conversion):
    for hours in range(5):
        TouchpointFactory(lead_id="lead-1", timestamp=BEFORE + hours * dt.timedelta(hours=1))
    assert LateLead.objects.count() == 5
    [run] = drain()
    assert run.lead_ids == ["lead-1"]
    assert not noted()
    assert drain() == []


def test_many_leads_are_calculated_in_several_runs(monkeypatch):
    monkeypatch.setattr("attribution.operations.late_touches.LEADS_AT_ONCE", 2)
    for number in range(5):
        ConversionFactory(lead_id=f"lead-{number}", occurred_at=NOW)
        TouchpointFactory(lead_id=f"lead-{number}", timestamp=BEFORE)
    assert sorted(lead for run in drain() for lead in run.lead_ids) == [f"lead-{number}" for number in range(5)]


def test_notes_outlive_a_worker_that_dies_before_its_run_is_there(conversion, monkeypatch):
    TouchpointFactory(lead_id="lead-1", timestamp=BEFORE)

    def killed(**_):
        raise MemoryError

    monkeypatch.setattr("attribution.operations.late_touches.start_run", killed)
    with pytest.raises(MemoryError):
        tasks.calculate_late_touches()
    assert noted() == {"lead-1"}


def test_where_records_are_frozen_the_run_has_a_finding(conversion):
    partners = [PartnerFactory(), PartnerFactory()]
    TouchpointFactory(lead_id="lead-1", channel="partner_referral", partner_id=partners[0].pk, timestamp=BEFORE)
    drain()
    record = AttributionRecord.objects.get(model="position_based")
    operations.change_record(record_id=record.pk, status="approved", reason="Checked.", by=UserFactory(role="Finance"))
    TouchpointFactory(
        lead_id="lead-1", channel="partner_referral", partner_id=partners[1].pk, timestamp=BEFORE + dt.timedelta(days=1)
    )
    [run] = drain()
    record.refresh_from_db()
    assert record.commission_amount == conversion.commission_amount
    assert {finding.model for finding in run.findings.all()} == {"position_based"}


def test_a_partners_late_touch_is_noted_though_its_key_sees_no_conversion(conversion, settings):
    settings.PARTNER_TOUCH_HOURS = 1_000_000
    _, key = create_key(name="Partner", scopes=["partner"], payee=("partner", PartnerFactory().pk))
    client = APIClient(headers={"Authorization": f"Api-Key {key}"})
    touch = {"leadId": "lead-1", "channel": "email", "timestamp": BEFORE.isoformat()}
    created = client.post(f"{BASE}/touchpoints", touch)
    assert created.status_code == 201
    assert noted() == {"lead-1"}
    LateLead.objects.all().delete()
    assert client.delete(f"{BASE}/touchpoints/{created.json()['id']}").status_code == 204
    assert noted() == {"lead-1"}
