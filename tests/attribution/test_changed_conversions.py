"""A conversion that changes has its records calculated again, and until then nobody approves what is no longer so."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from attribution import operations
from attribution.models import AttributionRecord
from attribution.operations import RecordOutdated
from attribution.operations.late_touches import calculate_late_touches
from conversions.models import Conversion
from conversions.operations import change_conversion
from tests.api import BASE
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory
from touchpoints.models import LateLead

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversion(db):
    """1,500.00 with 150.00 of commission, all of it one partner's."""
    now = timezone.now()
    PartnerFactory(id="partner-a")
    TouchpointFactory(lead_id="lead-1", partner_id="partner-a", timestamp=now - dt.timedelta(days=1))
    made = ConversionFactory(lead_id="lead-1", occurred_at=now)
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based"], conversion_id=made.pk)
    LateLead.objects.all().delete()
    return made


def approve():
    record = AttributionRecord.objects.get()
    return operations.change_record(record_id=record.pk, status="approved", reason="checked", by=UserFactory())


def test_what_was_calculated_from_another_value_is_not_approved(conversion):
    change_conversion(conversion_id=conversion.pk, changes={"value": Decimal("1000.00")})
    with pytest.raises(RecordOutdated, match="has changed since"):
        approve()
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based"])
    assert approve().commission_amount == Decimal("100.00")


def test_nor_what_belongs_to_another_lead_by_now(conversion):
    change_conversion(conversion_id=conversion.pk, changes={"lead_id": "lead-2"})
    with pytest.raises(RecordOutdated):
        approve()


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"value": Decimal(1)}, {"lead-1"}),
        ({"commission_amount": Decimal(1)}, {"lead-1"}),
        ({"lead_id": "lead-2"}, {"lead-1", "lead-2"}),
        ({"occurred_at": timezone.now() - dt.timedelta(days=2)}, {"lead-1"}),
        ({"policy_number": "POL-1"}, set()),
    ],
    ids=["value", "commission", "lead", "time", "policy number"],
)
def test_the_lead_of_a_changed_conversion_is_noted(conversion, changes, noted):
    change_conversion(conversion_id=conversion.pk, changes=changes)
    assert set(LateLead.objects.values_list("lead_id", flat=True)) == noted


def test_whoever_changes_it_the_lead_is_noted_and_calculated(conversion):
    Conversion.objects.update(value=Decimal("900.00"))
    [run] = calculate_late_touches()
    assert run.lead_ids == ["lead-1"]


def test_a_saved_calculation_tells_what_is_left_of_a_reversed_conversion(conversion, api):
    approve()
    api.post(f"{BASE}/conversions/{conversion.pk}/reverse", {"reason": "lapse", "amount": 500})
    path, body = f"{BASE}/attribution/calculate-and-save", {"leadId": "lead-1", "model": "position_based"}
    [told] = api.post(path, body).json()["calculations"]
    assert (told["conversionValue"], told["commissionAmount"], told["unattributed"]) == (1000, 100, 0)
    assert [(share["revenue"], share["commission"]) for share in told["attributions"]] == [(1000, 100)]
