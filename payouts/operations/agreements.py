"""What is agreed on with payees: terms begin and end, and payees come into groups and leave them."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from attribution_site.audit.context import because
from conversions import currencies
from conversions.models import Conversion
from partners.models import Broker, Partner
from payouts.models import GroupMembership, PayeeGroup, Terms
from payouts.models.terms import AMOUNTS
from payouts.terms import tiers

PAYEES: dict[str, Any] = {"partner": Partner, "broker": Broker}
PERCENTAGES = ("rate", "renewal_rate", "recovery_cap")
MOST_DAYS, MOST_MONTHS = 3650, 120


def add_terms(*, values: Mapping[str, Any], by: Any) -> Terms:
    """Terms from a day on: of a payee, a group, or else of everybody.

    Terms of the same scope and currency that have no end yet end the day before. Raises ValidationError by field; where
    others of that time stay in the way, it says which."""
    terms = checked_terms(values)
    terms.created_by = by
    with transaction.atomic():
        _end_those_before(terms)
        try:
            with transaction.atomic():
                terms.save(force_insert=True)
        except IntegrityError as error:
            raise _overlapping(terms, error) from None
    return terms


def checked_terms(values: Mapping[str, Any]) -> Terms:
    """The terms as they would be, not stored. Raises ValidationError by field."""
    terms = Terms(**values)
    problems = {name: error for name, error in _problems(terms) if error}
    if problems:
        raise ValidationError(problems)
    return terms


def end_terms(*, terms_id: UUID, ends_on: dt.date, by: Any) -> Terms:
    """Their last day. Raises ValidationError by field: not before they begin, nor before a day they were used for."""
    with transaction.atomic():
        terms = Terms.objects.select_for_update().get(pk=terms_id)
        if ends_on < terms.starts_on:
            raise _refusal("ends_on", f"They begin on {terms.starts_on}.", "invalid")
        terms.ends_on = ends_on
        try:
            with transaction.atomic(), because(user=by.pk):
                terms.save(update_fields=["ends_on"])
        except IntegrityError as error:
            raise _refusal("ends_on", _said(error), "in_use") from None
    return terms


def add_group(*, name: str, by: Any) -> PayeeGroup:
    """Raises ValidationError for a name that is empty or taken."""
    group = PayeeGroup(name=name.strip())
    group.full_clean()
    group.save(force_insert=True)
    return group


def join_group(
    *, group_id: UUID, payee_type: str, payee_id: str, starts_on: dt.date, ends_on: dt.date | None = None, by: Any
) -> GroupMembership:
    """A payee is in one group at a time. Raises ValidationError by field."""
    _check_payee(payee_type, payee_id)
    if ends_on and ends_on < starts_on:
        raise _refusal("ends_on", "It is before the first day.", "invalid")
    membership = GroupMembership(
        group_id=group_id, payee_type=payee_type, payee_id=payee_id, starts_on=starts_on, ends_on=ends_on, created_by=by
    )
    try:
        with transaction.atomic():
            membership.save(force_insert=True)
    except IntegrityError as error:
        if "overlap" not in str(error):
            raise
        raise _refusal(
            "starts_on", "The payee is in a group at that time already. End that first.", "overlap"
        ) from None
    return membership


def leave_group(*, membership_id: UUID, ends_on: dt.date, by: Any) -> GroupMembership:
    """The last day in the group. Raises ValidationError by field."""
    with transaction.atomic():
        membership = GroupMembership.objects.select_for_update().get(pk=membership_id)
        if ends_on < membership.starts_on:
            raise _refusal("ends_on", f"It began on {membership.starts_on}.", "invalid")
        membership.ends_on = ends_on
        with because(user=by.pk):
            membership.save(update_fields=["ends_on"])
    return membership


def _end_those_before(terms: Terms) -> None:
    """Those that would go on for ever. The database refuses to end them before a day they were used for."""
    before = Terms.objects.of_scope(payee_type=terms.payee_type, payee_id=terms.payee_id, group=terms.group)
    open_ended = before.filter(currency=terms.currency, ends_on=None, starts_on__lt=terms.starts_on)
    try:
        with transaction.atomic():
            open_ended.update(ends_on=terms.starts_on - dt.timedelta(days=1))
    except IntegrityError as error:
        raise _refusal("starts_on", _said(error), "in_use") from None


def _overlapping(terms: Terms, error: IntegrityError) -> ValidationError:
    if "overlap" not in str(error):
        raise error
    others = Terms.objects.of_scope(payee_type=terms.payee_type, payee_id=terms.payee_id, group=terms.group)
    found = others.filter(currency=terms.currency).sharing_a_day(terms.starts_on, terms.ends_on)
    named = "; ".join(str(each) for each in found[:3])
    return _refusal("starts_on", f"They would overlap: {named}. Give a time that is free.", "overlap")


def _problems(terms: Terms) -> Any:
    """(field, ValidationError or None), all that is wrong at once."""
    yield from _of_scope(terms)
    if terms.ends_on and terms.ends_on < terms.starts_on:
        yield "ends_on", _error("It is before the first day.", "invalid")
    for name in PERCENTAGES:
        value = getattr(terms, name)
        if value is not None and not 0 <= value <= 100:
            yield name, _error("Give a percentage, 0 to 100.", "invalid")
    if not 0 <= terms.hold_days <= MOST_DAYS:
        yield "hold_days", _error(f"Give 0 to {MOST_DAYS} days.", "invalid")
    if terms.earn_out_months is not None and not 1 <= terms.earn_out_months <= MOST_MONTHS:
        yield "earn_out_months", _error(f"Give 1 to {MOST_MONTHS} months.", "invalid")
    yield from _of_amounts(terms)
    try:
        tiers.parsed(terms.tiers)
    except tiers.InvalidTiers as error:
        yield "tiers", _error(str(error), "invalid")


def _of_scope(terms: Terms) -> Any:
    if terms.payee_type or terms.payee_id:
        if terms.group_id:
            yield "group", _error("Terms are for a payee or for a group, not for both.", "invalid")
        try:
            _check_payee(terms.payee_type or "", terms.payee_id or "")
        except ValidationError as error:
            yield from ((name, errors[0]) for name, errors in error.error_dict.items())


def _of_amounts(terms: Terms) -> Any:
    amounts = {name: getattr(terms, name) for name in AMOUNTS if getattr(terms, name) is not None}
    if terms.currency:
        try:
            currencies.known(terms.currency)
        except ValidationError as error:
            yield "currency", error
            return
    elif amounts or terms.flats or terms.tiers:
        yield "currency", _error("Amounts are of a currency: name it.", "required")
        return
    for name, amount in amounts.items():
        yield name, _amount_problem(amount, terms.currency)
    for kind, amount in terms.flats.items():
        if kind not in Conversion.Type.values:
            yield "flats", _error(f"{kind} is not a type of conversion.", "invalid_choice")
        else:
            yield "flats", _of_flat(kind, amount, terms.currency)


def _of_flat(kind: str, amount: Any, currency: str | None) -> ValidationError | None:
    """A problem knows the type that it is about: a form has a field for each."""
    problem = _amount_problem(amount, currency)
    if problem:
        problem.params = {"type": kind}
    return problem


def _amount_problem(amount: Any, currency: str | None) -> ValidationError | None:
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return _error(f"{amount} is not an amount.", "invalid")
    if not number.is_finite() or number < 0:
        return _error("An amount is zero or more.", "min_value")
    if currency and not currencies.fits(number, currency):
        return _error(f"{number} is not of whole units of {currency}.", "invalid")
    return None


def _check_payee(payee_type: str, payee_id: str) -> None:
    if payee_type not in PAYEES:
        raise _refusal("payee_type", f"{payee_type or 'Nothing'} is not partner or broker.", "invalid_choice")
    if not PAYEES[payee_type].objects.filter(pk=payee_id).exists():
        raise _refusal("payee_id", f"There is no {payee_type} {payee_id}.", "does_not_exist")


def _said(error: IntegrityError) -> str:
    return str(error).partition("\n")[0] + "."


def _error(text: str, code: str) -> ValidationError:
    return ValidationError(text, code=code)


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: _error(text, code)})
