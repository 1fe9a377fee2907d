"""`GET /adjustments`: the proof of every cent for who gains or loses by one."""

from decimal import Decimal

import pytest
from django.db import connection

import attribution.operations
from attribution.models import Adjustment
from tests.api import BASE
from tests.disputes.doors import URL as DISPUTES
from tests.disputes.doors import filed, ok, partner, refusal, service
from tests.disputes.worlds import approve, records, sold

pytestmark = pytest.mark.django_db
URL = f"{BASE}/adjustments"


@pytest.fixture
def conversion():
    """partner-0's paid touch was given to partner-1, and then a tenth of the conversion was refunded."""
    conversion = sold()
    first, second, _ = records(conversion)
    approve(first, status="paid")
    approve(second)
    dispute = filed(partner(1), second)
    way = {"way": "reassign", "touchpointId": str(first.touchpoint_id), "payeeType": "partner", "payeeId": "partner-1"}
    body = {"status": "resolved", "resolution": "It was theirs.", "adjustments": way}
    ok(service().put(f"{DISPUTES}/{dispute['id']}/resolve", body))
    # As where each request commits by itself: the settlement is looked at before the next thing happens.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    attribution.operations.reverse_conversion(
        conversion_id=conversion.pk, values={"reason": "refund", "amount": Decimal("10.00")}, by=None
    )
    return conversion


def listed(client, query=""):
    return ok(client.get(f"{URL}{query}"))["results"]


def test_each_payee_sees_its_own_with_what_caused_it(conversion):
    settled, *_ = listed(partner(0), "?kind=settlement")
    dispute = ok(service().get(DISPUTES))["results"][0]
    assert {name: settled[name] for name in ("kind", "payeeId", "commissionAmount", "credit", "disputeId")} == {
        "kind": "settlement",
        "payeeId": "partner-0",
        "commissionAmount": -4.00,
        "credit": -0.4,
        "disputeId": dispute["id"],
    }
    assert settled["disputeNumber"] == dispute["number"]
    [refund] = listed(partner(1), "?kind=reversal")
    assert (refund["payeeId"], refund["commissionAmount"], refund["disputeId"]) == ("partner-1", -0.20, None)
    assert refund["reversalId"]
    assert {each["payeeId"] for each in listed(partner(0))} == {"partner-0"}


def test_record_and_adjustments_add_up_to_what_is_answered_as_net(conversion):
    record = ok(partner(0).get(f"{BASE}/attributions?conversionId={conversion.pk}&model=position_based"))["results"][0]
    booked = sum(each["commissionAmount"] for each in listed(partner(0), f"?attributionId={record['id']}"))
    assert record["commissionAmount"] + booked == record["netCommission"] == 0
    assert (record["netCredit"], record["part"], record["settled"]) == (0, 0, False)


def test_a_records_own_page_says_why(conversion):
    record = records(conversion)[0]
    told = ok(partner(0).get(f"{BASE}/attributions/{record.pk}"))["adjustments"]
    assert [(each["kind"], each["reason"], each["commissionAmount"]) for each in told] == [
        ("settlement", "settlement", -4.00)
    ]
    assert told[0]["occurredAt"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("kind=settlement", 1),
        ("kind=reversal", 1),
        ("partnerId=partner-0", 1),
        ("partnerId=partner-1", 1),
        ("brokerId=partner-0", 0),
        ("startDate=2000-01-01", 2),
        ("endDate=2000-01-01", 0),
    ],
)
def test_the_house_finds_by(conversion, query, number):
    assert len(listed(service(), f"?{query}")) == number
    assert len(listed(service(), f"?{query}&conversionId={conversion.pk}")) == number


def test_another_finds_nothing_by_any_filter(conversion):
    pk = Adjustment.objects.get(payee_id="partner-0").record_id
    for query in (f"?attributionId={pk}", "?partnerId=partner-0"):
        assert listed(partner(2), query) == []
    assert refusal(partner(2).get(f"{URL}?color=red")) == (400, {("color", "unknown_field")})


def test_pages_are_turned_by_cursor(conversion):
    page = ok(service().get(f"{URL}?pageSize=1"))
    following = ok(service().get(page["next"]))
    assert len({page["results"][0]["id"], following["results"][0]["id"]}) == 2
    assert following["next"] is None
