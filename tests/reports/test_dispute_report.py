"""The dispute report: each figure against a small world whose answers can be counted on one's fingers."""

import csv
import datetime as dt
import io
from decimal import Decimal

import pgtrigger
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import attribution.operations
from attribution.settling import Decision, Way
from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from reports import disputes as queries
from reports.admin.dispute_tables import queue
from tests.disputes.worlds import file, house, records, sold
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
URL = "/admin/dispute-report/"
# A Monday; business hours are 9 to 17 of UTC.
MONDAY = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
JUNE = (dt.datetime(2026, 6, 1, tzinfo=dt.UTC), dt.datetime(2026, 7, 1, tzinfo=dt.UTC))
ASKED = {"start": "2026-06-01", "end": "2026-06-30"}
PARTNER = Actor(payee=("partner", "partner-0"))
TIMES = ["disputes.Dispute:facts_stay", "disputes.Dispute:closed_stays"]


def at(dispute, filed, closed=None, due=None):
    """As if it had been filed and closed then."""
    times = {"filed_at": filed, "due_at": due or filed + dt.timedelta(days=7)}
    with pgtrigger.ignore(*TIMES):
        Dispute.objects.filter(pk=dispute.pk).update(**times, **({"closed_at": closed} if closed else {}))


def hours(number):
    return dt.timedelta(hours=number)


def rejected(dispute, why="not_proven"):
    return operations.reject_dispute(dispute_id=dispute.pk, rejection=why, resolution="No.", by=house())


def resolved(dispute, decision=None):
    return operations.resolve_dispute(dispute_id=dispute.pk, resolution="Yes.", decision=decision, by=house())


@pytest.fixture
def june():
    """Of four, one moved 4.00 from partner-0 to partner-1, one was rejected, one withdrawn, one appealed and won."""
    first = [records(sold(lead=f"lead-{n}"))[0] for n in range(4)]
    moved, no, taken_back, again = (file(record) for record in first)
    resolved(moved, Decision(Way.REASSIGN, first[0].touchpoint_id, ("partner", "partner-1")))
    rejected(no)
    operations.withdraw_dispute(dispute_id=taken_back.pk, by=PARTNER)
    rejected(again, "record_is_right")
    appeal = operations.appeal_dispute(dispute_id=again.pk, reason="Look again.", by=PARTNER)
    resolved(appeal)
    at(moved, MONDAY, MONDAY + hours(4))
    at(no, MONDAY, MONDAY + hours(24 + 2), due=MONDAY + hours(24))
    at(taken_back, MONDAY + dt.timedelta(days=7), MONDAY + dt.timedelta(days=7, hours=1))
    at(again, MONDAY, MONDAY + hours(1))
    at(appeal, MONDAY + dt.timedelta(days=14), MONDAY + dt.timedelta(days=14, hours=8))
    return first


def test_what_came_and_went_each_week(june):
    weeks = [(row["week"].isoformat(), row["filed"], row["closed"]) for row in queries.weeks(*JUNE)]
    assert weeks == [
        ("2026-06-01", 3, 3),
        ("2026-06-08", 1, 1),
        ("2026-06-15", 1, 1),
        ("2026-06-22", 0, 0),
        ("2026-06-29", 0, 0),
    ]


def test_how_long_decisions_took_in_hours_of_work_and_which_were_in_time(june):
    # 4, 1 and 8 hours; 10 for the one that took from Monday 9 to Tuesday 11, which was due on Tuesday at 9.
    times = queries.times(*JUNE)
    assert times == {"decided": 4, "median": 4, "p90": 10, "in_time": 0.75}


def test_one_decided_while_its_question_was_open_was_in_time_if_time_was_left(june):
    for left, in_time in ((hours(1), 1), (-hours(1), 0)):
        dispute = file(records(sold(lead=f"lead-{left}"))[0])
        operations.ask_information(dispute_id=dispute.pk, question="Which?", by=house())
        Dispute.objects.filter(pk=dispute.pk).update(time_left=left)
        rejected(dispute)
        day = dt.datetime(2026, 8, 3 + in_time, tzinfo=dt.UTC)
        at(dispute, day, day + hours(10), due=day)
        assert queries.times(day, day + hours(24))["in_time"] == in_time


def test_who_was_right_by_type_and_claimant_and_why_claims_failed(june):
    found = queries.outcomes(*JUNE)
    ended = {"closed": 5, "resolved": 2, "rejected": 2, "withdrawn": 1, "win_rate": 0.5}
    assert found["all"] == ended
    assert found["types"] == [{"type": "amount", "title": "Wrong amount"} | ended]
    assert found["claimants"] == [{"kind": "partner", "id": "partner-0"} | ended]
    assert [(row["rejection"], row["number"]) for row in found["rejections"]] == [
        ("not_proven", 1),
        ("record_is_right", 1),
    ]


