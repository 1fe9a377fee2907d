"""Statements by API: a payee its own, the house anybody's; and by no way another's."""

import csv
import datetime as dt
import io
import threading
from decimal import Decimal

import pypdf
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from attribution_site.api import keys
from attribution_site.api.keys import Payee
from attribution_site.isolation import restricted_to
from partners.operations import create_key
from payouts import statements
from payouts.models import Entry
from payouts.statements import csv_file, pdf
from tests.api import BASE, refused
from tests.factories import AttributionRecordFactory, BrokerFactory, ConversionFactory, PartnerFactory, UserFactory
from tests.payouts.test_statements import booked, march, of_march

PATH = f"{BASE}/statements"
OWN = f"{PATH}?period=2026-03"


@pytest.fixture(autouse=True)
def payees(db):
    keys.known.forget()
    PartnerFactory(pk="partner-1", name="One"), PartnerFactory(pk="partner-2", name="Secret"), BrokerFactory(pk="b-1")


def client_of(kind, pk, scopes=("partner",)):
    client = APIClient()
    key = create_key(name="theirs", scopes=list(scopes), payee=(kind, pk))[1]
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


@pytest.fixture
def partner():
    return client_of("partner", "partner-1")


@pytest.fixture
def finance():
    client = APIClient()
    client.force_login(UserFactory(role="Finance"))
    return client


def test_a_partner_reads_its_own(partner):
    of_march()
    for query in ("", "&partnerId=partner-1"):
        told = partner.get(OWN + query).json()
        assert (told["payeeType"], told["payeeId"], told["payeeName"]) == ("partner", "partner-1", "One")
        assert told["period"] == {"name": "2026-03", "startDate": "2026-03-01", "endDate": "2026-03-31"}
        [balance] = told["balances"]
        assert (balance["opening"], balance["adjusted"], balance["closing"]) == (40, 4, 114)
        assert balance["kinds"][0] == {"kind": "earning", "count": 1, "amount": 100}
        assert sum(line["amount"] for line in told["results"]) == 74
        assert {line["figure"] for line in told["results"]} == {"earned", "adjusted", "reversed", "paid"}


def test_a_line_tells_of_a_conversion_that_its_payee_may_not_read(partner):
    """No touch of its own lies behind it any more: they are dropped after two years."""
    sale = ConversionFactory(policy_number="POL-1", type="renewal")
    record = AttributionRecordFactory(
        payee_id="partner-1", conversion_id=sale.pk, credit=Decimal("0.25"), model="linear", lead_id="lead-7"
    )
    working = {"rate": "0.5", "earned_months": 3}
    booked("9.50", march(2), "earning", record_id=record.pk, conversion_id=sale.pk, working=working, lead_id="lead-7")
    [line] = partner.get(OWN).json()["results"]
    assert (line["leadId"], line["policyNumber"], line["conversionType"]) == ("lead-7", "POL-1", "renewal")
    assert (line["model"], line["credit"], line["share"], line["amount"]) == ("linear", 0.25, 9.5, 9.5)
    assert (line["attributionId"], line["conversionId"]) == (str(record.pk), str(sale.pk))
    assert line["working"] == {"rate": "0.5", "earnedMonths": 3}
    [_, row, _] = csv.DictReader(io.StringIO(text_of(partner.get(f"{OWN}&format=csv")), newline=""))
    assert (row["policyNumber"], row["credit"], row["working"]) == (
        "POL-1",
        "0.2500000000",
        '{"rate": "0.5", "earnedMonths": 3}',
    )


def text_of(answer):
    return b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("form", ["json", "csv", "pdf"])
@pytest.mark.parametrize("query", ["partnerId=partner-2", "partnerId=nobody", "brokerId=b-1", "brokerId=partner-1"])
def test_anothers_is_not_found_like_one_that_never_was(partner, query, form):
    booked("1.00", march(1), payee="partner-2")
    answer = partner.get(f"{OWN}&{query}&format={form}")
    assert answer.status_code == 404
    assert answer.content == partner.get(f"{OWN}&partnerId=never-was").content


@pytest.mark.parametrize("model", ["partners.models.PayeeQuerySet", "payouts.models.entries.OfPayee"])
def test_a_forgotten_filter_leaks_nothing(partner, model, monkeypatch):
    booked("1.00", march(1), payee="partner-2"), booked("2.00", march(1))
    monkeypatch.setattr(f"{model}.visible_to", lambda rows, user: rows)
    assert partner.get(f"{OWN}&partnerId=partner-2").status_code == 404
    assert [line["amount"] for line in partner.get(OWN).json()["results"]] == [2]
    with restricted_to(Payee("partner", "partner-2")):
        assert Entry.objects.count() == 1


def test_a_broker_of_the_same_id_is_another(partner):
    BrokerFactory(pk="partner-1")
    of_march()
    assert client_of("broker", "partner-1").get(OWN).json()["balances"] == []


