"""Writes of partners and brokers: one or many, by the ids that the platform gave them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from partners.models import Payee

WRITTEN = ("name", "status", "contact_name", "contact_email", "contact_phone", "updated_at")


@dataclass(frozen=True)
class Outcome:
    """What became of one row: a payee, new, changed or neither, or the error that refuses it."""

    payee: Payee | None = None
    is_new: bool = False
    is_changed: bool = False
    error: ValidationError | None = None

    @property
    def id(self) -> str | None:
        return self.payee.pk if self.payee else None


def save_payee(*, model: type[Payee], values: Mapping[str, Any]) -> tuple[Payee, bool]:
    """Store a payee under its id, or change what is named of the one that is there. True says that it is new."""
    [outcome] = save_payees(model=model, rows=[values])
    if outcome.error:
        raise outcome.error
    assert outcome.payee, "what is not refused is stored"
    return outcome.payee, outcome.is_new


@transaction.atomic
def save_payees(*, model: type[Payee], rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Store every row that can be, and tell of each what became of it, in the order given."""
    _lock(model)
    known = _stored(model, {row["id"] for row in rows})
    before = set(known)
    outcomes = [_judged(model, row, known) for row in rows]
    changed = {outcome.payee.pk for outcome in outcomes if outcome.payee and outcome.is_changed}
    model._default_manager.bulk_create([payee for payee in known.values() if payee.pk not in before])
    model._default_manager.bulk_update([known[pk] for pk in sorted(changed & before)], WRITTEN, batch_size=500)
    return outcomes


@transaction.atomic
def change_payee(*, model: type[Payee], payee_id: str, changes: Mapping[str, Any]) -> Payee:
    """Change the named columns of a payee that is there."""
    payee = model._default_manager.select_for_update().get(pk=payee_id)
    if _apply(payee, changes):
        payee.save(update_fields=WRITTEN)
    return payee


def _lock(model: type[Payee]) -> None:
    """Of two calls that bring one new id the second waits, and then finds it. They are few: one lock will do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{model._meta.label_lower} is written"])


def _stored(model: type[Payee], ids: Iterable[str]) -> dict[str, Payee]:
    found = model._default_manager.filter(pk__in=ids).select_for_update().order_by("pk")
    return {payee.pk: payee for payee in found}


def _judged(model: type[Payee], row: Mapping[str, Any], known: dict[str, Payee]) -> Outcome:
    payee = known.get(row["id"])
    if payee is not None:
        return Outcome(payee=payee, is_changed=_apply(payee, row))
    if not row.get("name"):
        return Outcome(error=ValidationError({"name": ValidationError("A new one needs a name.", code="required")}))
    known[row["id"]] = payee = model(**row)
    return Outcome(payee=payee, is_new=True)


def _apply(payee: Payee, changes: Mapping[str, Any]) -> bool:
    """Whether anything is another than it was."""
    changed = {name: value for name, value in changes.items() if getattr(payee, name) != value}
    for name, value in changed.items():
        setattr(payee, name, value)
    if changed:
        payee.updated_at = timezone.now()
    return bool(changed)
