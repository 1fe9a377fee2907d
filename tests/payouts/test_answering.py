"""What banks answer to a file: booked in whole, once, and never for another file."""

import datetime as dt
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payouts import operations
from payouts.exports.results import UnreadableAnswer
from payouts.models import BankFile, Entry, Exported, Payout
from tests.factories import UserFactory
from tests.payouts import books, files
from tests.payouts.files import csv_of, day, export, payable, row
from tests.payouts.test_export_results import report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def house(settings):
    settings.PAYER = files.PAYER


def answered(made, content, **values):
    return operations.import_bank_answer(
        export_id=made.pk, **({"name": "answer.csv", "content": content, "by": books.finance()} | values)
    )


def refused(made, content):
    with pytest.raises(operations.AnswerRefused) as caught:
        answered(made, content)
    assert not BankFile.objects.exists()
    assert not Entry.objects.filter(kind="payment").exists()
    return caught.value.problems


def state(payout):
    return Payout.objects.get(pk=payout.pk).status


def test_paid_rejected_and_returned_in_one_answer():
    paid, rejected, returned, silent = payable("10.00", "20.00", "30.00", "40.00")
    made = export(paid, rejected, returned, silent)
    content = csv_of(
        row(made, returned, "returned", reason="R03"),
        row(made, rejected, "rejected", reason="R04"),
        row(made, paid, reference="B-77"),
    )
    answer = answered(made, content)
    assert (answer.paid, answer.rejected, answer.returned, answer.conflicts) == (1, 1, 1, 0)
    assert [state(each) for each in (paid, rejected, returned, silent)] == ["paid", "approved", "paid", "approved"]
    paid.refresh_from_db()
    assert (paid.payment_reference, paid.paid_at.astimezone(dt.UTC).date()) == ("B-77", day())
    assert Entry.objects.get(kind="returned").note == f"Returned by the bank on {day()}. R03"
    assert {each["payout"]: each["effect"] for each in answer.outcome} == {
        str(paid): "paid",
        str(rejected): "rejected",
        str(returned): "returned",
    }
    assert list(Exported.objects.filter(refused_in=answer).values_list("payout", flat=True)) == [rejected.pk]
    assert books.off() == {}


def test_the_same_bytes_again_are_answered_with_what_came_of_them_first():
    one, two = payable("10.00", "20.00")
    made = export(one, two)
    content = csv_of(row(made, one), row(made, two, "rejected"))
    first = answered(made, content)
    again = export(two)
    second = answered(made, content, name="the same.csv")
    assert (second.pk, second.name, second.outcome) == (first.pk, "answer.csv", first.outcome)
    assert Entry.objects.filter(kind="payment").count() == 1
    assert Exported.objects.get(export=again).refused_in_id is None


def test_what_the_bank_rejected_goes_into_another_file_or_is_voided():
    one, two = payable("10.00", "20.00")
    first = export(one, two)
    answered(first, csv_of(row(first, one, "rejected"), row(first, two, "rejected")))
    second = export(one)
    assert second.orders.get().end_to_end_id == f"{one}-{second.number}" != f"{one}-{first.number}"
    assert operations.void_payout(payout_id=two.pk, reason="Closed account", by=books.finance()).status == "void"
    answered(second, csv_of(row(second, one)))
    assert state(one) == "paid"


def test_an_answer_to_another_file_is_refused_and_books_nothing():
    one, two = payable("10.00", "20.00")
    first, second = export(one), export(two)
    rows = csv_of(row(second, two), row(first, one))
    assert refused(second, rows) == [f"{one}-{first.number} is not in {second.reference}."]
    assert refused(second, csv_of("P-1-1,paid,10.00,USD,2026-04-03,,\n"))
    of_another = report(group="RJCT").replace(b"EXPORT-7", first.reference.encode())
    assert f"answers {first.reference}," in refused(second, of_another)[0]


def test_the_answer_to_a_file_that_was_sent_before_is_not_one_to_the_next():
    [payout] = payable("10.00")
    first = export(payout)
    answered(first, csv_of(row(first, payout, "rejected")))
    second = export(payout)
    with pytest.raises(operations.AnswerRefused, match="is not in"):
        answered(second, csv_of(row(first, payout)))
    answer = answered(first, csv_of(row(first, payout)))
    assert (answer.paid, answer.conflicts) == (0, 1)
    assert "Ask the bank" in answer.outcome[0]["why"]
    assert state(payout) == "approved"


def test_every_row_that_does_not_fit_is_named():
    payouts = payable("10.00", "20.00", "30.00", "40.00", "50.00")
    made = export(*payouts)
    good, amount, currency, future, early = payouts
    problems = refused(
        made,
        csv_of(
            row(made, good),
            row(made, amount, amount="20.01"),
            row(made, currency, currency="EUR"),
            row(made, future, on=day(3)),
            row(made, early, on=day(-3)),
        ),
    )
    assert [text.split(":")[0] for text in problems] == [f"{each}-{made.number}" for each in payouts[1:]]
    assert state(good) == "approved"


