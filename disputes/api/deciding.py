"""Filing and deciding, one or many: each row stands or falls by itself."""

from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError

from attribution_site.api.bulk import store_each
from attribution_site.isolation import as_owner
from disputes import operations
from disputes.api.asking import actor_of, check_is_the_askers, decider_of
from disputes.api.forms import ClaimSerializer, ResolutionLineSerializer
from disputes.models import Dispute
from disputes.operations import bulk

OF_DECISION = {"way", "touchpoint_id", "payee_id", "percentage", "shares", "spread", "touch"}


@dataclass(frozen=True)
class Stored:
    """As `store_each` asks for it."""

    id: UUID | None
    error: Exception | None
    is_new: bool
    is_changed: bool = False


def file_one(request, *, record_id, conversion_id, claimant, claim):
    check_is_the_askers(request, record_id=record_id, conversion_id=conversion_id)
    with as_owner():
        return operations.file_dispute(
            record_id=record_id, conversion_id=conversion_id, claimant=claimant, claim=claim, by=actor_of(request)
        )


def decide_one(request, dispute_id, values, *, within=None):
    """`within`: the field that has the decision, which refusals name before those of the decision's own."""
    by = decider_of(request, values.get("resolved_by"))
    words = {"dispute_id": dispute_id, "resolution": values["resolution"], "by": by}
    if values["status"] == Dispute.Status.REJECTED:
        return operations.reject_dispute(rejection=values["rejection"], **words)
    with errors_within(within):
        return operations.resolve_dispute(
            decision=values.get("adjustments"), confirmed=values.get("confirm_undoing", ()), **words
        )


def file_each(request, items):
    def file(**row):
        return file_one(request, **row)

    return _each(items, ClaimSerializer(), file)


def decide_each(request, items, disputes):
    def decide(id=None, number=None, **row):
        named = {"pk": id} if id else {"number": number}
        return decide_one(request, disputes.values_list("pk", flat=True).get(**named), row)

    return _each(items, ResolutionLineSerializer(), decide)


def _each(items, serializer, do):
    def store(rows):
        return [_stored(outcome) for outcome in bulk.each(rows, do)]

    return store_each(items, most=bulk.MOST_ROWS, serializer=serializer, store=store)


def _stored(outcome):
    pk = outcome.dispute.pk if outcome.dispute else None
    return Stored(id=pk, error=outcome.error, is_new=outcome.error is None)


@contextmanager
def errors_within(name):
    try:
        yield
    except ValidationError as error:
        if name is None or not hasattr(error, "error_dict"):
            raise
        raise ValidationError({_named(name, field): each for field, each in error.error_dict.items()}) from None


def _named(name, field):
    return f"{name}.{field}" if field.split(".")[0] in OF_DECISION else field
