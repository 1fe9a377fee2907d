"""Orders to pay, for the tests of the files that banks take."""

import datetime as dt
from decimal import Decimal

from payouts.exports.orders import Envelope, Instruction, Originator

ENVELOPE = Envelope(number=7, made_at=dt.datetime(2026, 4, 2, 9, 30, tzinfo=dt.UTC), execute_on=dt.date(2026, 4, 3))
HOUSE = Originator(
    name="Acme Leads Inc.",
    iban="DE89370400440532013000",
    bic="COBADEFF",
    ach_routing="091000019",
    ach_bank="First Bank",
    ach_origin="1234567890",
    ach_company="1234567890",
)


def ach(number=1, **values):
    given = {"end_to_end_id": f"PO-{1000 + number}", "payee": "Partner", "holder": "Łukasz Müller & Co"}
    given |= {"method": "ach", "currency": "USD", "amount": Decimal("100.05"), "text": "Commission, payout 1001"}
    return Instruction(**(given | {"routing": "011401533", "account": "0072", "account_type": "checking"} | values))


def sepa(number=1, **values):
    given = {"end_to_end_id": f"PO-{1000 + number}", "payee": "Partner", "holder": "Łukasz Müller & Co"}
    given |= {"method": "sepa", "currency": "EUR", "amount": Decimal("100.05"), "text": "Commission, payout 1001"}
    return Instruction(**(given | {"iban": "FR1420041010050500013M02606"} | values))
