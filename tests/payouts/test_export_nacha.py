"""NACHA files, read back by a package of others and by a checker of every position."""

import dataclasses
from decimal import Decimal

import achkit
import pytest

from payouts.exports.nacha import nacha
from payouts.exports.orders import CannotExport
from tests.payouts import nacha_checker
from tests.payouts.orders import ENVELOPE, HOUSE, ach


def written(*instructions, **values):
    return nacha(instructions=instructions, originator=HOUSE, envelope=dataclasses.replace(ENVELOPE, **values))


def mixed(count):
    kinds = ("checking", "savings")
    return [
        ach(n, is_company=n % 3 == 0, account_type=kinds[n % 2], amount=Decimal(n) / 100, text="" if n % 4 else "Q1")
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 8, 30, 1001])
def test_others_read_what_was_ordered_and_find_nothing_wrong(count):
    orders, content = mixed(count), written(*mixed(count))
    assert achkit.validate(content.decode()) == {"ok": True, "errors": []}
    read = [entry for batch in achkit.parse(content.decode())["batches"] for entry in batch["entries"]]
    ordered = {each.end_to_end_id: (int(each.amount * 100), each.routing, each.account) for each in orders}
    assert {each["id_number"]: (each["amount_cents"], each["routing"], each["account"]) for each in read} == ordered
    nacha_checker.read(content)


def test_the_validator_sees_a_cent_that_was_changed():
    content = written(ach()).decode()
    assert not achkit.validate(content.replace("0000010005", "0000010006", 1))["ok"]
    with pytest.raises(AssertionError):
        nacha_checker.read(content.replace("0000010005", "0000010006", 1).encode())


def test_every_field_stands_where_it_must():
    head, batch, entry, addenda, *_, control = nacha_checker.read(written(ach(account_type="savings")))
    assert (head["destination"], head["origin"]) == (" 091000019", "1234567890")
    assert (head["made_on"], head["made_at"], head["modifier"]) == ("260402", "0930", "H")
    assert (batch["sec"], batch["effective_on"], batch["company"]) == ("PPD", "260403", "1234567890")
    assert (batch["description"], batch["bank"]) == ("COMMISSION", "09100001")
    assert (entry["code"], entry["routing"], entry["account"].rstrip()) == ("32", "011401533", "0072")
    assert (entry["name"].rstrip(), entry["id"].rstrip()) == ("LUKASZ MULLER & CO", "PO-1001")
    assert addenda["text"].rstrip() == "NTE*ZZZ*COMMISSION, PAYOUT 1001\\"
    assert (int(control["credits"]), int(control["count"])) == (10005, 2)


def test_people_and_companies_have_a_batch_each():
    records = nacha_checker.read(written(*mixed(9)))
    assert [each["sec"] for each in records if each["type"] == "5"] == ["PPD", "CCD"]


def test_the_same_orders_make_the_same_bytes():
    assert written(*mixed(50)) == written(*mixed(50))
    assert written(*mixed(50)) != written(*mixed(50), number=8)


def test_the_hash_keeps_its_last_ten_digits():
    records = nacha_checker.read(written(*[ach(n, routing="325272306") for n in range(1, 401)]))
    assert records[-1]["hash"] == str(32527230 * 400)[-10:]


def test_the_largest_amount_fits_and_the_next_cent_does_not():
    largest = Decimal("99999999.99")
    records = nacha_checker.read(written(ach(amount=largest), ach(2, amount=largest)))
    assert records[-1]["credits"] == "000019999999998"[-12:]
    with pytest.raises(CannotExport, match="PO-1001"):
        written(ach(amount=largest + Decimal("0.01")))


@pytest.mark.parametrize(
    "orders",
    [
        [],
        [ach(), ach()],
        [ach(currency="EUR")],
        [ach(method="sepa")],
        [ach(amount=Decimal(0))],
        [ach(amount=Decimal("-1"))],
        [ach(amount=Decimal("0.005"))],
        [ach(amount=Decimal("NaN"))],
        [ach(end_to_end_id="PO-1234567890123")],
        [ach(end_to_end_id="po-1")],
        [ach(routing="12345")],
        [ach(account="123456789012345678")],
        [ach(account="")],
    ],
)
def test_what_has_no_place_in_the_format_makes_no_file(orders):
    with pytest.raises(CannotExport) as caught:
        written(*orders)
    assert "123456789012345678" not in str(caught.value)


@pytest.mark.parametrize("missing", ["ach_routing", "ach_bank", "ach_origin", "ach_company"])
def test_without_the_houses_own_details_there_is_no_file(missing):
    with pytest.raises(CannotExport, match="PAYER_ACH"):
        nacha(instructions=[ach()], originator=dataclasses.replace(HOUSE, **{missing: ""}), envelope=ENVELOPE)


def test_a_name_cannot_break_the_record():
    [entry] = [each for each in nacha_checker.read(written(ach(holder="A\r\n9" + "é" * 90))) if each["type"] == "6"]
    assert entry["name"] == "A 9" + "E" * 19
