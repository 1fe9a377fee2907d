"""Bank files in the back office: chosen, shown, made, taken to the bank, and answered."""

import io
import re

import pypdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payouts import operations
from payouts.models import BankFile, Download, Export, Payout
from tests.factories import UserFactory
from tests.payouts import books, files
from tests.payouts.files import csv_of, export, payable, row

pytestmark = pytest.mark.django_db
LIST = "/admin/payouts/export/"
ADD = f"{LIST}add/"
ACH = f"{ADD}?method=ach&currency=USD"


@pytest.fixture(autouse=True)
def house(settings):
    settings.PAYER = files.PAYER


@pytest.fixture
def sam(client):
    user = books.finance()
    client.force_login(user)
    return user


def page(made, name="change"):
    return f"{LIST}{made.pk}/{name}/"


def asked(*payouts, **values):
    numbers = ",".join(str(each.number) for each in payouts)
    return {"payouts": numbers, "format": "nacha", "execute_on": books.today().isoformat()} | values


def hidden(answer):
    """What a confirmation page sends along."""
    found = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', answer.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def uploaded(client, made, content):
    return client.post(page(made, "answer"), {"file": SimpleUploadedFile("answer.csv", content)})


def test_approved_payouts_are_chosen_shown_and_made_into_a_file(client, sam):
    one, two, left = payable("100.05", "7.00", "3.00")
    [stuck] = payable("9.00", account=False)
    assert "119.05" in client.get(ADD).content.decode()
    text = client.get(ACH).content.decode()
    assert "110.05" in text
    assert "no bank account in force" in text
    assert f"{one.number},{two.number},{left.number}" in text
    shown = client.post(ACH, asked(one, two, left, step="preview", leave_out=[left.number]))
    assert "107.05 USD in 2 payouts" in shown.content.decode()
    assert not Export.objects.exists()
    made = client.post(ACH, hidden(shown), follow=True)
    export = Export.objects.get()
    assert export.sha256 in made.content.decode()
    assert set(export.orders.values_list("payout", flat=True)) == {one.pk, two.pk}
    assert export.made_by == sam
    assert Payout.objects.get(pk=stuck.pk).exported_at is None
    client.post(ACH, hidden(shown))
    assert Export.objects.count() == 1


def test_what_cannot_go_is_told_and_nothing_is_made(client, sam):
    [good], [stuck] = payable("1.00"), payable("9.00", account=False)
    for step in ("preview", "make"):
        answer = client.post(ACH, asked(good, stuck, step=step))
        assert answer.status_code == 422
        assert f"{stuck}: Its payee has no bank account in force" in answer.content.decode()
    assert client.post(ACH, asked(good, step="make", execute_on="2020-01-01")).status_code == 422
    assert client.post(ACH, asked(step="preview")).status_code == 422
    assert client.post(ACH, asked(good, step="preview", payouts="x;y")).status_code == 422
    assert not Export.objects.exists()


def test_a_run_has_its_own_file(client, sam):
    [one], [other] = payable("1.00"), payable("9.00")
    text = client.get(f"{ACH}&run={one.run_id}").content.decode()
    assert f'value="{one.number}"' in text
    assert str(other.number) not in text
    assert f"add/?run={one.run_id}" in client.get(f"/admin/payouts/payoutrun/{one.run_id}/change/").content.decode()


def test_the_file_is_downloaded_as_it_was_made_and_who_did_is_told(client, sam):
    [payout] = payable("10.00")
    made = export(payout)
    for _ in range(2):
        answer = client.get(page(made, "download"))
        assert b"".join(answer.streaming_content) == operations.file_of(made)
        assert "no-store" in answer["Cache-Control"]
        assert f'filename="{made.name}"' in answer["Content-Disposition"]
    assert Download.objects.filter(by=sam).count() == 2
    text = client.get(page(made)).content.decode()
    assert text.count(f"{sam.username}, ") == 2
    assert "•••• 6789" in text
    assert "000123456789" not in text


def test_the_answer_is_shown_before_it_is_booked_and_booked_once(client, sam):
    paid, rejected = payable("10.00", "20.00")
    made = export(paid, rejected)
    content = csv_of(row(made, paid), row(made, rejected, "rejected", reason="R04"))
    shown = uploaded(client, made, content)
    assert "Paid: 1" in shown.content.decode()
    assert "R04" in shown.content.decode()
    assert not BankFile.objects.exists()
    answer = client.post(page(made, "answer"), hidden(shown), follow=True)
    assert "answer.csv is booked" in answer.content.decode()
    assert Payout.objects.get(pk=paid.pk).status == "paid"
    assert "The bank did not pay" in client.get(page(made)).content.decode()
    again = client.post(page(made, "answer"), {"file": SimpleUploadedFile("answer.csv", content)}, follow=True)
    assert "taken before" in again.content.decode()
    assert BankFile.objects.count() == 1
    taken = client.get(f"/admin/payouts/bankfile/{BankFile.objects.get().pk}/download/")
    assert b"".join(taken.streaming_content) == content


