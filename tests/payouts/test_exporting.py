"""Bank files: what goes into one, what does not and why, and that no payout is in two."""

import csv
import dataclasses
import datetime as dt
import hashlib
import io
from decimal import Decimal
from functools import partial
from importlib import resources

import achkit
import pytest
import xmlschema
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from lxml import etree

from attribution.models import AttributionRecord
from payouts import operations
from payouts.banking import keeping, payer
from payouts.exports.nacha import nacha
from payouts.exports.orders import CannotExport, Envelope
from payouts.models import BankAccount, Download, Export, Exported, Payout
from tests.factories import BankAccountFactory, DisputeFactory
from tests.payouts import books, files, nacha_checker
from tests.payouts.files import export, payable

pytestmark = pytest.mark.django_db
NUMBER = "000123456789"


@pytest.fixture(autouse=True)
def house(settings):
    settings.PAYER = files.PAYER


def refusal(*payouts, **values):
    with pytest.raises(operations.NotExported) as caught:
        export(*payouts, **values)
    return {payout.pk: why for payout, why in caught.value.reasons}


def text_of(made):
    return operations.file_of(Export.objects.get(pk=made.pk))


def test_an_ach_file_orders_what_was_approved_and_others_find_nothing_wrong_in_it():
    one, two = payable("100.05", "7.00")
    made = export(one, two)
    content = text_of(made)
    assert achkit.validate(content.decode()) == {"ok": True, "errors": []}
    nacha_checker.read(content)
    read = [entry for batch in achkit.parse(content.decode())["batches"] for entry in batch["entries"]]
    assert {(each["id_number"], each["amount_cents"], each["account"]) for each in read} == {
        (f"{one}-{made.number}", 10005, NUMBER),
        (f"{two}-{made.number}", 700, NUMBER),
    }
    assert (made.total, made.payout_count, made.currency) == (Decimal("107.05"), 2, "USD")
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    one.refresh_from_db()
    assert one.exported_at == made.made_at
    order = made.orders.get(payout=one)
    assert (order.amount, order.lines_hash) == (one.total, one.lines_hash)
    assert BankAccount.objects.get(pk=order.account_id).payee_id == one.payee_id


def test_a_sepa_file_is_valid_under_its_schema():
    [payout] = payable("100.05", method="sepa", currency="EUR")
    content = text_of(export(payout, format="sepa"))
    path = resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
    xmlschema.XMLSchema(str(path)).validate(content.decode())
    [amount] = etree.fromstring(content).iter("{*}InstdAmt")
    assert (amount.text, amount.get("Ccy")) == ("100.05", "EUR")


def test_a_list_is_for_payouts_by_hand_and_for_currencies_without_cents():
    [payout] = payable("1250", method="manual", currency="JPY")
    made = export(payout, format="csv")
    [row] = csv.DictReader(io.StringIO(text_of(made).decode("utf-8-sig"), newline=""))
    assert (row["amount"], row["currency"], row["endToEndId"]) == ("1250", "JPY", f"{payout}-{made.number}")
    assert made.orders.get().account_id is None


def test_asked_again_for_the_same_it_is_the_file_that_was_made():
    payouts = payable("100.00", "50.00")
    first = export(*payouts)
    again = export(*reversed(payouts))
    assert again.pk == first.pk
    assert text_of(again) == text_of(first)
    assert Export.objects.count() == 1


def test_the_bytes_follow_from_what_is_kept():
    payouts = payable("100.00", "50.00")
    made = export(*payouts)
    envelope = Envelope(number=made.number, made_at=made.made_at, execute_on=made.execute_on)
    orders = [
        keeping.instruction(
            BankAccount.objects.get(pk=order.account_id),
            end_to_end_id=order.end_to_end_id,
            payee="",
            amount=order.amount,
            text=f"Commission {order.payout}, up to {order.payout.period_end}",
        )
        for order in made.orders.all()
    ]
    again = nacha(instructions=orders, originator=payer.originator(), envelope=envelope)
    assert again == text_of(made)
    later = dataclasses.replace(envelope, number=made.number + 1)
    assert nacha(instructions=orders, originator=payer.originator(), envelope=later) != again


