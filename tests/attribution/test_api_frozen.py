"""Frozen records hold what they were made from: the database says so, the API tells it."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction

from tests.api import BASE, refused
from tests.factories import AttributionRecordFactory, ConversionFactory, TouchpointFactory
from touchpoints import partitions
from touchpoints.models import Touchpoint

FROZEN = ["approved", "disputed", "paid"]
MOVES = {
    "leadId": "lead-9",
    "timestamp": "2026-03-01T12:00:00Z",
    "channel": "event",
}


@pytest.fixture
def touchpoint(db):
    return TouchpointFactory(lead_id="lead-123", channel="email", campaign="old")


@pytest.mark.parametrize("status", FROZEN)
def test_a_touchpoint_with_frozen_credit_is_not_deleted(api, touchpoint, status):
    AttributionRecordFactory(touchpoint_id=touchpoint.id, status=status)
    response = api.delete(f"{BASE}/touchpoints/{touchpoint.id}")
    assert response.status_code == 409
    assert refused(response) == {(None, "conflict")}
    assert str(touchpoint.id) in response.json()["errors"][0]["detail"]
    assert Touchpoint.objects.filter(pk=touchpoint.pk).exists()


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("status", FROZEN)
def test_a_touchpoint_with_frozen_credit_is_not_moved(api, touchpoint, name, status):
    AttributionRecordFactory(touchpoint_id=touchpoint.id, status=status)
    response = api.patch(f"{BASE}/touchpoints/{touchpoint.id}", {name: MOVES[name]})
    assert response.status_code == 409
    assert refused(response) == {(None, "conflict")}


@pytest.mark.parametrize("column", ["partner_id", "broker_id"])
def test_the_payee_of_frozen_credit_stays_whoever_writes(touchpoint, column):
    AttributionRecordFactory(touchpoint_id=touchpoint.id, status="paid")
    with pytest.raises(IntegrityError, match="carries credit"), transaction.atomic():
        Touchpoint.objects.filter(pk=touchpoint.pk).update(**{column: "other"})


def test_what_the_record_does_not_rest_on_may_change(api, touchpoint):
    AttributionRecordFactory(touchpoint_id=touchpoint.id, status="paid")
    response = api.patch(f"{BASE}/touchpoints/{touchpoint.id}", {"campaign": "new", "channel": "email"})
    assert (response.status_code, response.json()["campaign"]) == (200, "new")


@pytest.mark.parametrize("status", ["pending", "calculated"])
def test_credit_that_is_not_frozen_holds_nothing(api, touchpoint, status):
    AttributionRecordFactory(touchpoint_id=touchpoint.id, status=status)
    assert api.patch(f"{BASE}/touchpoints/{touchpoint.id}", {"channel": "event"}).status_code == 200
    assert api.delete(f"{BASE}/touchpoints/{touchpoint.id}").status_code == 204


def test_a_frozen_touch_moves_into_its_months_new_partition(db):
    january = dt.datetime(2019, 1, 15, tzinfo=dt.UTC)
    touchpoint = TouchpointFactory(timestamp=january)
    AttributionRecordFactory(touchpoint_id=touchpoint.id, status="paid")
    assert partitions.create_partitions([january.date().replace(day=1)]) == ["touchpoints_touchpoint_2019_01"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM touchpoints_touchpoint_2019_01")
        assert cursor.fetchone() == (1,)
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'touchpoint_guard%%'"
            " AND tgrelid = 'touchpoints_touchpoint_2019_01'::regclass"
        )
        assert cursor.fetchone() == (2,)


def test_retention_drops_a_partition_with_frozen_touches(db):
    january = dt.datetime(2019, 1, 15, tzinfo=dt.UTC)
    partitions.create_partitions([january.date().replace(day=1)])
    AttributionRecordFactory(touchpoint_id=TouchpointFactory(timestamp=january).id, status="paid")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE touchpoints_touchpoint DETACH PARTITION touchpoints_touchpoint_2019_01")
        cursor.execute("DROP TABLE touchpoints_touchpoint_2019_01")
    assert not Touchpoint.objects.exists()


def test_inserting_touchpoints_has_no_guard_to_pass(db):
    with connection.cursor() as cursor:
        cursor.execute(
            # tgtype: 1 for each row, 4 on insert.
            "SELECT count(*) FROM pg_trigger"
            " WHERE tgrelid = 'touchpoints_touchpoint'::regclass AND tgtype & 5 = 5 AND NOT tgisinternal"
        )
        assert cursor.fetchone() == (0,)


CHANGES = {
    "leadId": "lead-9",
    "value": 3,
    "currency": "EUR",
    "commissionRate": 0.2,
    "commissionAmount": 3,
    "occurredAt": "2026-03-01T12:00:00Z",
    "type": "sale",
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("status", FROZEN)
def test_a_conversion_with_frozen_records_keeps_what_they_were_made_from(api, name, status):
    conversion = ConversionFactory()
    AttributionRecordFactory(conversion_id=conversion.id, status=status)
    response = api.patch(f"{BASE}/conversions/{conversion.id}", {name: CHANGES[name]})
    assert response.status_code == 409
    assert refused(response) == {(None, "conflict")}
    assert str(conversion.id) in response.json()["errors"][0]["detail"]


def test_the_policy_of_such_a_conversion_may_still_be_filled_in(api):
    conversion = ConversionFactory()
    AttributionRecordFactory(conversion_id=conversion.id, status="paid")
    response = api.patch(f"{BASE}/conversions/{conversion.id}", {"policyNumber": "POL-1"})
    assert (response.status_code, response.json()["policyNumber"]) == (200, "POL-1")


def test_a_conversion_without_frozen_records_may_change(api):
    conversion = ConversionFactory()
    AttributionRecordFactory(conversion_id=conversion.id, status="calculated")
    assert api.patch(f"{BASE}/conversions/{conversion.id}", {"value": 3}).status_code == 200
