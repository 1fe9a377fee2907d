"""Bank accounts: proposed by one, confirmed by another, in force after a time in which the payee can still object."""

import datetime as dt
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from attribution_site.queueing import queue_on_commit
from disputes.actors import Actor
from partners.models import ApiKey, Broker, Partner
from payouts import tasks
from payouts.banking import keeping
from payouts.banking.details import Details, checked
from payouts.models import BankAccount

Payee = tuple[str, str]
PAYEES: dict[str, Any] = {"partner": Partner, "broker": Broker}


class AccountWaits(DomainError):
    """One proposal at a time: a second person must know what they confirm."""

    code = "account_waits"


class AccountDecided(DomainError):
    code = "account_decided"


class OwnAccount(DomainError):
    """Who proposed an account is not who confirms it."""

    code = "own_account"


@sensitive_variables()
@transaction.atomic
def propose_account(*, payee: Payee, details: Details, by: Actor) -> BankAccount:
    """A bank account to pay to, once another person has confirmed it. Raises ValidationError by field, AccountWaits."""
    _check_payee(payee)
    kept = checked(details)
    try:
        with transaction.atomic():
            account = BankAccount.objects.create(
                payee_type=payee[0],
                payee_id=payee[1],
                method=kept.method,
                currency=kept.currency,
                holder=kept.holder,
                is_company=kept.is_company,
                country=kept.country,
                bic=kept.bic,
                routing=kept.routing,
                account_type=kept.account_type,
                proposed_by=by.user,
                proposed_by_key_id=by.key_id,
                **keeping.kept(kept),
            )
    except IntegrityError as error:
        if "one_proposed_account" not in str(error):
            raise
        raise AccountWaits(
            f"Another {kept.method.upper()} account of theirs waits for a second person already. "
            "It is confirmed, refused or withdrawn first."
        ) from None
    _tell(account, "proposed")
    return BankAccount.objects.get(pk=account.pk)


@transaction.atomic
def confirm_account(*, account_id: UUID, by: Any) -> BankAccount:
    """Take it for right. It comes into force after the cooling-off time. Raises AccountDecided, OwnAccount."""
    account = _locked(account_id)
    if account.status != BankAccount.Status.PROPOSED:
        raise AccountDecided(f"It is {account.get_status_display().lower()} already.")
    if not may_confirm(account, by):
        raise OwnAccount("You proposed it, or made the key that did. Somebody else confirms it.")
    now = timezone.now()
    account.status, account.confirmed_by, account.confirmed_at = BankAccount.Status.CONFIRMED, by, now
    account.effective_at = now + dt.timedelta(hours=settings.BANK_COOLING_OFF_HOURS)
    account.save(update_fields=["status", "confirmed_by", "confirmed_at", "effective_at"])
    _tell(account, "confirmed")
    return account


@transaction.atomic
def refuse_account(*, account_id: UUID, reason: str, by: Actor) -> BankAccount:
    """Let nothing be paid to it: not at all if it is not in force yet, no more if it is. Nothing takes its place by
    itself. Raises AccountDecided, ValidationError."""
    return _close(_locked(account_id), reason, by)


@transaction.atomic
def withdraw_account(*, account_id: UUID, reason: str, by: Actor) -> BankAccount:
    """Let nothing come of a proposal: what is confirmed is the house's to refuse. Raises AccountDecided,
    ValidationError."""
    account = _locked(account_id)
    if account.status == BankAccount.Status.CONFIRMED:
        raise AccountDecided("The house has confirmed it already. Ask the house.")
    return _close(account, reason, by)


def _close(account: BankAccount, reason: str, by: Actor) -> BankAccount:
    if not reason.strip():
        raise _refusal("reason", "Say why: the audit log keeps it.", "required")
    now = timezone.now()
    if account.status not in {BankAccount.Status.PROPOSED, BankAccount.Status.CONFIRMED}:
        raise AccountDecided(f"It is {account.get_status_display().lower()} already.")
    was_in_force = account.effective_at is not None and account.effective_at <= now
    account.status = BankAccount.Status.STOPPED if was_in_force else BankAccount.Status.REFUSED
    account.closed_by, account.closed_by_key_id, account.closed_at = by.user, by.key_id, now
    account.reason = reason.strip()[:500]
    with because(reason=account.reason):
        account.save(update_fields=["status", "closed_by", "closed_by_key_id", "closed_at", "reason"])
    _tell(account, account.status)
    return account


def account_for(*, payees: Collection[Payee], currency: str, method: str, at: dt.datetime) -> dict[Payee, BankAccount]:
    """The account in force of each payee that has one: one query for all of them."""
    wanted = set(payees)
    ids = {pk for _kind, pk in wanted}
    rows = BankAccount.objects.filter(currency=currency, method=method, payee_id__in=ids).in_force(at)
    found = {(row.payee_type, row.payee_id): row for row in rows}
    return {payee: account for payee, account in found.items() if payee in wanted}


def may_confirm(account: BankAccount, by: Any) -> bool:
    """Whether this person is another than who proposed it. Who made the key that did is no other."""
    if account.proposed_by_id == by.pk:
        return False
    key = account.proposed_by_key_id
    return key is None or not ApiKey.objects.filter(pk=key, created_by=by).exists()


def _check_payee(payee: Payee) -> None:
    kind, pk = payee
    if kind not in PAYEES:
        raise _refusal("payee_type", f"{kind} is not partner or broker.", "invalid_choice")
    found = PAYEES[kind].objects.filter(pk=pk).first()
    if found is None:
        raise _refusal("payee_id", f"There is no {kind} {pk}.", "does_not_exist")
    if found.status == found.Status.CLOSED:
        raise _refusal("payee_id", f"{found} is closed.", "closed")


def _locked(account_id: UUID) -> BankAccount:
    return BankAccount.objects.select_for_update().get(pk=account_id)


def _tell(account: BankAccount, event: str) -> None:
    queue_on_commit(tasks.mail_of_account, str(account.pk), event)


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(text, code=code)})