def test_a_payout_is_in_one_file_and_the_others_wait():
    one, two = payable("100.00", "50.00")
    made = export(one)
    assert refusal(one, two) == {one.pk: f"It is in {made.reference} already."}
    two.refresh_from_db()
    assert two.exported_at is None
    other_day = books.today() + dt.timedelta(days=1)
    assert set(refusal(one, execute_on=other_day)) == {one.pk}


def test_each_payout_that_stands_in_the_way_is_named_with_its_reason_and_nothing_is_made():
    good, none, cooling, waiting, paid, by_hand = payable(*["10.00"] * 6, account=False)
    BankAccountFactory(payee_id=good.payee_id)
    soon = timezone.now() + dt.timedelta(hours=5)
    BankAccountFactory(payee_id=cooling.payee_id, confirmed_at=timezone.now(), effective_at=soon)
    BankAccountFactory(payee_id=waiting.payee_id, proposed=True)
    BankAccountFactory(payee_id=paid.payee_id)
    operations.mark_paid(payout_id=paid.pk, paid_at=timezone.now(), by=books.finance())
    Payout.objects.filter(pk=by_hand.pk).update(method="manual")
    why = refusal(good, none, cooling, waiting, paid, by_hand)
    assert good.pk not in why
    assert "no bank account in force" in why[none.pk]
    assert f"cools off until {soon:%Y-%m-%d %H:%M}" in why[cooling.pk]
    assert "waits for a second person" in why[waiting.pk]
    assert "It is paid" in why[paid.pk]
    assert "By hand" in why[by_hand.pk]
    assert operations.export_problems(payouts=[none, good], format="nacha") == {none.pk: why[none.pk]}
    assert not Export.objects.exists()
    assert not Payout.objects.exclude(exported_at=None).exists()


def test_the_account_is_the_one_in_force_at_that_moment():
    [payout] = payable("10.00")
    coming = BankAccountFactory(payee_id=payout.payee_id, number="99998888", confirmed_at=timezone.now())
    made = export(payout)
    assert made.orders.get().account_id != coming.pk
    assert b"99998888" not in text_of(made)


def test_an_account_that_was_tampered_with_is_not_paid_to():
    [payout] = payable("10.00", sealed=BankAccountFactory.build(number="666600006666").sealed)
    assert "not as it was confirmed" in refusal(payout)[payout.pk]


def test_a_dispute_since_the_approval_keeps_it_here():
    [payout] = payable("10.00")
    record = AttributionRecord.objects.get(payee_id=payout.payee_id)
    DisputeFactory(record=record, conversion_id=record.conversion_id)
    assert "1 of its lines are disputed" in refusal(payout)[payout.pk]


def test_lines_that_somebody_changed_past_us_do_not_go_out():
    [payout] = payable("10.00")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_payoutline SET amount = 9 WHERE payout_id = %s", [payout.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert "not those that were approved" in refusal(payout)[payout.pk]


def test_no_file_while_the_ledger_is_off():
    [payout] = payable("10.00")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_entry SET amount = 9 WHERE payee_id = %s", [payout.payee_id])
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert books.off()
    with pytest.raises(operations.LedgerOff):
        export(payout)


def test_what_is_asked_for_must_make_sense():
    [payout] = payable("10.00")
    for days in (-1, 61):
        with pytest.raises(ValidationError, match="Take a day"):
            export(payout, execute_on=books.today() + dt.timedelta(days=days))
    with pytest.raises(ValidationError, match="Take one of"):
        export(payout, format="xlsx")
    with pytest.raises(ValidationError, match="Choose payouts"):
        export()
    [yen] = payable("1250", method="manual", currency="JPY")
    with pytest.raises(ValidationError, match="JPY and USD"):
        export(payout, yen, format="csv")
    assert not Export.objects.exists()


