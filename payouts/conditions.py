"""Under which conditions payees are paid: what is agreed with them, whether they are active, where the money goes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.utils import timezone

from partners.models import Broker, Partner, Payee
from payouts.due import NOTHING, Conditions
from payouts.models import BankAccount, Hold, Terms
from payouts.terms.choosing import agreements_of

Key = tuple[str, str, str]
PayeeKey = tuple[str, str]
PAYEES = {"partner": Partner, "broker": Broker}


def of_payees(keys: Sequence[Key]) -> dict[Key, Conditions]:
    """By payee and currency, by the terms of today; some queries for all of them."""
    payees = {(kind, pk) for kind, pk, _ in keys}
    today = timezone.now().date()
    agreements = agreements_of(payees)
    terms = {(kind, pk, currency): agreements.at((kind, pk), currency, today) for kind, pk, currency in keys}
    names, held, accounts = _names(payees), _held(payees), _with_account(terms)
    return {key: _conditions(key, terms[key], names.get(key[:2]), held, accounts) for key in keys}


def _conditions(
    key: Key, terms: Terms, payee: Payee | None, held: dict[PayeeKey, str], accounts: set[Key]
) -> Conditions:
    return Conditions(
        name=payee.name if payee else key[1],
        is_active=payee is not None and payee.status == payee.Status.ACTIVE,
        on_hold=held.get(key[:2], ""),
        minimum=terms.minimum_payout or NOTHING,
        recovery_cap=terms.recovery_cap,
        method=terms.payment_method,
        has_account=key in accounts,
    )


def _names(payees: Iterable[PayeeKey]) -> dict[PayeeKey, Payee]:
    return {
        (kind, payee.pk): payee
        for kind, model in PAYEES.items()
        for payee in model.objects.filter(pk__in={pk for each, pk in payees if each == kind})
    }


def _held(payees: Iterable[PayeeKey]) -> dict[PayeeKey, str]:
    holds = Hold.objects.filter(lifted_at=None, payee_id__in={pk for _, pk in payees})
    return {(hold.payee_type, hold.payee_id): hold.reason for hold in holds}


def _with_account(terms: dict[Key, Terms]) -> set[Key]:
    """Those that have an account in force for the method and currency that they are paid by."""
    wanted: dict[tuple[str, str], set[PayeeKey]] = defaultdict(set)
    for (kind, pk, currency), each in terms.items():
        if each.payment_method != Terms.Method.MANUAL:
            wanted[currency, each.payment_method].add((kind, pk))
    now = timezone.now()
    return {
        (account.payee_type, account.payee_id, currency)
        for (currency, method), payees in wanted.items()
        for account in BankAccount.objects.filter(
            currency=currency, method=method, payee_id__in={pk for _, pk in payees}
        ).in_force(now)
        if (account.payee_type, account.payee_id) in payees
    }
