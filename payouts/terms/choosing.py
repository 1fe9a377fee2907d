"""Which terms apply to whom on which day: of the account, else of its group, else those of everybody."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Min, Q

from conversions.models import Conversion
from payouts.models.terms import LOCK, GroupMembership, Terms
from payouts.terms.snapshot import RENEWAL

# By type and id.
PayeeKey = tuple[str, str]
ScopeKey = PayeeKey | UUID | None


@dataclass(frozen=True)
class Chosen:
    """`sold_on`: by which day they were chosen, where that is not the conversion's own."""

    terms: Terms
    sold_on: dt.date | None = None


class Agreements:
    """All that was ever agreed with some payees, to be asked about any of their days."""

    def __init__(self, memberships: Iterable[GroupMembership], terms: Iterable[Terms]):
        self._groups: dict[PayeeKey, list[GroupMembership]] = defaultdict(list)
        self._terms: dict[ScopeKey, list[Terms]] = defaultdict(list)
        self._built_in = Terms.built_in()
        for membership in memberships:
            self._groups[membership.payee_type, membership.payee_id].append(membership)
        for each in terms:
            self._terms[_scope_of(each)].append(each)

    def at(self, payee: PayeeKey, currency: str, on: dt.date) -> Terms:
        """Within a scope, those of the currency come before those of any."""
        for scope in self._scopes(payee, on):
            fits = [t for t in self._terms.get(scope, ()) if t.is_in_effect(on) and t.currency in (currency, None)]
            if fits:
                return max(fits, key=lambda terms: terms.currency is not None)
        return self._built_in

    def for_conversion(self, payee: PayeeKey, currency: str, on: dt.date, first_sold: dt.date | None) -> Chosen:
        """`first_sold`: of a renewal, the day of the first conversion with its policy (see `first_sales`)."""
        now = self.at(payee, currency, on)
        if not now.renewals_as_sold or first_sold is None or first_sold >= on:
            return Chosen(now)
        return Chosen(self.at(payee, currency, first_sold), first_sold)

    def _scopes(self, payee: PayeeKey, on: dt.date) -> Iterable[ScopeKey]:
        yield payee
        for membership in self._groups.get(payee, ()):
            if membership.starts_on <= on and (membership.ends_on is None or on <= membership.ends_on):
                yield membership.group_id
        yield None


def _scope_of(terms: Terms) -> ScopeKey:
    if terms.payee_type and terms.payee_id:
        return terms.payee_type, terms.payee_id
    return terms.group_id


def agreements_of(payees: Collection[PayeeKey]) -> Agreements:
    """Two queries, however many payees."""
    ids = sorted({pk for _, pk in payees})
    memberships = list(GroupMembership.objects.filter(payee_id__in=ids))
    # Of a group all terms, though it may have others than these payees: groups are few.
    groups = {membership.group_id for membership in memberships}
    return Agreements(
        memberships,
        Terms.objects.filter(Q(payee_id__in=ids) | Q(group__in=groups) | Q(payee_type=None, group=None)),
    )


def first_sales(conversions: Collection[UUID]) -> dict[UUID, dt.date]:
    """Of the renewals among these conversions, the day on which their policy was first sold. Two queries."""
    renewals = dict(
        Conversion.objects.filter(pk__in=conversions, type=RENEWAL, policy_id__isnull=False).values_list(
            "pk", "policy_id"
        )
    )
    sales = Conversion.objects.filter(policy_id__in=set(renewals.values())).order_by().values("policy_id")
    first = dict(sales.annotate(first=Min("occurred_at")).values_list("policy_id", "first"))
    return {pk: first[policy].astimezone(dt.UTC).date() for pk, policy in renewals.items()}


def hold_terms() -> None:
    """For who books, at the beginning of its transaction: until it ends, no terms end, begin or change their group."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({LOCK})")
