"""What a calculation would give payees otherwise, were their records not decided: proposed, for a person to accept."""

import datetime as dt
from collections.abc import Collection, Iterator
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone

from attribution.models import AttributionRecord, Finding
from conversions import currencies
from payouts.models import Entry, Proposal
from payouts.terms.choosing import agreements_of

NOTHING = Decimal(0)
HOUSE = "house"
Payee = tuple[str, str]


def propose_differences(findings: Collection[int]) -> int:
    """A proposal for each payee of the findings that would have another commission. One that waits and says otherwise
    is superseded; what was accepted before counts as given. Answers how many are new."""
    return sum(_propose(finding) for finding in Finding.objects.filter(pk__in=findings).order_by("pk"))


def _propose(finding: Finding) -> int:
    record = AttributionRecord.objects.filter(
        conversion_id=finding.conversion_id, model=finding.model, payable=True
    ).first()
    if record is None:
        return 0
    waiting = {_payee(each): each for each in _proposals(finding.conversion_id, Proposal.Status.PROPOSED)}
    wanted = dict(_wanted(finding, record))
    for payee, proposal in waiting.items():
        if wanted.get(payee) == proposal.amount:
            del wanted[payee]
        else:
            _supersede(proposal)
    new = Proposal.objects.bulk_create(
        _proposal(finding, record, payee, amount) for payee, amount in wanted.items() if amount
    )
    return len(new)


def _wanted(finding: Finding, record: AttributionRecord) -> Iterator[tuple[Payee, Decimal]]:
    """By payee, what it would be given or asked for: the difference of its commission, under its terms."""
    stored, new = finding.detail["stored"], finding.detail["new"]
    accepted = _proposals(finding.conversion_id, Proposal.Status.ACCEPTED).order_by()
    given = {
        (kind, pk): amount
        for kind, pk, amount in accepted.values_list("payee_type", "payee_id").annotate(Sum("amount"))
    }
    for name in sorted({*stored, *new}):
        kind, _, pk = name.partition(":")
        if kind != HOUSE:
            has, would = (Decimal(side.get(name, {}).get("commission", 0)) for side in (stored, new))
            yield (kind, pk), _under_terms(would - has, (kind, pk), record) - given.get((kind, pk), NOTHING)


def _under_terms(difference: Decimal, payee: Payee, record: AttributionRecord) -> Decimal:
    """By the rate that the payee's entries of the conversion came out at; without any, by the rate of its terms.
    Rounded towards nothing."""
    kind, pk = payee
    earned = Entry.objects.of(kind, pk).filter(conversion_id=record.conversion_id, kind=Entry.Kind.EARNING)
    sums = earned.aggregate(amount=Sum("amount"), share=Sum("share"))
    unit = currencies.smallest_unit(record.currency)
    if sums["share"]:
        exact = difference * sums["amount"] / sums["share"]
    else:
        day = record.occurred_at.astimezone(dt.UTC).date()
        exact = difference * agreements_of([payee]).at(payee, record.currency, day).rate / 100
    return (exact / unit).to_integral_value(ROUND_DOWN) * unit


def _proposals(conversion_id: UUID, status: str) -> QuerySet[Proposal]:
    return Proposal.objects.filter(kind=Proposal.Kind.RECALCULATION, conversion_id=conversion_id, status=status)


def _payee(proposal: Proposal) -> Payee:
    return proposal.payee_type, proposal.payee_id


def _supersede(proposal: Proposal) -> None:
    proposal.status, proposal.decided_at = Proposal.Status.SUPERSEDED, timezone.now()
    proposal.decision_note = "A later calculation says otherwise."
    proposal.save(update_fields=["status", "decided_at", "decision_note"])


def _proposal(finding: Finding, record: AttributionRecord, payee: Payee, amount: Decimal) -> Proposal:
    kind, pk = payee
    return Proposal(
        kind=Proposal.Kind.RECALCULATION,
        payee_type=kind,
        payee_id=pk,
        currency=record.currency,
        amount=amount,
        conversion_id=finding.conversion_id,
        reason=f"Calculated again under {finding.get_model_display()}, the payee's commission is {amount:+f} off.",
    )
