"""SEPA files, validated against ISO 20022's own schemas by another validator than the one that writes them."""

import dataclasses
from decimal import Decimal
from importlib import resources

import pytest
import xmlschema
from lxml import etree

from payouts.exports.orders import CannotExport, control_of
from payouts.exports.sepa import SCHEMAS, sepa
from tests.payouts.orders import ENVELOPE, HOUSE
from tests.payouts.orders import sepa as order


def written(*orders, schema=SCHEMAS[0], house=HOUSE, **values):
    envelope = dataclasses.replace(ENVELOPE, **values)
    return sepa(instructions=orders, originator=house, envelope=envelope, schema=schema)


def texts(content, name):
    return [each.text for each in etree.fromstring(content).iter(f"{{*}}{name}")]


@pytest.fixture(scope="module", params=SCHEMAS)
def schema(request):
    path = resources.files("sepaxml") / "schemas" / f"{request.param}.xsd"
    return request.param, xmlschema.XMLSchema(str(path))


def test_it_is_valid_with_and_without_bics(schema):
    name, validator = schema
    swiss = order(2, iban="CH9300762011623852957", bic="UBSWCHZH80A", holder="Müller", text="")
    for house in (HOUSE, dataclasses.replace(HOUSE, bic="")):
        validator.validate(written(order(), swiss, schema=name, house=house).decode("utf-8").encode())


def test_the_validator_refuses_a_file_that_was_tampered_with(schema):
    name, validator = schema
    broken = written(order(), schema=name).replace(b"100.05</InstdAmt>", b"100.055555</InstdAmt>")
    assert not validator.is_valid(broken)


def test_it_says_what_was_ordered():
    content = written(order(), order(2, amount=Decimal("0.01")))
    assert texts(content, "EndToEndId") == ["PO-1001", "PO-1002"]
    assert texts(content, "InstdAmt") == ["100.05", "0.01"]
    assert texts(content, "CtrlSum") == ["100.06", "100.06"]
    assert texts(content, "NbOfTxs") == ["2", "2"]
    assert texts(content, "BtchBookg") == ["true"]
    assert texts(content, "Dt") == ["2026-04-03"]
    assert texts(content, "MsgId") == ["EXPORT-7"]
    assert texts(content, "CreDtTm") == ["2026-04-02T09:30:00"]
    assert texts(content, "Nm") == ["Acme Leads Inc.", "Acme Leads Inc.", *["Lukasz Muller + Co"] * 2]


def test_the_same_orders_make_the_same_bytes():
    orders = [order(n) for n in range(1, 200)]
    assert written(*orders) == written(*orders)
    assert written(*orders) != written(*orders, number=8)


def test_a_name_is_written_in_the_banks_letters():
    content = written(order(holder="<Дмитрий> “O’Neil”", text="Größe & Maß → 5€ \x00"))
    assert texts(content, "Nm")[-1] == "Dmitriy O'Neil"
    assert texts(content, "Ustrd") == ["Grosse + Mass 5"]


@pytest.mark.parametrize(
    "orders",
    [
        [],
        [order(), order()],
        [order(currency="USD")],
        [order(amount=Decimal("1.001"))],
        [order(amount=Decimal(0))],
        [order(amount=Decimal("1000000000.00"))],
        [order(end_to_end_id="/PO-1")],
        [order(end_to_end_id="PO//1")],
        [order(end_to_end_id="x" * 36)],
        [order(holder="→")],
        [order(iban="")],
        [order(iban="not an iban")],
    ],
)
def test_what_has_no_place_in_the_format_makes_no_file(orders):
    with pytest.raises(CannotExport) as caught:
        written(*orders)
    assert "not an iban" not in str(caught.value)


def test_control_has_the_count_and_a_total_for_each_currency():
    control = control_of([order(), order(2), order(3, currency="USD", amount=Decimal(5))])
    assert (control.count, control.totals) == (3, {"EUR": Decimal("200.10"), "USD": Decimal(5)})
