"""Under which conditions payees are paid: what is agreed with them, whether they are active, where the money goes."""

from collections.abc import Sequence

from partners.models import Broker, Partner
from payouts.due import Conditions
from payouts.models import Hold

Key = tuple[str, str, str]
PAYEES = {"partner": Partner, "broker": Broker}


def of_payees(keys: Sequence[Key]) -> dict[Key, Conditions]:
    """By payee and currency; some queries for all of them."""
    names = {
        (kind, payee.pk): payee
        for kind, model in PAYEES.items()
        for payee in model.objects.filter(pk__in={pk for each, pk, _ in keys if each == kind})
    }
    holds = Hold.objects.filter(lifted_at=None, payee_id__in={pk for _, pk, _ in keys})
    held = {(hold.payee_type, hold.payee_id): hold.reason for hold in holds}
    found = {}
    for kind, pk, currency in keys:
        payee = names.get((kind, pk))
        found[kind, pk, currency] = Conditions(
            name=payee.name if payee else pk,
            is_active=payee is not None and payee.status == payee.Status.ACTIVE,
            on_hold=held.get((kind, pk), ""),
        )
    return found
