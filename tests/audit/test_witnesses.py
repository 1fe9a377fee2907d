"""Rows that leave no event when they come are held against what was made of them: with triggers off, nothing else is
left of a change."""

from decimal import Decimal

import pytest
from django.db import connection

import attribution.operations
from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, NewTouch, Way
from attribution_site.audit.operations import verify_audit
from conversions.operations import change_conversion
from disputes import operations
from partners.models import uuid7
from tests.attribution.worlds import NOW
from tests.audit.test_tampering import behind_the_triggers
from tests.disputes.worlds import approve, file, house, records, sold
from tests.factories import UserFactory
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = "attribution_attributionrecord"


@pytest.fixture
def conversion():
    """With records under several models, and no event of any of it."""
    made = sold()
    attribution.operations.calculate_and_save(lead_id=made.lead_id, model_names=["linear", "last_touch"])
    assert verify_audit().findings_count == 0
    return made


def told():
    return {(each["table"], each["row"]): each["text"] for each in verify_audit().findings}


def test_a_record_whose_money_was_changed_is_found(conversion):
    record = records(conversion)[1]
    assert not record.audit_events.exists()
    behind_the_triggers(f"UPDATE {RECORDS} SET commission_amount = 3.01 WHERE id = %s", record.pk)
    found = told()
    assert set(found) == {(RECORDS, str(each.pk)) for each in records(conversion)}
    assert "position_based of conversion" in found[RECORDS, str(record.pk)]
    assert "a commission of 11.01, and its journey has 100.00 and 10.00." in found[RECORDS, str(record.pk)]


def test_a_record_that_was_put_in_is_found(conversion):
    record = AttributionRecord.objects.get(pk=records(conversion)[1].pk)
    columns = [field.column for field in AttributionRecord._meta.concrete_fields]
    other = {"id": uuid7(), "touchpoint_id": uuid7()}
    values = ", ".join("%s" if name in other else name for name in columns)
    sql = f"INSERT INTO {RECORDS} ({', '.join(columns)}) SELECT {values} FROM {RECORDS} WHERE id = %s"
    behind_the_triggers(sql, *(other[name] for name in columns if name in other), record.pk)
    said = [each["text"] for each in verify_audit().findings if each["row"] == str(other["id"])]
    assert len(said) == 2
    assert "a credit of 1.2000000000, a revenue of 120.00" in said[0]
    assert said[1] == f"{RECORDS}: row {other['id']} is there, and no journey has its touch."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("payee_id = 'partner-2'", "is not what its journey says of the touch and its payee."),
        ("partner_id = 'partner-2'", "is not what its journey says of the touch and its payee."),
        ("channel = 'display_ad'", "is not what its journey says of the touch and its payee."),
        ("status = 'approved'", "is approved, and the log knows of nobody who decided it."),
        ("touchpoint_id = conversion_id", "is there, and no journey has its touch."),
    ],
)
def test_a_record_that_is_not_what_its_touch_makes_it_is_found(conversion, change, said):
    record = records(conversion)[0]
    behind_the_triggers(f"UPDATE {RECORDS} SET {change} WHERE id = %s", record.pk)
    assert told() == {(RECORDS, str(record.pk)): f"{RECORDS}: row {record.pk} {said}"}


@pytest.mark.parametrize("change", ["value = 101", "commission_amount = 11", "occurred_at = now()", "type = 'renewal'"])
def test_a_conversion_that_is_not_what_was_calculated_with_is_found(conversion, change):
    behind_the_triggers(f"UPDATE conversions_conversion SET {change} WHERE id = %s", conversion.pk)
    [(where, text)] = told().items()
    assert where == ("conversions_conversion", str(conversion.pk))
    assert text.endswith("is not what the journey says that was calculated with.")


@pytest.mark.parametrize("change", ["partner_id = 'partner-9'", "channel = 'email'", "campaign = 'other'"])
def test_a_touch_that_is_not_what_was_calculated_with_is_found(conversion, change):
    touch = Touchpoint.objects.in_time_order().first()
    behind_the_triggers(f"UPDATE touchpoints_touchpoint SET {change} WHERE id = %s", touch.pk)
    assert list(told()) == [("touchpoints_touchpoint", str(touch.pk))]


def test_what_is_done_by_the_ordinary_ways_is_no_finding(conversion):
    """Reversed, changed and calculated anew, approved and settled, with a touch put in."""
    lead = conversion.lead_id
    Touchpoint.objects.create(lead_id=lead, channel="broker_referral", timestamp=NOW, partner_id="partner-1")
    attribution.operations.calculate_and_save(lead_id=lead)
    change_conversion(conversion_id=conversion.pk, changes={"value": Decimal(90), "commission_amount": Decimal(9)})
    attribution.operations.calculate_and_save(lead_id=lead)
    approve(records(conversion)[0])
    values = {"reason": "refund", "amount": Decimal("10.01")}
    attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=UserFactory())
    assert told() == {}
    for decision in (
        Decision(Way.SPLIT, records(conversion)[1].touchpoint_id, HOUSE, percentage=Decimal("33.33")),
        Decision(Way.INSERT, payee=("partner", "partner-2"), touch=NewTouch("email", NOW)),
    ):
        dispute = file(next(each for each in records(conversion) if each.payee_id))
        operations.resolve_dispute(dispute_id=dispute.pk, resolution="So.", decision=decision, by=house())
        assert told() == {}


def test_rows_are_read_by_a_cursor_of_the_server(conversion, monkeypatch):
    """However many rows differ, some thousands are in memory."""
    behind_the_triggers(f"UPDATE {RECORDS} SET status = 'approved' WHERE payable")
    opened, chunked = [], connection.chunked_cursor

    def counted():
        opened.append(chunked())
        return opened[-1]

    monkeypatch.setattr(connection, "chunked_cursor", counted)
    assert verify_audit().findings_count == 3
    assert {cursor.cursor.scrollable for cursor in opened} == {False}
