"""What happens to conversions and records is told, to whom it concerns, in the transaction in which it happens."""

import datetime as dt
import json
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

import conversions.operations
from attribution import operations
from attribution.models import AttributionRecord
from conversions.models import Conversion
from partners.models import WebhookMessage
from tests.api import BASE
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    UserFactory,
    WebhookEndpointFactory,
)


def told(description=None):
    """(type, data) of the messages so far, in order, of one webhook or all; and forgets them."""
    messages = WebhookMessage.objects.order_by("id")
    if description:
        messages = messages.filter(endpoint__description=description)
    bodies = [json.loads(message.body) for message in messages]
    messages.delete()
    return [(body["type"], body["data"]) for body in bodies]


@pytest.fixture
def house(db):
    events = ["conversion.created", "conversion.updated", "records.changed", "record.approved", "record.calculated"]
    return WebhookEndpointFactory(description="house", events=events)


def webhook_of(payee, events=("records.changed", "record.approved")):
    kind = payee._meta.model_name
    return WebhookEndpointFactory(description=payee.pk, events=list(events), **{kind: payee})


def test_a_conversion_is_told_once_as_it_is_stored(api, house):
    sale = {"leadId": "lead-1", "type": "sale", "value": 10, "commissionRate": 0.1, "externalId": "sale-1"}
    stored = api.post(f"{BASE}/conversions", sale).json()
    assert api.post(f"{BASE}/conversions", sale).status_code == 200
    [message] = WebhookMessage.objects.all()
    assert '"value":10.00,' in message.body
    [(event, data)] = told()
    assert event == "conversion.created"
    assert data["id"] == stored["id"]
    assert {name: stored[name] for name in data} == data


def test_a_changed_conversion_is_told_with_its_new_values(api, house):
    conversion = ConversionFactory(value=Decimal("10.00"), commission_amount=Decimal("1.00"))
    api.patch(f"{BASE}/conversions/{conversion.pk}", {"value": 20})
    [(event, data)] = told()
    assert (event, data["value"], data["commissionAmount"]) == ("conversion.updated", 20.0, 2.0)


def test_a_refused_conversion_is_not_told(api, house):
    api.post(f"{BASE}/conversions", {"leadId": "lead-1", "type": "sale", "value": 10, "externalId": "sale-1"})
    told()
    other = {"leadId": "lead-2", "type": "sale", "value": 99, "externalId": "sale-1"}
    assert api.post(f"{BASE}/conversions", other).status_code == 409
    assert told() == []


def test_a_conversion_that_cannot_be_told_is_not_stored_either(house):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE partners_webhookmessage ADD CHECK (event <> 'conversion.created')")
    values = {"lead_id": "lead-1", "type": "sale", "value": Decimal(10)}
    with pytest.raises(IntegrityError):
        conversions.operations.create_conversion(values=values)
    assert not Conversion.objects.exists()


@pytest.fixture
def sale(db):
    """Of lead-1, touched by partner-a only."""
    partners = {name: PartnerFactory(id=name) for name in ("partner-a", "partner-b")}
    TouchpointFactory(lead_id="lead-1", channel="partner_referral", partner_id="partner-a")
    for partner in partners.values():
        webhook_of(partner)
    return ConversionFactory(lead_id="lead-1")


def calculated(way):
    if way == "of a lead":
        operations.calculate_and_save(lead_id="lead-1", model_names=["last_touch"])
        return None
    run = operations.start_run(model_names=["last_touch"], queue=False)
    for shard in run.shards.all():
        assert operations.calculate_shard(shard.pk)
    return str(run.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["of a lead", "of all by a run"])
def test_who_gains_and_who_loses_records_is_told_and_nobody_else(sale, house, way):
    run = calculated(way)
    [(event, data)] = told("partner-a")
    assert event == "records.changed"
    assert (data["runId"], data["conversions"], data["conversionIds"]) == (run, 1, [str(sale.pk)])
    assert data["url"] == f"{BASE}/attributions?conversionId={sale.pk}"
    assert told("partner-b") == []
    assert [event for event, _ in told("house")] == ["records.changed"]

    calculated(way)
    assert told() == [], "nothing changed"

    # A later touch takes the sale from partner-a, who has no record left.
    yesterday = timezone.now() - dt.timedelta(days=1)
    TouchpointFactory(lead_id="lead-1", channel="partner_referral", partner_id="partner-b", timestamp=yesterday)
    calculated(way)
    assert AttributionRecord.objects.get().payee_id == "partner-b"
    assert [data["conversionIds"] for name in ("partner-a", "partner-b") for _, data in told(name)] == [
        [str(sale.pk)],
        [str(sale.pk)],
    ]


@pytest.mark.django_db(transaction=True)
def test_of_many_conversions_some_are_named_and_all_counted(db):
    WebhookEndpointFactory(events=["records.changed"])
    now = timezone.now()
    for number in range(130):
        TouchpointFactory(lead_id=f"lead-{number}")
    Conversion.objects.bulk_create(ConversionFactory.build(lead_id=f"lead-{n}", occurred_at=now) for n in range(130))
    run = calculated("of all by a run")
    [(_, data)] = told()
    assert (data["conversions"], len(data["conversionIds"])) == (130, 100)
    assert len(set(map(UUID, data["conversionIds"]))) == 100
    assert data["url"] == f"{BASE}/attributions?runId={run}"


@pytest.mark.django_db
def test_an_approved_record_is_told_to_its_payee_and_the_house(house):
    partner = PartnerFactory(id="partner-abc")
    webhook_of(partner)
    webhook_of(BrokerFactory(id="partner-abc"))
    record = AttributionRecordFactory()
    finance = UserFactory(role="Finance")
    record = operations.change_record(record_id=record.pk, status="approved", reason="Checked.", by=finance)
    owners = WebhookMessage.objects.values_list("endpoint__partner_id", "endpoint__broker_id")
    assert set(owners) == {("partner-abc", None), (None, None)}
    (event, data), _ = told()
    assert (event, data["recordId"], data["commissionAmount"]) == ("record.approved", str(record.pk), 150.0)
    assert "reason" not in json.dumps(data)


@pytest.mark.django_db
def test_a_record_that_goes_to_another_payee_is_told_to_both_and_names_neither(house):
    old, new = PartnerFactory(id="partner-abc"), BrokerFactory(id="broker-new")
    for payee in (old, new):
        webhook_of(payee)
    record = AttributionRecordFactory(payee_id="partner-abc")
    operations.change_record(
        record_id=record.pk, payee_type="broker", payee_id="broker-new", reason="Mistaken.", by=UserFactory()
    )
    for name in ("partner-abc", "broker-new", "house"):
        [(event, data)] = told(name)
        assert (event, data["conversionIds"]) == ("records.changed", [str(record.conversion_id)])
        assert "broker-new" not in json.dumps(data)


@pytest.mark.django_db
def test_a_refused_approval_is_not_told(house):
    record = AttributionRecordFactory(status="approved")
    with pytest.raises(operations.NotAllowedNow):
        operations.change_record(record_id=record.pk, status="calculated", reason="No.", by=UserFactory())
    assert told() == []