def test_the_house_says_whose(finance):
    of_march()
    assert refused(finance.get(OWN)) == {("partnerId", "required")}
    assert finance.get(f"{OWN}&partnerId=partner-1").json()["balances"][0]["closing"] == 114
    assert finance.get(f"{OWN}&brokerId=b-1").json()["results"] == []
    assert finance.get(f"{OWN}&brokerId=nobody").status_code == 404


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("", ("period", "required")),
        ("period=2026", ("period", "invalid")),
        ("period=2026-13", ("period", "invalid")),
        ("period=2026-03&startDate=2026-03-01", ("period", "two_periods")),
        ("startDate=2026-03-01", ("endDate", "required")),
        ("endDate=2026-03-01", ("startDate", "required")),
        ("startDate=2026-03-02&endDate=2026-03-01", ("endDate", "no_period")),
        ("startDate=2026-03-02&endDate=9999-12-31", ("endDate", "no_period")),
        ("startDate=2026-3-2&endDate=2026-03-05", ("startDate", "invalid")),
        ("period=2026-03&partnerId=a&brokerId=b", ("brokerId", "two_payees")),
        ("period=2026-03&format=xlsx", ("format", "invalid_choice")),
        ("period=2026-03&currency=USD", ("currency", "unknown_field")),
        ("period=2026-03&period=2026-04", ("period", "repeated")),
        ("period=2026-03&partnerId=", ("partnerId", "blank")),
        ("period=2026-03&format=csv&pageSize=1", ("pageSize", "no_pages")),
        ("period=2026-03&pageSize=0", ("pageSize", "invalid")),
        ("period=2026-03&cursor=x", ("cursor", "invalid")),
    ],
)
def test_what_is_asked_wrongly_is_named(partner, query, refusal):
    answer = partner.get(f"{PATH}?{query}")
    assert (answer.status_code, refused(answer)) == (400, {refusal})


def test_days_are_asked_for_from_the_first_through_the_last(partner):
    of_march()
    told = partner.get(f"{PATH}?startDate=2026-03-02&endDate=2026-03-04").json()
    assert [(each["opening"], each["closing"]) for each in told["balances"]] == [(140, 114)]
    assert told["period"]["name"] == "2026-03-02..2026-03-04"


def test_the_lines_come_in_pages_and_the_figures_are_of_all(partner):
    of_march()
    booked("5", march(7), currency="JPY")
    pages, url = [], f"{OWN}&pageSize=4"
    while url:
        told = partner.get(url).json()
        pages, url = [*pages, told["results"]], told["next"]
        assert [each["currency"] for each in told["balances"]] == ["JPY", "USD"]
        assert told["balances"][1]["closing"] == 114
    assert [len(page) for page in pages] == [4, 4, 1]
    lines = [(line["currency"], line["bookedAt"], line["entryId"]) for page in pages for line in page]
    assert lines == sorted(set(lines))


def test_a_statement_asks_as_much_for_many_lines_as_for_few(partner, django_assert_max_num_queries):
    of_march()
    partner.get(OWN)
    with CaptureQueriesContext(connection) as few:
        partner.get(OWN)
    of_ledger = [each for each in few.captured_queries if 'FROM "payouts_entry"' in each["sql"]]
    assert len(of_ledger) == 2
    for day in range(1, 31):
        booked("1.00", march(day), "earning")
    with django_assert_max_num_queries(len(few)):
        assert len(partner.get(OWN).json()["results"]) == 38


def test_the_files_are_attached_under_a_name_of_the_period(partner):
    of_march()
    answer = partner.get(f"{OWN}&format=csv", headers={"Accept": "text/csv"})
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (
        "text/csv; charset=utf-8",
        'attachment; filename="statement-2026-03.csv"',
    )
    assert text_of(answer).splitlines()[-1].split(",")[5:10] == ["closing", "closing", "", "", "114.00"]
    answer = partner.get(f"{OWN}&format=pdf", headers={"Accept": "application/pdf"})
    assert answer["Content-Type"] == "application/pdf"
    content = b"".join(answer.streaming_content)
    assert "114.00" in pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text()


def test_a_sending_key_reads_no_statement():
    assert client_of("partner", "partner-1", ["ingest"]).get(OWN).status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["csv", "pdf"])
def test_a_file_is_of_one_moment_though_others_book_meanwhile(partner, monkeypatch, form):
    """Somebody books after the figures were read, and before the lines are."""
    booked("1.00", march(1))

    def book():
        booked("5.00", march(2))
        connection.close()

    def read_slowly(entries, period):
        found = statements.balances(entries, period)
        other = threading.Thread(target=book)
        other.start(), other.join()
        return found

    monkeypatch.setattr({"csv": csv_file, "pdf": pdf}[form], "balances", read_slowly)
    content = b"".join(partner.get(f"{OWN}&format={form}").streaming_content)
    assert len(content) > 100
    assert Entry.objects.count() == 2


def test_the_day_is_of_utc(partner):
    booked("1.00", dt.datetime(2026, 4, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    assert len(partner.get(OWN).json()["results"]) == 1