def test_without_the_houses_own_account_there_is_no_file(settings):
    [payout] = payable("10.00")
    settings.PAYER = settings.PAYER | {name: "" for name in settings.PAYER if name.startswith("PAYER_ACH")}
    with pytest.raises(CannotExport, match="PAYER_ACH"):
        export(payout)
    assert not Exported.objects.exists()


def test_a_void_payout_that_is_issued_again_goes_into_another_file():
    [payout] = payable("10.00")
    first = export(payout)
    with pytest.raises(operations.MayBePaid):
        operations.void_payout(payout_id=payout.pk, reason="Lost", by=books.finance())
    operations.void_payout(payout_id=payout.pk, reason="Lost", bank_did_not_pay=True, by=books.finance())
    again = books.approved(operations.reissue_payout(payout_id=payout.pk, by=books.finance()))
    assert export(again).pk != first.pk
    assert set(refusal(payout)) == {payout.pk}


def test_a_download_is_noted_and_makes_nothing():
    [payout] = payable("10.00")
    made, sam = export(payout), books.finance()
    for _ in range(2):
        file, content = operations.download_export(export_id=made.pk, by=sam)
        assert (file.pk, content) == (made.pk, text_of(made))
    assert list(Download.objects.values_list("export", "by")) == [(made.pk, sam.pk)] * 2
    assert (Export.objects.count(), Exported.objects.count()) == (1, 1)


def test_no_table_has_a_number_in_the_clear():
    [payout] = payable("10.00")
    export(payout)
    with connection.cursor() as cursor:
        for table in ("payouts_export", "payouts_exported", "payouts_payoutevent"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            [text] = cursor.fetchone()
            assert NUMBER not in text
            assert NUMBER.encode().hex() not in text


def test_a_file_that_was_tampered_with_is_handed_to_nobody():
    [payout] = payable("10.00")
    made = export(payout)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        other = keeping.sealed_file(text_of(made).replace(b"0000001000", b"0000009000"))
        cursor.execute("UPDATE payouts_export SET content = %s", [other])
    with pytest.raises(CannotExport, match="not as it was made"):
        operations.download_export(export_id=made.pk, by=books.finance())


def test_the_database_itself_refuses():
    one, two = payable("10.00", "20.00")
    made = export(one)
    other = export(two)
    for write, says in (
        (
            lambda: Exported.objects.create(export=other, payout=one, amount=one.total, lines_hash=one.lines_hash),
            "one_bank",
        ),
        (
            lambda: Exported.objects.create(export=other, payout=one, amount=1, lines_hash=one.lines_hash),
            "was approved",
        ),
        (lambda: Exported.objects.filter(payout=one).update(amount=1), "stays as it is"),
        (lambda: Exported.objects.filter(payout=one).delete(), "Cannot delete"),
        (lambda: Export.objects.filter(pk=made.pk).update(total=1), "Cannot update"),
    ):
        with pytest.raises(Exception, match=says), transaction.atomic():
            write()


def test_the_queries_do_not_grow_with_the_payouts(django_assert_max_num_queries):
    few, many = payable("10.00"), payable(*["10.00"] * 8)
    sam = books.finance()
    with django_assert_max_num_queries(30) as found:
        export(*few, by=sam)
    with django_assert_max_num_queries(len(found)):
        export(*many, by=sam)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_export_at_once_one_has_the_payout():
    sam, ann = books.finance(), books.finance()
    for _ in range(5):
        one, two, three = payable("10.00", "20.00", "30.00")
        outcomes = files.at_once(partial(export, one, two, by=sam), partial(export, three, two, by=ann))
        assert "NotExported" in outcomes
        assert Export.objects.filter(pk__in=[each for each in outcomes if each != "NotExported"]).count() == 1
        assert Exported.objects.filter(payout=two).count() == 1
    four, five = payable("10.00", "20.00")
    first, second = files.at_once(partial(export, four, five, by=sam), partial(export, five, four, by=ann))
    assert first == second
