"""A partner's explanation: its own touches to the cent, the others' as a kind, a day and a share."""

import datetime as dt

import pytest
from django.utils import timezone

from attribution import operations
from attribution.models import AttributionRecord
from attribution_site.api.keys import Payee
from tests.api import BASE
from tests.factories import BrokerFactory, ConversionFactory, PartnerFactory, TouchpointFactory
from touchpoints.models import Touchpoint

A = Payee("partner", "partner-a")
SECRETS = ("partner-b", "broker-c", "secret-campaign", "secret-source", "organic_search", "webinar")


@pytest.fixture
def journey(db):
    """Five touches in five days: of partner a, partner b, a broker, the house, and partner a again."""
    PartnerFactory(id="partner-a"), PartnerFactory(id="partner-b"), BrokerFactory(id="broker-c")
    now = timezone.now()
    touches = [
        {"partner_id": "partner-a", "channel": "partner_referral", "campaign": "ours"},
        {"partner_id": "partner-b", "channel": "webinar", "campaign": "secret-campaign"},
        {"broker_id": "broker-c", "channel": "broker_referral", "source": "secret-source"},
        {"channel": "organic_search", "campaign": "secret-campaign"},
        {"partner_id": "partner-a", "channel": "email", "campaign": "ours", "broker_id": "broker-c"},
    ]
    for days, touch in enumerate(touches):
        TouchpointFactory(lead_id="lead-1", timestamp=now - dt.timedelta(days=5 - days, hours=1), **touch)
    conversion = ConversionFactory(lead_id="lead-1", occurred_at=now)
    operations.calculate_and_save(lead_id="lead-1", model_names=["position_based"], conversion_id=conversion.pk)
    return conversion


@pytest.fixture
def told(journey, client_of):
    first = AttributionRecord.objects.get(payee_id="partner-a", position=1)
    answer = client_of("partner", payee=A).get(f"{BASE}/attributions/{first.pk}/explain")
    assert answer.status_code == 200, answer.content
    return answer


def test_its_own_touches_are_told_whole(told):
    own = [touch for touch in told.json()["journey"]["touches"] if not touch["blurred"]]
    assert [(touch["position"], touch["partnerId"], touch["campaign"]) for touch in own] == [
        (1, "partner-a", "ours"),
        (5, "partner-a", "ours"),
    ]
    assert [touch["commission"]["share"] for touch in own] == [60.0, 60.0]
    assert {touch["brokerId"] for touch in own} == {None}


def test_of_the_others_it_is_told_the_kind_the_day_and_about_how_much(told):
    others = [touch for touch in told.json()["journey"]["touches"] if touch["blurred"]]
    assert [(t["payeeType"], float(t["secondsBefore"]) / 86_400, float(t["percentage"])) for t in others] == [
        ("partner", 4, 7),
        ("broker", 3, 7),
        ("house", 2, 7),
    ]
    known = {"payeeType", "secondsBefore", "percentage", "credit", "position", "isThis", "blurred"}
    for touch in others:
        assert {name for name, value in touch.items() if value not in (None, "")} == known


def test_nothing_else_says_who_they_were(told, journey):
    text = told.content.decode()
    assert [secret for secret in SECRETS if secret in text] == []
    others = Touchpoint.objects.exclude(partner_id="partner-a").values_list("pk", flat=True)
    assert [pk for pk in others if str(pk) in text] == []


def test_staff_is_told_everything(journey, api):
    record = AttributionRecord.objects.get(payee_id="partner-b")
    text = api.get(f"{BASE}/attributions/{record.pk}/explain").content.decode()
    assert [secret for secret in SECRETS if secret not in text] == []


def test_anothers_record_is_not_explained(journey, client_of):
    record = AttributionRecord.objects.get(payee_id="partner-b")
    assert client_of("partner", payee=A).get(f"{BASE}/attributions/{record.pk}/explain").status_code == 404


def test_a_record_given_by_hand_does_not_name_whose_touch_it_was(journey, client_of):
    record = AttributionRecord.objects.get(payee_id="partner-b")
    AttributionRecord.objects.filter(pk=record.pk).update(payee_id="partner-a", payee_pinned=True)
    client = client_of("partner", payee=A)
    for path in (f"attributions/{record.pk}", f"attributions/{record.pk}/explain", "attributions"):
        assert "partner-b" not in client.get(f"{BASE}/{path}").content.decode()
