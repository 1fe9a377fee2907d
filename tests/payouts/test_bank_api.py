"""Bank accounts by API: a payee proposes and reads its own, and nobody reads a number."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from attribution_site.api import keys
from attribution_site.api.keys import Payee
from attribution_site.isolation import restricted_to
from partners.operations import create_key
from payouts.models import BankAccount
from tests.api import BASE, refused
from tests.factories import BankAccountFactory, BrokerFactory, PartnerFactory, UserFactory

PATH = f"{BASE}/bank-accounts"
NUMBER, IBAN = "000123456789", "DE89370400440532013000"
ACH = {
    "method": "ach",
    "currency": "USD",
    "holder": "Acme Leads",
    "number": NUMBER,
    "routing": "091000019",
    "accountType": "checking",
}
SEPA = {"method": "sepa", "currency": "EUR", "holder": "Acme Leads", "number": IBAN, "isCompany": True}


@pytest.fixture
def partner(db):
    keys.known.forget()
    PartnerFactory(pk="partner-a"), PartnerFactory(pk="partner-b"), BrokerFactory(pk="partner-a")
    client = APIClient()
    key = create_key(name="theirs", scopes=["partner"], payee=("partner", "partner-a"))[1]
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


@pytest.fixture
def finance(db):
    client = APIClient()
    client.force_login(UserFactory(role="Finance"))
    return client


def test_a_partner_proposes_its_own_account(partner):
    answer = partner.post(PATH, SEPA)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["status"], told["payeeId"], told["number"], told["country"]) == (
        "proposed",
        "partner-a",
        "•••• 3000",
        "DE",
    )
    assert (told["bic"], told["accountType"], told["effectiveAt"]) == (None, None, None)
    assert IBAN not in answer.content.decode()
    account = BankAccount.objects.get()
    assert (account.payee_type, account.proposed_by, account.proposed_by_key_id is None) == ("partner", None, False)


def test_a_partner_cannot_propose_for_another(partner):
    answer = partner.post(PATH, ACH | {"payeeType": "partner", "payeeId": "partner-b"})
    assert refused(answer) == {("payeeId", "does_not_exist")}
    answer = partner.post(PATH, ACH | {"payeeType": "broker", "payeeId": "partner-a"})
    assert refused(answer) == {("payeeId", "does_not_exist")}
    assert not BankAccount.objects.exists()


def test_a_partner_meets_its_own_only(partner):
    own, other = BankAccountFactory(payee_id="partner-a"), BankAccountFactory(payee_id="partner-b")
    BankAccountFactory(payee_type="broker", payee_id="partner-a")
    assert [each["id"] for each in partner.get(PATH).json()["results"]] == [str(own.pk)]
    assert partner.get(f"{PATH}/{other.pk}").status_code == 404
    assert partner.post(f"{PATH}/{other.pk}/withdraw", {"reason": "x"}).status_code == 404


def test_a_forgotten_filter_leaks_nothing(partner, monkeypatch):
    BankAccountFactory(payee_id="partner-a"), BankAccountFactory(payee_id="partner-b")
    monkeypatch.setattr(type(BankAccount.objects.all()), "visible_to", lambda rows, user: rows)
    assert {each["payeeId"] for each in partner.get(PATH).json()["results"]} == {"partner-a"}
    with restricted_to(Payee("partner", "partner-b")):
        assert BankAccount.objects.count() == 1


def test_a_partner_withdraws_what_was_not_confirmed(partner):
    account = BankAccountFactory(payee_id="partner-a", proposed=True)
    answer = partner.post(f"{PATH}/{account.pk}/withdraw", {"reason": "A typing error"})
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "refused", "A typing error")
    active = BankAccountFactory(payee_id="partner-a")
    assert partner.post(f"{PATH}/{active.pk}/withdraw", {"reason": "Other"}).status_code == 409


def test_no_route_confirms(partner, finance):
    account = BankAccountFactory(payee_id="partner-a", proposed=True)
    for client in (partner, finance):
        assert client.post(f"{PATH}/{account.pk}/confirm", {}).status_code == 404
        assert client.patch(f"{PATH}/{account.pk}", {"status": "confirmed"}).status_code == 405


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"number": "DE88370400440532013000"}, {("number", "invalid")}),
        ({"currency": "USD"}, {("currency", "invalid")}),
        ({"holder": "<script>"}, {("holder", "invalid")}),
        ({"routing": "091000019"}, {("routing", "invalid")}),
        ({"accountType": "checking"}, {("accountType", "invalid")}),
        ({"number": 12}, {("number", "invalid")}),
        ({"status": "confirmed"}, {("status", "unknown_field")}),
    ],
)
def test_a_wrong_field_is_named_and_the_number_is_not_told_back(partner, change, fields):
    answer = partner.post(PATH, SEPA | change)
    assert answer.status_code == 400
    assert refused(answer) == fields
    assert "370400440532" not in answer.content.decode()


def test_a_second_proposal_waits_for_the_first(partner):
    assert partner.post(PATH, ACH).status_code == 201
    answer = partner.post(PATH, ACH | {"number": "77778888"})
    assert (answer.status_code, refused(answer)) == (409, {(None, "account_waits")})


def test_a_proposal_that_is_sent_again_is_made_once(partner):
    first, again = (partner.post(PATH, ACH, headers={"Idempotency-Key": "one"}) for _ in range(2))
    assert first.json() == again.json()
    assert BankAccount.objects.count() == 1


def test_the_house_says_whose_it_is(finance):
    PartnerFactory(pk="partner-b")
    assert refused(finance.post(PATH, ACH)) == {("payeeId", "required")}
    assert refused(finance.post(PATH, ACH | {"payeeId": "partner-b"})) == {("payeeType", "required")}
    assert refused(finance.post(PATH, ACH | {"payeeType": "partner", "payeeId": "x"})) == {
        ("payeeId", "does_not_exist")
    }
    assert finance.post(PATH, ACH | {"payeeType": "partner", "payeeId": "partner-b"}).status_code == 201


def test_the_house_filters(finance):
    BankAccountFactory(), BankAccountFactory(payee_type="broker", proposed=True)
    for query, count in (("", 2), ("?status=proposed", 1), ("?status=active", 1), ("?brokerId=partner-abc", 1)):
        assert len(finance.get(PATH + query).json()["results"]) == count
    assert finance.get(f"{PATH}?status=confirmed").status_code == 400


def test_the_list_asks_as_much_for_many_rows_as_for_few(partner, django_assert_max_num_queries):
    BankAccountFactory(payee_id="partner-a")
    partner.get(PATH)
    with CaptureQueriesContext(connection) as few:
        partner.get(PATH)
    for number in range(20):
        BankAccountFactory(payee_id="partner-a", number=f"99990000{number}")
    with django_assert_max_num_queries(len(few)):
        assert len(partner.get(PATH).json()["results"]) == 21
