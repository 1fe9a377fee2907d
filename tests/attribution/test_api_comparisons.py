"""The routes of the model lab."""

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attribution import operations
from attribution.models import AttributionRecord, Comparison
from tests.api import BASE, refused
from tests.attribution.worlds import NOW, make_world
from tests.factories import BrokerFactory, ConversionFactory, PartnerFactory, TouchpointFactory

URL = f"{BASE}/attribution/comparisons"
# Days of UTC, both in.
PERIOD = {"startDate": "2026-01-30", "endDate": "2026-03-01"}
DAY = dt.timedelta(days=1)


def asked(*contenders, **changed):
    return {**PERIOD, "contenders": list(contenders), **changed}


@pytest.fixture
def sale(db):
    """100.00 with a commission of 10.00; touched by two partners, the first by e-mail."""
    ConversionFactory(lead_id="lead-1", value=Decimal("100.00"), occurred_at=NOW)
    PartnerFactory(id="partner-1", name="=cmd()|'Summit'")
    PartnerFactory(id="partner-2", name="Lantern")
    touch = {"lead_id": "lead-1", "campaign": None, "source": "@news"}
    TouchpointFactory(**touch, partner_id="partner-1", channel="email", timestamp=NOW - 9 * DAY)
    TouchpointFactory(**touch, partner_id="partner-2", channel="chat", timestamp=NOW - DAY)


def finished(api, *contenders):
    made = api.post(URL, asked(*contenders))
    assert made.status_code == 202, made.json()
    assert operations.compare(Comparison.objects.get().pk)
    return api.get(made["Location"])


@pytest.mark.django_db
def test_a_question_is_taken_and_found_under_its_location(api, sale):
    response = api.post(URL, asked({"model": "linear"}, {"model": "time_decay", "parameters": {"halfLifeDays": 2}}))
    comparison = Comparison.objects.get()
    assert response.status_code == 202
    assert response.json() == {"comparisonId": str(comparison.pk), "status": "queued"}
    answer = api.get(response["Location"]).json()
    assert (answer["status"], answer["result"]) == ("queued", None)
    assert answer["progress"] == {"done": 0, "total": 1}
    assert (answer["startDate"], answer["endDate"]) == ("2026-01-30T00:00:00Z", "2026-03-02T00:00:00Z")
    first, second = answer["contenders"]
    assert (first["model"], first["version"], first["parameters"]) == ("linear", None, None)
    assert second["parameters"]["halfLifeDays"] == 2
    assert comparison.created_by.groups.get().name == "Operations"


@pytest.mark.django_db(transaction=True)
def test_the_result_is_told_to_the_cent(api, sale):
    answer = finished(api, {"model": "first_touch"}, {"model": "linear"}).json()
    assert (answer["status"], answer["currency"]) == ("finished", "USD")
    result = answer["result"]
    assert result["totals"] == {"conversions": 1, "revenue": 100.0, "commission": 10.0}
    told = result["contenders"][1]
    assert (told["label"], told["commissionMoved"]) == ("Linear (as in effect)", 5.0)
    assert (told["payeesGaining"], told["payeesLosing"], told["unattributedRevenue"]) == (1, 1, 0)
    email = next(row for row in result["channels"] if row["channel"] == "email")
    assert email["contenders"][1] == {
        "conversions": 0.5,
        "revenue": 50.0,
        "commission": 5.0,
        "percentage": 50.0,
        "conversionsDelta": -0.5,
        "revenueDelta": -50.0,
        "commissionDelta": -5.0,
    }
    names = {(row["payeeType"], row["payeeId"]): row["payeeName"] for row in result["payees"]}
    assert names == {("partner", "partner-1"): "=cmd()|'Summit'", ("partner", "partner-2"): "Lantern"}
    assert [row["campaign"] for row in result["campaigns"]] == [None]
    assert {(row["channel"], row["source"]) for row in result["sources"]} == {("email", "@news"), ("chat", "@news")}
    assert not AttributionRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_contender_is_held_against_what_is_paid(api, sale):
    contenders = finished(api, {"model": "linear"}).json()["result"]["contenders"]
    assert [each["label"] for each in contenders] == ["As paid", "Linear (as in effect)"]


