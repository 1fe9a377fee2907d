"""The database itself keeps approved, disputed and paid records, and configurations, from changing."""

import itertools

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from attribution import operations
from attribution.models import EDGES, FROZEN, AttributionRecord, ModelConfig, PayableModel, Status
from tests.factories import AttributionRecordFactory, BrokerFactory, PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def record_in(status):
    """Inserted as it is: triggers watch updates and deletes, the way in is COPY."""
    return AttributionRecordFactory(status=status)


@pytest.mark.parametrize("status", FROZEN)
@pytest.mark.parametrize(
    "change",
    ["credit = 0.5", "revenue_attributed = 0", "commission_amount = 1", "payee_id = 'other'", "lead_id = 'x'"],
)
def test_raw_sql_cannot_change_a_frozen_record(status, change):
    record = record_in(status)
    with pytest.raises(DatabaseError, match="only its status may move"), transaction.atomic():
        run_sql(f"UPDATE attribution_attributionrecord SET {change} WHERE id = %s", record.pk)


@pytest.mark.parametrize("status", FROZEN)
def test_raw_sql_cannot_delete_a_frozen_record(status):
    record = record_in(status)
    with pytest.raises(DatabaseError, match="cannot be deleted"), transaction.atomic():
        run_sql("DELETE FROM attribution_attributionrecord WHERE id = %s", record.pk)


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(Status.values, 2)))
def test_a_status_moves_along_the_allowed_edges_only(before, after):
    record = record_in(before)
    move = AttributionRecord.objects.filter(pk=record.pk)
    if after in EDGES[Status(before)]:
        assert move.update(status=after) == 1
    else:
        with pytest.raises(DatabaseError), transaction.atomic():
            move.update(status=after)


@pytest.mark.parametrize("status", FROZEN)
def test_only_records_of_the_payable_model_can_be_more_than_calculated(status):
    with pytest.raises(IntegrityError, match="record_only_payable_is_paid"), transaction.atomic():
        AttributionRecordFactory(status=status, payable=False)


@pytest.mark.parametrize("change", ["parameters = '{}'", "version = 9", "effective_from = now()"])
def test_a_configuration_never_changes(change):
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        run_sql(f"UPDATE attribution_modelconfig SET {change} WHERE version = %s", 1)


def test_two_models_cannot_be_payable_from_one_instant_on():
    first = PayableModel.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        PayableModel.objects.create(model="linear", effective_from=first.effective_from)


def test_approval_leaves_who_when_before_and_why():
    record, finance = record_in("calculated"), UserFactory(role="Finance")
    operations.change_record(record_id=record.pk, status="approved", reason="checked the call", by=finance)
    event = record.audit_events.get()
    assert (event.status, event.pgh_context) == (
        "approved",
        {"reason": "checked the call", "user": finance.pk},
    )


@pytest.mark.parametrize(
    ("before", "status"),
    [("pending", "approved"), ("calculated", "paid"), ("approved", "paid"), ("disputed", "approved")],
)
def test_by_hand_a_record_is_approved_and_no_more(before, status):
    record = record_in(before)
    with pytest.raises(operations.NotAllowedNow):
        operations.change_record(record_id=record.pk, status=status, reason="because", by=UserFactory())


def test_an_analysis_record_cannot_be_approved():
    record = AttributionRecordFactory(payable=False)
    with pytest.raises(operations.NotAllowedNow, match="analysis only"):
        operations.change_record(record_id=record.pk, status="approved", reason="because", by=UserFactory())


def test_an_unpaid_record_can_go_to_another_payee():
    record, broker = record_in("calculated"), BrokerFactory()
    operations.change_record(
        record_id=record.pk, payee_type="broker", payee_id=broker.pk, reason="wrong link", by=UserFactory()
    )
    record.refresh_from_db()
    assert (record.payee_type, record.payee_id, record.payee_pinned) == ("broker", broker.pk, True)


@pytest.mark.parametrize(
    ("payee", "field"),
    [
        ({"payee_type": "partner", "payee_id": "nobody"}, "payee_id"),
        ({"payee_type": "partner", "payee_id": "closed"}, "payee_id"),
        ({"payee_type": "friend", "payee_id": "me"}, "payee_type"),
        ({"payee_type": "house", "payee_id": "me"}, "payee_id"),
    ],
)
def test_a_payee_that_cannot_be_is_named(payee, field):
    PartnerFactory(id="closed", status="closed")
    record = record_in("calculated")
    with pytest.raises(ValidationError) as refused:
        operations.change_record(record_id=record.pk, **payee, reason="because", by=UserFactory())
    assert set(refused.value.message_dict) == {field}


def test_a_change_without_a_reason_is_refused():
    with pytest.raises(ValidationError) as refused:
        operations.change_record(record_id=record_in("calculated").pk, status="approved", reason=" ", by=UserFactory())
    assert set(refused.value.message_dict) == {"reason"}


def test_versions_count_up_by_model():
    first = operations.create_model_config(model="linear", parameters={"lookback_days": 30})
    second = operations.create_model_config(model="linear", parameters={"lookback_days": 31})
    assert (first.version, second.version) == (2, 3)
    assert ModelConfig.objects.filter(model="time_decay").count() == 1
    assert second.parameters["half_life_days"] == 7.0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"model": "astrology", "parameters": {}}, "model"),
        ({"model": "linear", "parameters": {"half_life_days": 0}}, "parameters"),
        ({"model": "linear", "parameters": []}, "parameters"),
    ],
)
def test_a_configuration_that_cannot_be_is_named(arguments, field):
    with pytest.raises(ValidationError) as refused:
        operations.create_model_config(**arguments)
    assert set(refused.value.message_dict) == {field}


def run_sql(statement, argument):
    with connection.cursor() as cursor:
        cursor.execute(statement, [argument])
