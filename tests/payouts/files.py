"""Approved payouts whose payees have bank accounts, and the files that they go into."""

import datetime as dt
import threading

from django.db import connection

from attribution_site.errors import DomainError
from payouts import operations
from payouts.models import Payout
from tests.factories import BankAccountFactory
from tests.payouts import books

PAYER = {
    "PAYER_NAME": "Acme Leads",
    "PAYER_IBAN": "DE89370400440532013000",
    "PAYER_BIC": "",
    "PAYER_ACH_ROUTING": "091000019",
    "PAYER_ACH_BANK": "First Bank",
    "PAYER_ACH_ORIGIN": "1234567890",
    "PAYER_ACH_COMPANY": "1234567890",
    "PAYER_ACH_DESCRIPTION": "COMMISSION",
}
IBAN = "FR1420041010050500013M02606"
SEPA = {"method": "sepa", "currency": "EUR", "country": "FR", "routing": "", "account_type": "", "number": IBAN}
HEAD = "endToEndId,status,amount,currency,date,reason,reference\n"


def payable(*amounts, method="ach", currency="USD", account=True, **values):
    """An approved payout of a partner of its own, for each amount."""
    names = [f"partner-{books.new_id()}" for _ in amounts]
    for name, amount in zip(names, amounts, strict=True):
        books.partner(name)
        books.earned(amount, payee=name, currency=currency)
        if account and method != "manual":
            BankAccountFactory(payee_id=name, **((SEPA if method == "sepa" else {}) | values))
    run = books.run()
    Payout.objects.filter(run=run).update(method=method)
    found = [books.approved(each) for each in run.payouts.filter(payee_id__in=names)]
    return sorted(found, key=lambda each: names.index(each.payee_id))


def export(*payouts, format="nacha", execute_on=None, by=None):
    return operations.export_payouts(
        payout_ids=[each.pk for each in payouts],
        format=format,
        execute_on=execute_on or books.today(),
        by=by or books.finance(),
    )


def day(days=0):
    return books.today() + dt.timedelta(days=days)


def row(made, payout, status="paid", *, amount=None, currency="USD", on=None, reason="", reference=""):
    name = f"{payout}-{made.number}"
    return f"{name},{status},{amount or payout.total},{currency},{on or day()},{reason},{reference}\n"


def csv_of(*rows):
    """What the bank answers, as a CSV file."""
    return (HEAD + "".join(rows)).encode()


def at_once(*acts):
    """What became of each, in threads: the id of what it made, or the refusal. Another error is raised."""
    gate, outcomes = threading.Barrier(len(acts)), []

    def work(act):
        gate.wait()
        try:
            outcomes.append(act().pk)
        except DomainError as refused:
            outcomes.append(type(refused).__name__)
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in outcomes:
        if isinstance(error, Exception):
            raise error
    return outcomes