@pytest.mark.django_db(transaction=True)
def test_a_spreadsheet_gets_numbers_and_no_formulas(api, sale):
    finished(api, {"model": "first_touch"}, {"model": "linear"})
    response = api.get(f"{URL}/{Comparison.objects.get().pk}", {"format": "csv"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="comparison-2026-01-30-USD-')
    lines = list(csv.DictReader(io.StringIO(response.content.decode())))
    email = next(line for line in lines if line["channel"] == "email" and line["contender"] == "Linear (as in effect)")
    assert (email["table"], email["revenue"], email["commission_delta"]) == ("channel", "50.00", "-5.00")
    assert {line["payee_name"] for line in lines} == {"", "'=cmd()|'Summit'", "Lantern"}
    assert {line["source"] for line in lines} == {"", "'@news"}
    revenue = [Decimal(line["revenue"]) for line in lines if line["contender"].startswith("Linear")]
    assert sum(revenue) == 5 * 100, "attributed, and the four tables"


@pytest.mark.django_db
def test_there_is_no_spreadsheet_before_there_is_a_result(api, sale):
    made = api.post(URL, asked({"model": "linear"}))
    response = api.get(made["Location"], {"format": "csv"})
    assert response.status_code == 409
    assert refused(response) == {(None, "not_finished")}


BAD = [
    (asked({"model": "time_decay", "parameters": {"halfLifeDays": 0}}), "contenders.0.parameters.halfLifeDays"),
    (
        asked({}, {"model": "linear", "parameters": {"positionWeights": [0, 0, 0]}}),
        "contenders.1.parameters.positionWeights",
    ),
    (asked({}, {"model": "data_driven", "parameters": {"markovOrder": 9}}), "contenders.1.parameters.markovOrder"),
    (asked({}, {"model": "linear", "parameters": {"half_life_days": 2}}), "contenders.1.parameters.half_life_days"),
    (asked({}, {"model": "linear", "parameters": 3}), "contenders.1.parameters"),
    (asked({}, {"model": "linear", "version": 9}), "contenders.1.version"),
    (asked({}, {"model": "linear", "version": 0}), "contenders.1.version"),
    (asked({}, {"model": "astrology"}), "contenders.1.model"),
    (asked({}, {"version": 1}), "contenders.1.model"),
    (asked({}, {"model": "linear", "versoin": 1}), "contenders.1.versoin"),
    (asked({"model": "linear"}, {"model": "linear"}), "contenders.1"),
    (asked(), "contenders"),
    (asked(*[{"model": "linear", "parameters": {"lookbackDays": days}} for days in range(1, 8)]), "contenders"),
    (asked({"model": "linear"}, startDate="2026-03-02"), "endDate"),
    (asked({"model": "linear"}, startDate="2024-01-01"), "endDate"),
    (asked({"model": "linear"}, startDate="2025-01-01", endDate="2025-01-31"), "startDate"),
    (asked({"model": "linear"}, startDate="soon"), "startDate"),
    (asked({"model": "linear"}, currency="EUR"), "startDate"),
    (asked({"model": "linear"}, currency="ZZZ"), "currency"),
    (asked({"model": "linear"}, colour="red"), "colour"),
    ({"contenders": [{"model": "linear"}], "endDate": "2026-03-01"}, "startDate"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "field"), BAD, ids=[f"{n} {field}" for n, (_, field) in enumerate(BAD)])
def test_a_bad_question_is_refused_by_its_field(api, sale, body, field):
    response = api.post(URL, body)
    assert response.status_code == 400
    assert {name for name, _ in refused(response)} == {field}
    assert not Comparison.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("query", "field"), [({"format": "xlsx"}, "format"), ({"colour": "red"}, "colour")])
def test_a_bad_query_is_refused_by_its_name(api, sale, query, field):
    made = api.post(URL, asked({"model": "linear"}))
    response = api.get(made["Location"], query)
    assert response.status_code == 400
    assert {name for name, _ in refused(response)} == {field}


@pytest.mark.django_db
def test_too_many_at_once_are_refused_in_words(api, sale):
    for _ in range(3):
        assert api.post(URL, asked({"model": "linear"})).status_code == 202
    response = api.post(URL, asked({"model": "linear"}))
    assert response.status_code == 409
    assert refused(response) == {(None, "too_many_comparisons")}


@pytest.mark.django_db
def test_ones_own_is_deleted_and_what_is_not_there_is_not_found(api, sale):
    place = api.post(URL, asked({"model": "linear"}))["Location"]
    assert api.delete(place).status_code == 204
    assert api.get(place).status_code == api.delete(place).status_code == 404
    assert api.get(f"{URL}/nonsense").status_code == 404


@pytest.mark.django_db
def test_the_list_has_no_results_and_costs_the_same_for_any_number(api, sale):
    def listed():
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(URL).json()
        assert not any('"result"' in query["sql"] for query in queries)
        return answer, len(queries)

    api.post(URL, asked({"model": "linear"}))
    few, cost = listed()
    question = Comparison.objects.get().question
    Comparison.objects.bulk_create(Comparison(question=question) for _ in range(20))
    many, same = listed()
    assert (few["count"], many["count"], cost) == (1, 21, same)
    assert "result" not in many["results"][0]
    assert api.get(URL, {"pageSize": 2}).json()["next"]


@pytest.mark.django_db(transaction=True)
def test_reading_a_result_costs_the_same_for_any_number_of_payees(api, sale):
    def cost():
        pk = Comparison.objects.first().pk
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"{URL}/{pk}").status_code == 200
        return len(queries)

    BrokerFactory(id="broker-1")
    TouchpointFactory(lead_id="lead-1", timestamp=NOW - 2 * DAY, broker_id="broker-1")
    finished(api, {"model": "linear"})
    few = cost()
    make_world(40)
    api.post(URL, asked({"model": "linear"}))
    assert operations.compare(Comparison.objects.first().pk)
    assert len(Comparison.objects.first().result["groups"]["payee"]) > 3
    assert cost() == few
