"""The page of a statement, its files, and the ways there."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import AttributionRecordFactory, BrokerFactory, ConversionFactory, UserFactory
from tests.payouts import books
from tests.payouts.test_statements import booked, march, of_march

pytestmark = pytest.mark.django_db
PAGE = "/admin/statements/"
MARCH = f"{PAGE}?payee_type=partner&payee_id=partner-1&period=2026-03"
FILE = f"{PAGE}file.csv?payee_type=partner&payee_id=partner-1&period=2026-03"


@pytest.fixture(autouse=True)
def payee():
    return books.partner(name="Müller & Söhne")


@pytest.fixture
def sam(client):
    user = books.finance()
    client.force_login(user)
    return user


def shown(client, url=MARCH):
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("role", "status"), [("Finance", 200), ("Operations", 200), ("Auditor", 200), ("Analyst", 200), (None, 403)]
)
def test_a_statement_is_read_by_those_who_may(client, role, status):
    client.force_login(UserFactory(role=role))
    assert [client.get(url).status_code for url in (PAGE, MARCH, FILE)] == [status] * 3


def test_the_page_has_the_balance_the_kinds_and_the_lines(client, sam):
    of_march()
    context = client.get(MARCH).context
    [balance] = context["balances"]
    assert "".join(f"{each['sign']}{each['title']}" for each in balance["figures"]) == (
        "Opening+Earned+Adjusted−Reversed−Paid=Closing"
    )
    assert "114.00" in balance["figures"][-1]["amount"]
    assert [(each["title"], each["figure"], each["count"]) for each in balance["kinds"]][:2] == [
        ("Commission earned", "Earned", 1),
        ("Reversal", "Reversed", 1),
    ]
    assert len(context["rows"]) == 8
    assert shown(client).count('class="statement-group"') == 7


def test_a_line_leads_to_its_records_reasons_and_its_payout(client, sam):
    sale = ConversionFactory(policy_number="POL-1")
    record = AttributionRecordFactory(payee_id="partner-1", credit="0.25", model="linear")
    booked("10.00", march(2), "earning", record_id=record.pk, conversion_id=sale.pk, lead_id="lead-<7>")
    text = shown(client)
    for words in (f"{record.pk}/explain", str(sale.pk), "POL-1", "linear", "25.00 %", "lead-&lt;7&gt;"):
        assert words in text
    books.earned("60.00")
    payout = books.paid()
    now = shown(client, "/admin/statements/?payee_type=partner&payee_id=partner-1")
    assert f"/admin/payouts/payout/{payout.pk}/change/" in now


def test_the_lines_of_one_kind_are_shown_alone_beside_the_figures_of_all(client, sam):
    of_march()
    [balance] = client.get(MARCH).context["balances"]
    context = client.get(PAGE + balance["kinds"][0]["link"]).context
    assert [row["group"] for row in context["rows"]] == ["Commission earned, USD"]
    assert "114.00" in context["balances"][0]["figures"][-1]["amount"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("payee_type=partner&payee_id=nobody", "There is no partner of this id."),
        ("payee_type=broker&payee_id=partner-1", "There is no broker of this id."),
        ("payee_type=partner&payee_id=partner-1&period=2026", "such as 2026-03"),
        ("payee_type=partner&payee_id=partner-1&start=2026-03-01", "first and its last day"),
        ("payee_type=partner&payee_id=partner-1&start=2026-03-02&end=2026-03-01", "ends before"),
        ("payee_type=house&payee_id=x", "not one of the available choices"),
    ],
)
def test_what_is_chosen_wrongly_is_told(client, sam, query, words):
    text = shown(client, f"{PAGE}?{query}")
    assert words in text
    assert "statement-balance" not in text
    assert client.get(f"{PAGE}file.csv?{query}").status_code == 400


def test_the_files_are_those_of_the_api(client, sam):
    of_march()
    assert b"".join(client.get(FILE).streaming_content).decode().count("\r\n") == 11
    assert b"".join(client.get(FILE.replace("csv", "pdf")).streaming_content).startswith(b"%PDF")
    assert client.get(FILE.replace("csv", "exe")).status_code == 404


def test_the_overview_the_payout_and_the_payee_lead_there(client, sam, payee):
    books.earned("100.00")
    payout = books.draft()
    asked = "/admin/statements/?payee_type=partner&amp;payee_id=partner-1"
    assert 'href="/admin/statements/"' in shown(client, "/admin/payouts/payout/overview/")
    assert asked in shown(client, f"/admin/payouts/payout/{payout.pk}/change/")
    assert asked in shown(client, f"/admin/partners/partner/{payee.pk}/change/")
    broker = BrokerFactory(pk="a&b=c")
    link = "/admin/statements/?payee_type=broker&amp;payee_id=a%26b%3Dc"
    assert link in shown(client, "/admin/partners/broker/a&b=c/change/")
    assert "Statement of " + broker.name in shown(client, link.replace("&amp;", "&"))


def test_the_page_asks_as_much_for_many_lines_as_for_few(client, sam, django_assert_max_num_queries):
    of_march()
    client.get(MARCH)
    with CaptureQueriesContext(connection) as few:
        client.get(MARCH)
    for day in range(1, 31):
        booked("1.00", march(day), "earning")
    with django_assert_max_num_queries(len(few)):
        client.get(MARCH)
