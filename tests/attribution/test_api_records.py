"""Attribution records over HTTP."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from attribution.models import AttributionRecord, Run
from tests.api import BASE, refused
from tests.factories import AttributionRecordFactory, PartnerFactory, UserFactory
from touchpoints.models import uuid7

URL = f"{BASE}/attributions"
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def finance(db):
    client = APIClient()
    client.force_login(UserFactory(role="Finance"))
    return client


def test_a_record_has_all_that_the_contract_and_the_house_rules_ask(api):
    record = AttributionRecordFactory(credit="0.4", occurred_at=NOON)
    response = api.get(f"{URL}/{record.id}")
    answer = response.json()
    expected = {
        "id": str(record.id),
        "leadId": "lead-123",
        "conversionId": str(record.conversion_id),
        "touchpointId": str(record.touchpoint_id),
        "channel": "partner_referral",
        "model": "position_based",
        "configVersion": 1,
        "status": "calculated",
        "currency": "USD",
        "partnerId": "partner-abc",
        "brokerId": None,
        "campaignId": None,
        "payeeType": "partner",
        "payeeId": "partner-abc",
        "payable": True,
        "occurredAt": "2026-03-01T12:00:00Z",
        "runId": None,
    }
    assert {name: answer[name] for name in expected} == expected
    assert b'"credit":0.4000000000,"percentage":40.00000000,' in response.content
    assert b'"revenueAttributed":1500.00,"commissionAmount":150.00,' in response.content


FILTERS = {
    "leadId": ("lead_id", "x"),
    "conversionId": ("conversion_id", uuid7()),
    "touchpointId": ("touchpoint_id", uuid7()),
    "channel": ("channel", "email"),
    "status": ("status", "paid"),
    "partnerId": ("partner_id", "x"),
    "brokerId": ("broker_id", "x"),
    "campaignId": ("campaign_id", "x"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_lists_are_filtered(api, name):
    column, value = FILTERS[name]
    wanted = AttributionRecordFactory(**{column: value})
    AttributionRecordFactory()
    assert [row["id"] for row in api.get(f"{URL}?{name}={value}").json()["results"]] == [str(wanted.id)]


def test_lists_are_filtered_by_model_run_and_period(api):
    run = Run.objects.create(model_names=["linear"])
    wanted = AttributionRecordFactory(model="linear", payable=False, run=run, occurred_at=NOON)
    AttributionRecordFactory()
    for query in ("model=linear", f"runId={run.id}", "startDate=2026-03-01&endDate=2026-03-01"):
        assert [row["id"] for row in api.get(f"{URL}?{query}").json()["results"]] == [str(wanted.id)]


def test_a_period_has_its_very_first_record_and_not_the_first_after_it(api):
    midnight, end = NOON.replace(hour=0), NOON.replace(day=3, hour=0)
    last = end - dt.timedelta(microseconds=1)
    wanted = [AttributionRecordFactory(occurred_at=each) for each in (midnight, last)]
    for outside in (midnight - dt.timedelta(microseconds=1), end):
        AttributionRecordFactory(occurred_at=outside)
    rows = api.get(f"{URL}?startDate=2026-03-01&endDate=2026-03-02").json()["results"]
    assert [row["id"] for row in rows] == [str(each.id) for each in reversed(wanted)]


@pytest.mark.parametrize(
    "query", ["leadId=lead-1", "status=paid", "campaignId=autumn", "startDate=2026-01-10&endDate=2026-01-11"]
)
def test_a_list_that_is_filtered_reads_no_further_than_it_answers(api, query):
    # In a table of a few rows all ways are as good, and which one is taken is chance.
    for number in range(100):
        AttributionRecordFactory(lead_id=f"other-{number}")
    with CaptureQueriesContext(connection) as asked:
        assert api.get(f"{URL}?{query}").status_code == 200
    [listed] = [each["sql"] for each in asked if "ORDER BY" in each["sql"] and "LIMIT 101" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE attribution_attributionrecord")
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {listed}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    column = {"leadId": "lead_id", "status": "status", "campaignId": "campaign_id", "startDate": "id"}[
        query.split("=")[0]
    ]
    assert re.search(rf"Index Cond: \(+(attribution_attributionrecord\.)?{column}\)?", plan), plan


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("model=magic", ("model", "invalid_choice")),
        ("status=lost", ("status", "invalid_choice")),
        ("conversionId=1", ("conversionId", "invalid")),
        ("runId=%00", ("runId", "invalid")),
        ("campaign=x", ("campaign", "unknown_field")),
    ],
)
def test_a_bad_filter_is_refused_by_name(api, query, named):
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 400
    assert named in refused(response)


@pytest.mark.parametrize("method", ["put", "patch"])
def test_finance_approves_with_a_reason(finance, method):
    record = AttributionRecordFactory()
    body = {"status": "approved", "reason": "Checked against the partner's own list."}
    response = getattr(finance, method)(f"{URL}/{record.id}", body)
    assert (response.status_code, response.json()["status"]) == (200, "approved")


def test_finance_gives_a_record_to_another_payee_or_to_the_house(finance):
    PartnerFactory(id="partner-new")
    record = AttributionRecordFactory()
    body = {"payeeType": "partner", "payeeId": "partner-new", "reason": "Took the book over."}
    answer = finance.patch(f"{URL}/{record.id}", body).json()
    assert (answer["payeeId"], answer["partnerId"]) == ("partner-new", "partner-abc")
    answer = finance.patch(f"{URL}/{record.id}", {"payeeType": "house", "reason": "Closed."}).json()
    assert (answer["payeeType"], answer["payeeId"]) == ("house", "")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"status": "approved"}, ("reason", "required")),
        ({"status": "approved", "reason": ""}, ("reason", "blank")),
        ({"status": "approved", "reason": "  "}, ("reason", "required")),
        ({"status": "lost", "reason": "x"}, ("status", "invalid_choice")),
        ({"reason": "x"}, (None, "invalid")),
        ({"payeeType": "partner", "reason": "x"}, ("payeeId", "required")),
        ({"payeeType": "house", "payeeId": "p", "reason": "x"}, ("payeeId", "invalid")),
        ({"payeeId": "p", "status": "approved", "reason": "x"}, ("payeeId", "invalid")),
        ({"payeeType": "partner", "payeeId": "partner-none", "reason": "x"}, ("payeeId", "does_not_exist")),
        ({"payeeType": "friend", "payeeId": "p", "reason": "x"}, ("payeeType", "invalid_choice")),
        ({"partnerId": "p", "status": "approved", "reason": "x"}, ("partnerId", "unknown_field")),
        ({"commissionAmount": 5, "status": "approved", "reason": "x"}, ("commissionAmount", "unknown_field")),
    ],
    ids=lambda v: str(v)[:50],
)
def test_a_bad_change_is_refused_by_name(finance, body, named):
    record = AttributionRecordFactory()
    response = finance.patch(f"{URL}/{record.id}", body)
    assert response.status_code == 400
    assert refused(response) == {named}
    assert AttributionRecord.objects.get().status == "calculated"


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ("pending", {"status": "approved"}),
        ("calculated", {"status": "paid"}),
        ("paid", {"status": "calculated"}),
        ("approved", {"payeeType": "house"}),
    ],
)
def test_what_the_life_of_a_record_forbids_is_a_conflict(finance, before, change):
    record = AttributionRecordFactory(status=before)
    response = finance.patch(f"{URL}/{record.id}", change | {"reason": "x"})
    assert response.status_code == 409
    assert refused(response) == {(None, "not_allowed_now")}


@pytest.mark.parametrize("method", ["get", "put", "patch"])
@pytest.mark.parametrize("pk", ["01950000-0000-7000-8000-000000000001", "attr-123"])
def test_an_id_that_is_not_there_is_not_found(finance, method, pk):
    assert getattr(finance, method)(f"{URL}/{pk}").status_code == 404


def test_the_list_takes_as_many_queries_for_many_rows_as_for_one(api, django_assert_num_queries):
    AttributionRecordFactory()
    with django_assert_num_queries(5) as first:
        api.get(URL)
    AttributionRecordFactory.create_batch(20)
    with django_assert_num_queries(len(first)):
        assert len(api.get(URL).json()["results"]) == 21
