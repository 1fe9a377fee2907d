"""The front page's first box: what waits for whom, counted quickly, each line with its list behind it."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attribution.models import AttributionRecord, Comparison, Finding, Run, Verification
from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from partners.models import WebhookEndpoint
from reports import waiting
from tests.disputes.worlds import approve, decider, file, house, records, sold
from tests.factories import AttributionRecordFactory, UserFactory, WebhookEndpointFactory

pytestmark = pytest.mark.django_db
PARTNER = Actor(payee=("partner", "partner-0"))


def lines(user):
    return {line["name"]: line["count"] for line in waiting.waiting(user)["lines"]}


def filed(number):
    return [file(records(sold(lead=f"lead-{n}"))[0]) for n in range(number)]


def test_operations_are_told_of_their_disputes_the_overdue_first():
    person = decider()
    soon, late, asked, free = filed(4)
    for dispute in (soon, late, asked):
        operations.assign_dispute(dispute_id=dispute.pk, to=person, by=house())
    operations.ask_information(dispute_id=asked.pk, question="Which?", by=house(person))
    Dispute.objects.filter(pk=late.pk).update(due_at=timezone.now() - dt.timedelta(hours=3))
    found = waiting.waiting(person)
    assert found["mine"][0]["title"] == f"D-{late.number}"
    left = {each["title"]: each["left"] for each in found["mine"]}
    assert left[f"D-{late.number}"] == "3 h overdue"
    assert left[f"D-{asked.number}"] == "waits for an answer"
    assert left[f"D-{soon.number}"].endswith("h of work left")
    assert f"D-{free.number}" not in left
    assert lines(person) == {"overdue": "1", "unassigned": "1"}
    operations.answer_information(dispute_id=asked.pk, answer="This.", by=PARTNER)
    assert lines(person)["answers"] == "1"
    assert "answers" not in lines(decider())


def test_an_appeal_waits_for_those_who_may_decide_it():
    decided, filer = decider(), decider()
    [dispute] = filed(1)
    operations.reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=house(decided))
    operations.appeal_dispute(dispute_id=dispute.pk, reason="Again.", by=Actor(user=filer))
    assert "appeals" not in lines(decided)
    assert "appeals" not in lines(filer)
    assert lines(decider())["appeals"] == "1"


def test_finance_is_told_what_to_approve_by_currency_and_what_is_proposed():
    person = UserFactory(role="Finance")
    conversion = sold()
    approve(records(conversion)[0])
    AttributionRecordFactory(currency="EUR", commission_amount=Decimal("7.00"), occurred_at=conversion.occurred_at)
    AttributionRecordFactory(payee_type="house", payee_id="", partner_id=None)
    AttributionRecordFactory(payable=False, model="linear")
    run = Run.objects.create(model_names=["linear"], status="finished", finished_at=timezone.now())
    Finding.objects.create(run=run, conversion_id=conversion.pk, model="position_based", code="frozen_differs")
    found = {line["name"]: line for line in waiting.waiting(person)["lines"]}
    assert found["approve"]["count"] == "3"
    assert found["approve"]["note"] == "6.00 USD, 7.00 EUR of commission"
    assert found["proposed"]["count"] == "1"
    assert set(found) == {"approve", "proposed"}


def test_the_list_behind_what_waits_for_approval_has_those_records(client):
    client.force_login(UserFactory(role="Finance"))
    conversion = sold()
    approve(records(conversion)[0])
    [line] = [line for line in waiting.waiting(UserFactory(role="Finance"))["lines"] if line["name"] == "approve"]
    shown = client.get(line["link"]).context["cl"].result_list
    assert {record.pk for record in shown} == {record.pk for record in records(conversion)[1:]}


def test_work_that_failed_is_told_for_a_week():
    person = UserFactory(role="Operations")
    now = timezone.now()
    for age in (1, 30):
        run = Run.objects.create(model_names=["linear"], status="failed", finished_at=now)
        Run.objects.filter(pk=run.pk).update(created_at=now - dt.timedelta(days=age))
    Comparison.objects.create(status="failed", question={})
    assert lines(person) == {"runs": "1", "comparisons": "1"}
    assert lines(UserFactory(role="Finance")) == {}


def test_administrators_are_told_of_webhooks_switched_off_and_of_records_that_differ():
    person = UserFactory(is_superuser=True)
    WebhookEndpointFactory()
    WebhookEndpoint.objects.update(status="disabled", disabled_reason="failing")
    counts = {
        "records_checked": 9,
        "records_without_journey": 0,
        "started_at": timezone.now(),
        "finished_at": timezone.now(),
    }
    Verification.objects.create(records_differing=2, **counts)
    assert lines(person) == {"webhooks": "1", "verification": "1"}
    Verification.objects.create(records_differing=0, **counts)
    assert lines(person) == {"webhooks": "1"}


@pytest.mark.parametrize("role", ["Operations", "Finance", "Analyst", "Auditor", None])
def test_where_nothing_waits_it_says_so(client, role):
    client.force_login(UserFactory(role=role, is_superuser=role is None))
    assert "Nothing waits for you" in client.get("/admin/").content.decode()


def test_each_line_leads_to_a_list_that_opens(client):
    person = UserFactory(is_superuser=True)
    client.force_login(person)
    filed(2)
    Dispute.objects.update(due_at="2020-01-01T00:00Z")
    Run.objects.create(model_names=["linear"], status="failed", finished_at=timezone.now())
    found = waiting.waiting(person)
    assert {line["name"] for line in found["lines"]} == {"overdue", "unassigned", "runs", "approve"}
    for line in found["lines"]:
        assert client.get(line["link"]).status_code == 200
    assert "What waits for you" in client.get("/admin/").content.decode()


def test_counting_stops_where_nobody_would_count_on(monkeypatch):
    monkeypatch.setattr(waiting, "MOST_COUNTED", 2)
    filed(4)
    assert lines(decider())["unassigned"] == "2+"


def test_the_number_of_statements_is_the_same_whatever_waits():
    person = UserFactory(is_superuser=True)

    def statements():
        with CaptureQueriesContext(connection) as captured:
            waiting.waiting(person)
        return len(captured)

    filed(1)
    few = statements()
    for dispute in [file(records(sold(lead=f"more-{n}"))[0]) for n in range(5)]:
        operations.assign_dispute(dispute_id=dispute.pk, to=person, by=house())
    assert statements() == few


def test_records_to_approve_are_counted_by_their_own_index():
    AttributionRecord.objects.bulk_create(AttributionRecordFactory.build_batch(50))
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        waiting.records_to_approve()
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        assert "record_to_approve" in "\n".join(row[0] for row in cursor.fetchall())