def test_an_answer_to_other_than_what_was_seen_is_not_booked(client, sam):
    one, two = payable("10.00", "20.00")
    made = export(one, two)
    shown = hidden(uploaded(client, made, csv_of(row(made, one), row(made, two))))
    operations.void_payout(payout_id=two.pk, reason="Lost", bank_did_not_pay=True, by=sam)
    answer = client.post(page(made, "answer"), shown, follow=True)
    assert "is not what you saw" in answer.content.decode()
    answer = client.post(page(made, "answer"), shown | {"answer": shown["answer"][:-1]}, follow=True)
    assert "not what was looked at" in answer.content.decode()
    assert not BankFile.objects.exists()
    assert Payout.objects.get(pk=one.pk).status == "approved"
    assert "1 of its payouts is void" in client.get(page(made)).content.decode()


def test_an_answer_that_is_none_to_this_file_is_refused_by_row(client, sam):
    one, two = payable("10.00", "20.00")
    made, other = export(one), export(two)
    for content, says in (
        (csv_of(row(other, two)), f"{two}-{other.number} is not in {made.reference}"),
        (csv_of(row(made, one, amount="11.00")), "11.00 is not the 10.00"),
        (csv_of(row(made, one, "settled")), "line 2, status"),
    ):
        answer = uploaded(client, made, content)
        assert answer.status_code == 422
        assert says in answer.content.decode()
    assert client.post(page(made, "answer"), {}).status_code == 422


@pytest.mark.parametrize("role", ["Operations", "Analyst", "Auditor"])
def test_others_look_at_masked_accounts_and_do_nothing(client, role):
    one, two = payable("10.00", "20.00")
    made = export(one)
    answer = operations.import_bank_answer(
        export_id=made.pk, name="answer.csv", content=csv_of(row(made, one)), by=books.finance()
    )
    client.force_login(UserFactory(role=role))
    text = client.get(page(made)).content.decode()
    assert "•••• 6789" in text
    assert "/download/" not in text
    assert "/answer/" not in text
    assert client.get(LIST).status_code == 200
    assert "/download/" not in client.get(f"/admin/payouts/bankfile/{answer.pk}/change/").content.decode()
    refused = [
        client.get(page(made, "download")),
        client.get(page(made, "answer")),
        uploaded(client, made, csv_of(row(made, one))),
        client.get(ADD),
        client.post(ACH, asked(two, step="make")),
        client.get(f"/admin/payouts/bankfile/{answer.pk}/download/"),
    ]
    assert [each.status_code for each in refused] == [403] * 6
    assert Export.objects.count() == 1
    assert not Download.objects.exists()


def test_nobody_else_sees_a_bank_file(client):
    [payout] = payable("10.00")
    made = export(payout)
    client.force_login(UserFactory())
    assert [client.get(url).status_code for url in (LIST, page(made), page(made, "download"))] == [403] * 3


def test_files_are_found_by_number_payout_hash_and_whether_they_are_answered(client, sam):
    one, two = payable("10.00", "20.00")
    first, second = export(one), export(two)
    operations.import_bank_answer(export_id=first.pk, name="a", content=csv_of(row(first, one)), by=sam)
    for query, found in (
        (f"q={first.reference}", first),
        (f"q={two}", second),
        (f"q={first.sha256}", first),
        ("answered=no", second),
        ("answered=yes", first),
    ):
        text = client.get(f"{LIST}?{query}").content.decode()
        other = second if found == first else first
        assert found.name in text, query
        assert f"{page(other)}" not in text, query


def test_the_pages_ask_as_much_for_many_payouts_as_for_few(client, sam):
    def queries(url):
        client.get(url)
        with CaptureQueriesContext(connection) as found:
            assert client.get(url).status_code == 200
        return len(found)

    few, many = export(*payable("10.00")), export(*payable(*["10.00"] * 6))
    assert queries(page(few)) == queries(page(many))
    rows = queries(LIST)
    payable("10.00")
    choice = queries(ACH)
    export(*payable("10.00"))
    payable("10.00", "20.00"), payable("10.00", account=False)
    assert queries(LIST) == rows
    assert queries(ACH) <= choice + 1  # what the payee without an account waits for


def test_the_remittance_of_a_paid_payout_has_its_lines_and_the_account_masked(client, sam):
    [payout] = payable("10.00")
    url = f"/admin/payouts/payout/{payout.pk}/remittance.pdf"
    assert client.get(url).status_code == 404
    made = export(payout)
    operations.mark_paid(payout_id=payout.pk, paid_at=timezone.now(), by=sam)
    shown = client.get(f"/admin/payouts/payout/{payout.pk}/change/").content.decode()
    assert url in shown
    assert page(made) in shown
    content = [b"".join(client.get(url).streaming_content) for _ in range(2)]
    assert content[0] == content[1]
    text = "\n".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(content[0])).pages)
    for words in (f"Remittance {payout}", "Commission earned", "10.00 USD", " 6789, Acme Leads"):
        assert words in text
    assert "000123456789" not in text


def test_a_long_remittance_has_the_sums_of_days(client, sam, monkeypatch):
    monkeypatch.setattr("payouts.remittances.MOST_LINES", 1)
    books.partner()
    books.earned("10.00")
    books.earned("20.00")
    payout = books.paid()
    content = b"".join(client.get(f"/admin/payouts/payout/{payout.pk}/remittance.pdf").streaming_content)
    text = pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert "2 entries of the day" in text
    assert "30.00 USD" in text
