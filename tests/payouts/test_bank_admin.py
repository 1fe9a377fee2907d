"""Bank accounts in the back office."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payouts.models import BankAccount
from tests.factories import BankAccountFactory, PartnerFactory, UserFactory

NUMBER = "000123456789"
LIST = reverse("admin:payouts_bankaccount_changelist")
ADD = reverse("admin:payouts_bankaccount_add")
FORM = {
    "payee_type": "partner",
    "payee_id": "partner-abc",
    "method": "ach",
    "holder": "Acme Leads",
    "number": NUMBER,
    "routing": "091000019",
    "account_type": "checking",
}


def page(account, name="change"):
    return reverse(f"admin:payouts_bankaccount_{name}", args=[account.pk])


@pytest.fixture
def finance(client, db):
    user = UserFactory(role="Finance", username="fay")
    client.force_login(user)
    PartnerFactory(pk="partner-abc", contact_email="pay@acme.example")
    return client


def test_finance_proposes_an_account_and_no_page_has_the_number(finance):
    answer = finance.post(ADD, FORM, follow=True)
    account = BankAccount.objects.get()
    assert (account.status, account.proposed_by.username, account.currency) == ("proposed", "fay", "USD")
    assert "Another person confirms it" in answer.content.decode()
    for url in (LIST, page(account), page(account, "refuse")):
        text = finance.get(url).content.decode()
        assert "•••• 6789" in text
        assert NUMBER not in text
        assert account.sealed not in text


def test_a_mistake_is_told_beside_its_field_and_the_number_is_typed_again(finance):
    answer = finance.post(ADD, FORM | {"routing": "091000018"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "check digit does not fit" in text
    assert NUMBER not in text
    assert not BankAccount.objects.exists()


def test_who_proposed_it_is_shown_no_button_and_refused_all_the_same(finance):
    finance.post(ADD, FORM)
    account = BankAccount.objects.get()
    text = finance.get(page(account)).content.decode()
    assert page(account, "confirm") not in text
    assert page(account, "refuse") in text
    assert "Somebody other than fay" in text
    answer = finance.post(page(account, "confirm"), {})
    assert answer.status_code == 422
    assert "Somebody else confirms it" in answer.content.decode()
    account.refresh_from_db()
    assert account.status == "proposed"


def test_a_second_person_sees_what_changes_and_confirms_it(finance):
    old, new = BankAccountFactory(number="99998888"), BankAccountFactory(proposed=True)
    text = finance.get(page(new)).content.decode()
    assert "ACH •••• 8888, Acme Leads" in text
    assert "pay@acme.example" in text
    assert page(new, "confirm") in text
    assert "Confirm" in finance.get(page(new, "confirm")).content.decode()
    answer = finance.post(page(new, "confirm"), {}, follow=True)
    new.refresh_from_db()
    assert new.status == "confirmed"
    assert f"{new.effective_at:%Y-%m-%d %H:%M}" in answer.content.decode()
    assert "Cooling off" in finance.get(page(new)).content.decode()
    assert "Active" in finance.get(page(old)).content.decode()


def test_refusing_asks_why(finance):
    account = BankAccountFactory(proposed=True)
    assert finance.post(page(account, "refuse"), {"reason": ""}).status_code == 422
    finance.post(page(account, "refuse"), {"reason": "They did not ask."})
    account.refresh_from_db()
    assert (account.status, account.reason) == ("refused", "They did not ask.")


def test_the_one_in_force_can_be_stopped(finance):
    account = BankAccountFactory()
    assert "Their payouts wait" in finance.get(page(account, "refuse")).content.decode()
    finance.post(page(account, "refuse"), {"reason": "Closed by the bank."})
    account.refresh_from_db()
    assert account.status == "stopped"


def test_the_same_account_at_another_payee_is_shown(finance):
    PartnerFactory(pk="partner-evil")
    BankAccountFactory(payee_id="partner-evil")
    assert "partner-evil" in finance.get(page(BankAccountFactory(proposed=True))).content.decode()


def test_the_list_is_narrowed_to_what_waits_for_a_second_person(finance):
    BankAccountFactory(number="99998888"), BankAccountFactory(proposed=True, payee_id="partner-2")
    text = finance.get(f"{LIST}?state=proposed").content.decode()
    assert "•••• 6789" in text
    assert "•••• 8888" not in text


@pytest.mark.parametrize("role", ["Operations", "Analyst", "Auditor"])
def test_others_look_and_do_not_touch(client, db, role):
    client.force_login(UserFactory(role=role))
    account = BankAccountFactory(proposed=True)
    text = client.get(page(account)).content.decode()
    assert "•••• 6789" in text
    assert page(account, "confirm") not in text
    assert [client.post(page(account, name), {"reason": "x"}).status_code for name in ("confirm", "refuse")] == [
        403
    ] * 2
    assert client.post(ADD, FORM).status_code == 403


def test_the_list_asks_as_much_for_many_rows_as_for_few(finance, django_assert_max_num_queries):
    BankAccountFactory(), BankAccountFactory(proposed=True)
    with CaptureQueriesContext(connection) as few:
        finance.get(LIST)
    for number in range(20):
        BankAccountFactory(payee_id=f"partner-{number}")
    with django_assert_max_num_queries(len(few)):
        finance.get(LIST)