def test_a_void_payout_is_not_paid_and_the_others_are():
    void, good = payable("10.00", "20.00")
    made = export(void, good)
    operations.void_payout(payout_id=void.pk, reason="Lost", bank_did_not_pay=True, by=books.finance())
    answer = answered(made, csv_of(row(made, void), row(made, good)))
    assert (answer.paid, answer.conflicts) == (1, 1)
    assert [state(void), state(good)] == ["void", "paid"]
    assert "nothing is booked" in answer.outcome[0]["why"]
    assert Entry.objects.filter(kind="payment").count() == 1


def test_what_is_booked_already_changes_nothing():
    paid, returned, late = payable("10.00", "20.00", "30.00")
    made = export(paid, returned, late)
    answered(made, csv_of(row(made, paid), row(made, returned), row(made, late)))
    answered(made, csv_of(row(made, returned, "returned")))
    content = csv_of(row(made, paid), row(made, returned, "returned"), row(made, late, "rejected"))
    outcome = operations.preview_bank_answer(export_id=made.pk, content=content)
    assert [each.effect for each in outcome.effects] == ["known", "known", "conflict"]
    answered(made, content)
    assert Entry.objects.filter(kind="payment").count() == 3
    assert Entry.objects.filter(kind="returned").count() == 1
    assert state(late) == "paid"


def test_a_status_report_that_refuses_the_file_rejects_all_of_it():
    one, two = payable("10.00", "20.00", method="sepa", currency="EUR")
    made = export(one, two, format="sepa")
    content = report(group="RJCT").replace(b"EXPORT-7", made.reference.encode())
    assert answered(made, content, name="pain.002").rejected == 2
    assert not Payout.objects.exclude(exported_at=None).exists()
    assert export(one, two, format="sepa").pk != made.pk


def test_a_file_that_cannot_be_read_changes_nothing():
    [payout] = payable("10.00")
    made = export(payout)
    with pytest.raises(UnreadableAnswer, match="line 2, status"):
        answered(made, csv_of(row(made, payout, "settled")))
    assert not BankFile.objects.exists()


def test_a_preview_changes_nothing_and_binds_what_is_done_after_it():
    one, two = payable("10.00", "20.00")
    made = export(one, two)
    content = csv_of(row(made, one), row(made, two))
    seen = operations.preview_bank_answer(export_id=made.pk, content=content)
    assert seen.counts == {"paid": 2}
    assert {state(one), state(two)} == {"approved"}
    operations.void_payout(payout_id=two.pk, reason="Lost", bank_did_not_pay=True, by=books.finance())
    with pytest.raises(operations.AnswerChanged):
        answered(made, content, seen=seen.digest)
    assert state(one) == "approved"
    seen = operations.preview_bank_answer(export_id=made.pk, content=content)
    assert answered(made, content, seen=seen.digest).paid == 1


def test_an_answer_that_fails_in_the_middle_books_nothing(monkeypatch):
    one, two = payable("10.00", "20.00")
    made = export(one, two)

    def failing(payouts):
        assert {each.status for each in Payout.objects.filter(pk__in=[each.pk for each in payouts])} == {"paid"}
        raise RuntimeError

    monkeypatch.setattr("payouts.operations.paying.announcing.announce_all", failing)
    with pytest.raises(RuntimeError):
        answered(made, csv_of(row(made, one), row(made, two)))
    assert {state(one), state(two)} == {"approved"}
    assert not BankFile.objects.exists()


def test_amounts_and_the_file_are_kept_as_they_came():
    [payout] = payable("10.00")
    made = export(payout)
    content = csv_of(row(made, payout))
    answer = BankFile.objects.get(pk=answered(made, content).pk)
    assert operations.answer_content(answer) == content
    assert Decimal(answer.outcome[0]["amount"]) == payout.total
    with connection.cursor() as cursor:
        cursor.execute("SELECT payouts_bankfile::text FROM payouts_bankfile")
        assert content.hex() not in cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_import_one_answer_at_once_both_get_the_one_outcome():
    sam, ann = books.finance(), books.finance()
    payout, other = payable("10.00", "20.00")
    made = export(payout, other)
    content = csv_of(row(made, payout), row(made, other, "rejected"))
    first, second = files.at_once(*[partial(answered, made, content, by=by) for by in (sam, ann)])
    assert first == second == BankFile.objects.get().pk
    assert Entry.objects.filter(kind="payment").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_voiding_and_booking_that_it_is_paid_at_once_one_happens():
    sam = books.finance()
    for _ in range(3):
        [payout] = payable("10.00")
        made = export(payout)
        void = partial(operations.void_payout, payout_id=payout.pk, reason="Lost", bank_did_not_pay=True, by=sam)
        files.at_once(void, partial(answered, made, csv_of(row(made, payout)), by=sam))
        is_paid = Entry.objects.filter(kind="payment", payout_id=payout.pk).exists()
        assert state(payout) == ("paid" if is_paid else "void")
        assert made.answers.get().conflicts == (0 if is_paid else 1)


def test_an_answer_about_many_takes_as_few_statements_as_about_some():
    taken = []
    for number in (2, 12):
        made = export(*payable(*["10.00"] * number))
        content = csv_of(*(row(made, order.payout) for order in made.orders.select_related("payout")))
        with CaptureQueriesContext(connection) as queries:
            assert answered(made, content, by=UserFactory()).paid == number
        taken.append(len(queries))
    assert taken[0] == taken[1]
    assert books.off() == {}