def test_money_that_moved_is_told_by_payee_and_currencies_never_mix(june):
    euro = sold(lead="lead-euro")
    type(euro).objects.filter(pk=euro.pk).update(currency="EUR")
    attribution.operations.calculate_and_save(lead_id="lead-euro")
    first = records(euro)[0]
    dispute = resolved(file(first), Decision(Way.REASSIGN, first.touchpoint_id, ("partner", "partner-1")))
    at(dispute, MONDAY, MONDAY + hours(1))
    rows = [(row["currency"], row["payee"], row["gained"], row["lost"], row["net"]) for row in queries.moved(*JUNE)]
    four, none = Decimal("4.00"), Decimal(0)
    assert rows == [
        (currency, payee, gained, lost, net)
        for currency in ("EUR", "USD")
        for payee, gained, lost, net in (("partner-1", four, none, four), ("partner-0", none, four, -four))
    ]


def test_appeals_are_what_was_reopened(june):
    assert queries.appeals(*JUNE) == {"filed": 1, "decided": 1, "won": 1}


def test_what_is_open_is_told_by_age_with_what_is_overdue():
    now = timezone.now()
    for n, days in enumerate((0, 1, 5, 9, 40)):
        dispute = file(records(sold(lead=f"lead-{n}"))[0])
        at(dispute, now - dt.timedelta(days=days), due=now - hours(1) if days > 5 else now + hours(9))
    ages = queries.ages(now)
    assert [row["open"] for row in ages] == [1, 1, 1, 1, 1]
    assert [row["overdue"] for row in ages] == [0, 0, 0, 1, 1]


def test_a_period_ends_where_it_says(june):
    before = (JUNE[0] - dt.timedelta(days=30), JUNE[0])
    assert queries.outcomes(*before)["all"]["closed"] == queries.times(*before)["decided"] == 0
    assert queries.moved(*before) == []
    assert sum(row["filed"] for row in queries.weeks(*before)) == 0


@pytest.fixture
def reader(client):
    client.force_login(UserFactory(role="Analyst"))
    return client


def test_the_page_shows_them_and_each_number_leads_to_its_disputes(reader, june):
    response = reader.get(URL, ASKED)
    assert response.status_code == 200
    cards = {card["title"]: card for card in response.context["cards"]}
    assert cards["Filed"]["value"] == "5"
    assert cards["Time to a decision"]["value"] == "4.0 h"
    assert cards["Decided in time"]["value"] == "75 %"
    assert cards["Win rate"]["value"] == "50 %"
    for card, number in (("Filed", 5), ("Time to a decision", 5), ("Win rate", 2)):
        assert len(reader.get(cards[card]["href"]).context["cl"].result_list) == number, card
    for table in response.context["tables"]:
        for row in table["rows"]:
            assert not row[1] or reader.get(row[1]).status_code == 200
    claimants = response.context["tables"][0]["rows"]
    assert len(reader.get(claimants[0][1]).context["cl"].result_list) == 5


def test_ages_lead_to_their_disputes(reader):
    dispute = file(records(sold())[0])
    at(dispute, timezone.now() - dt.timedelta(days=2))
    rows = next(table for table in reader.get(URL).context["tables"] if table["section"] == "ages")["rows"]
    shown = {row[0]: len(reader.get(row[1]).context["cl"].result_list) for row in rows}
    assert shown == {row[0]: int(row[2]) for row in rows}
    assert sum(shown.values()) == 1


def test_an_empty_period_is_no_error(reader):
    assert "None in this period" in reader.get(URL).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "2026-06-30", "end": "2026-06-01"},
        {"start": "1990-01-01", "end": "2026-06-01"},
        {"start": "x", "end": "y"},
        {"days": "5"},
    ],
)
def test_a_period_that_makes_no_sense_is_told(reader, june, wrong):
    response = reader.get(URL, wrong)
    assert response.status_code == 200
    assert response.context["errors"]
    assert reader.get("/admin/dispute-report/weeks.csv", wrong).status_code == 400


@pytest.mark.parametrize("section", ["weeks", "types", "claimants", "rejections", "moved", "ages"])
def test_each_table_is_a_file_as_well(reader, june, section):
    response = reader.get(f"/admin/dispute-report/{section}.csv", ASKED)
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert rows
    assert {(row["from"], row["to"]) for row in rows} == {("2026-06-01", "2026-06-30")}
    assert reader.get("/admin/dispute-report/nothing.csv", ASKED).status_code == 404


def test_only_readers_of_reports_and_disputes_get_it(client):
    client.force_login(UserFactory())
    assert client.get(URL).status_code == client.get("/admin/dispute-report/weeks.csv").status_code == 403


def test_the_number_of_statements_does_not_grow_with_disputes(reader, june):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            reader.get(URL, ASKED)
        return len(captured)

    few = statements()
    for n in range(10, 16):
        dispute = rejected(file(records(sold(lead=f"lead-{n}"))[n % 3]))
        at(dispute, MONDAY, MONDAY + hours(2))
    assert statements() == few


def test_a_link_to_the_queue_names_both_days_of_the_period():
    assert queue(*JUNE, queue="closed").endswith("?queue=closed&closed_at_from=2026-06-01&closed_at_to=2026-06-30")
