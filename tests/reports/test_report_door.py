"""GET /reports/attribution: the answer's shape, what it refuses and by which name, and reading it again."""

import json
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reports.models import Report
from tests.api import BASE, refused
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    UserFactory,
)

URL = f"{BASE}/reports/attribution"
PERIOD = {"startDate": "2026-01-01", "endDate": "2026-01-31"}
ON_A_DAY_OF_IT = "2026-01-31T23:59:59.999999Z"


def ask(client, **asked):
    return client.get(URL, PERIOD | asked)


@pytest.fixture
def one_sale(db):
    conversion = ConversionFactory(occurred_at=ON_A_DAY_OF_IT, value=Decimal("1500.10"))
    AttributionRecordFactory(
        conversion_id=conversion.pk, occurred_at=ON_A_DAY_OF_IT, revenue_attributed=Decimal("1500.10")
    )


def test_the_answer_has_the_fields_of_the_contract(api, one_sale):
    answer = ask(api).json()
    assert answer["period"] == {"start": "2026-01-01", "end": "2026-01-31"}
    assert (answer["model"], answer["configVersion"], answer["currency"]) == ("position_based", 1, "USD")
    summary = {"totalConversions", "totalRevenue", "totalCommission", "attributedRevenue", "unattributedRevenue"}
    assert summary | {"spend", "roas", "cpa", "roi"} <= answer["summary"].keys()
    channel = {"channel", "totalTouchpoints", "convertingTouchpoints", "conversionRate", "totalRevenue"}
    assert channel | {"totalCommission", "attributionPercentage", "conversions"} <= answer["byChannel"][0].keys()
    payee = {"partnerId", "partnerName", "totalTouchpoints", "conversions", "totalRevenue", "totalCommission"}
    assert payee | {"topChannels"} == answer["byPartner"][0].keys()
    assert {"campaign", "conversions", "totalRevenue", "totalCommission"} <= answer["byCampaign"][0].keys()
    assert {"date", "conversions", "revenue", "commission"} <= answer["trend"][0].keys()
    assert answer["trend"][-1]["date"] == "2026-01-31"
    assert answer["trend"][-1]["conversions"] == 1


def test_what_no_source_tells_is_null_and_not_zero(api, one_sale):
    summary = ask(api).json()["summary"]
    assert [summary[name] for name in ("spend", "roas", "cpa", "roi")] == [None] * 4


def test_money_is_a_number_with_its_cents(api, one_sale):
    assert b'"attributedRevenue":1500.10' in ask(api).content


def test_a_report_reads_the_same_again_to_the_last_digit(api, one_sale):
    first = ask(api)
    again = api.get(f"{URL}/{first.json()['reportId']}")
    assert again.status_code == 200
    assert exactly(again) == exactly(first)


def test_a_kept_report_stays_as_it_was(api, one_sale):
    first = ask(api)
    AttributionRecordFactory(occurred_at=ON_A_DAY_OF_IT)
    assert exactly(api.get(f"{URL}/{first.json()['reportId']}")) == exactly(first)
    assert exactly(ask(api))["summary"] != exactly(first)["summary"]


def exactly(response):
    """The answer with each number as the text that it is: 1.5 and 1.50 differ."""
    return json.loads(response.content, parse_float=str)


def test_it_is_kept_with_the_question_and_who_asked(api, operations_user, one_sale):
    ask(api, channel="email")
    report = Report.objects.get()
    assert report.created_by == operations_user
    assert report.parameters["channel"] == "email"
    assert (report.parameters["start_date"], report.parameters["end_date"]) == ("2026-01-01", "2026-01-31")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"startDate": ""}, "startDate"),
        ({"startDate": "yesterday"}, "startDate"),
        ({"startDate": "2026-01-01T00:00:00"}, "startDate"),
        ({"startDate": "1970-01-01"}, "startDate"),
        ({"startDate": "2100-01-01", "endDate": "2100-01-31"}, "startDate"),
        ({"endDate": "2025-12-31"}, "endDate"),
        ({"endDate": "2026-13-01"}, "endDate"),
        ({"startDate": "2001-01-01"}, "endDate"),
        ({"model": "shapley"}, "model"),
        ({"channel": "carrier_pigeon"}, "channel"),
        ({"conversionType": "gift"}, "conversionType"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"partnerId": "x" * 65}, "partnerId"),
        ({"brokerId": "a\x00b"}, "brokerId"),
        ({"campaign": "x" * 256}, "campaign"),
        ({"campaign": "a\x00b"}, "campaign"),
        ({"channels": "email"}, "channels"),
        ({"channel": ["email", "chat"]}, "channel"),
    ],
)
def test_bad_input_is_refused_by_name(api, asked, named):
    response = ask(api, **asked)
    assert response.status_code == 400
    assert {name for name, _code in refused(response)} == {named}
    assert not Report.objects.exists()


def test_a_missing_period_is_named(api):
    response = api.get(URL)
    assert refused(response) == {("startDate", "required"), ("endDate", "required")}


def test_times_with_an_offset_make_a_period_too(api, one_sale):
    late = ask(api, startDate="2026-02-01T00:59:59+01:00", endDate="2026-02-01T01:00:00+01:00").json()
    assert late["summary"]["totalConversions"] == 1
    early = ask(api, startDate="2026-02-01T00:00:00Z", endDate="2026-02-01T01:00:00Z").json()
    assert early["summary"]["totalConversions"] == 0


def test_a_stranger_is_sent_away_and_nothing_is_kept(db):
    assert Client().get(URL, PERIOD).status_code == 401
    nobody = Client()
    nobody.force_login(UserFactory())
    assert nobody.get(URL, PERIOD).status_code == 403
    assert not Report.objects.exists()


def test_an_unknown_report_is_not_found(api):
    assert api.get(f"{URL}/{uuid.uuid4()}").status_code == 404


def test_reading_reports_is_all_that_it_takes(db, one_sale):
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_report"))
    client = Client()
    client.force_login(user)
    assert client.get(URL, PERIOD).status_code == 200


def test_the_number_of_statements_does_not_grow_with_rows(api):
    def statements():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert ask(api).status_code == 200
        return len(queries)

    ask(api)
    few = statements()
    for number in range(20):
        partner, broker = PartnerFactory(), BrokerFactory()
        names = {"partner_id": partner.pk, "broker_id": broker.pk}
        TouchpointFactory(timestamp=ON_A_DAY_OF_IT, **names)
        ConversionFactory(occurred_at=ON_A_DAY_OF_IT)
        AttributionRecordFactory(occurred_at=ON_A_DAY_OF_IT, campaign_id=f"campaign-{number}", **names)
    assert len(ask(api).json()["byPartner"]) == 20
    assert statements() <= few + 3  # the names of partners and brokers and the versions, once there are any
