"""What the bank answers to a bank file: looked at in whole first, then done in whole, once."""

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from payouts.banking import keeping
from payouts.exports.results import Answer, Result, read_answer
from payouts.models import BankFile, Entry, Export, Exported, Kind, Payout, Status
from payouts.operations.paying import Payment, pay_together
from payouts.operations.payouts import return_payment

SHOWN = 20
DAY = dt.timedelta(days=1)
PAID, REJECTED, RETURNED, KNOWN, CONFLICT = "paid", "rejected", "returned", "known", "conflict"


class AnswerRefused(DomainError):
    """`problems` names each row that is not an answer to this file; the words have the first."""

    code = "answer_refused"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = problems
        more = f" And {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        super().__init__(" ".join(problems[:SHOWN]) + more)


class AnswerChanged(DomainError):
    """What it would do is not what was looked at."""

    code = "answer_changed"


@dataclass(frozen=True)
class Effect:
    """What one row of the answer does: the payout is `paid`, `rejected` or `returned`; or all of that is `known`
    already; or it is a `conflict`, of which nothing is booked: `why` is for the person who looks into it."""

    order: Exported
    result: Result
    effect: str
    why: str = ""

    def told(self) -> dict[str, Any]:
        told = asdict(self.result) | {"payout": str(self.order.payout), "payout_id": str(self.order.payout_id)}
        told |= {"amount": str(self.order.amount), "currency": self.order.payout.currency}
        return told | {"date": str(self.result.date), "effect": self.effect, "why": self.why}


@dataclass(frozen=True)
class Outcome:
    """What an answer would do. `digest` is of its bytes and of all its effects."""

    effects: Sequence[Effect]
    waiting: int
    digest: str

    @property
    def counts(self) -> Counter[str]:
        return Counter(each.effect for each in self.effects)


def preview_bank_answer(*, export_id: UUID, content: bytes) -> Outcome:
    """What it would do. Changes nothing. Raises as `import_bank_answer`."""
    export = Export.objects.defer("content").get(pk=export_id)
    answer_taken(export, content)
    return _looked_at(export, content)


@transaction.atomic
def import_bank_answer(*, export_id: UUID, name: str, content: bytes, by: Any, seen: str = "") -> BankFile:
    """Book what the bank says became of the file's orders, all of it or nothing. The same bytes again are answered with
    what came of them first, and change nothing. `seen` is the digest of the outcome that somebody looked at.

    Raises UnreadableAnswer, AnswerRefused, AnswerChanged."""
    export = Export.objects.defer("content").select_for_update(no_key=True).get(pk=export_id)
    if known := answer_taken(export, content):
        return known
    list(Payout.objects.select_for_update().filter(orders__export=export).order_by("number").values_list("pk"))
    outcome = _looked_at(export, content)
    if seen and seen != outcome.digest:
        raise AnswerChanged("What it would do is not what you saw: something was booked meanwhile. Look at it again.")
    counts = outcome.counts
    answer = BankFile.objects.create(
        export=export,
        name=name[:255],
        content=keeping.sealed_file(content),
        sha256=hashlib.sha256(content).hexdigest(),
        outcome=[each.told() for each in outcome.effects],
        paid=counts[PAID],
        rejected=counts[REJECTED],
        returned=counts[RETURNED],
        conflicts=counts[CONFLICT],
        imported_by=by,
    )
    with because(reason=f"Answer to {export.reference}: {answer.name}"):
        _do(outcome.effects, answer, by)
    return answer


def answer_content(answer: BankFile) -> bytes:
    """The file as it came."""
    return keeping.opened_file(bytes(answer.content), answer.sha256)


def answer_taken(export: Export, content: bytes) -> BankFile | None:
    """The answer of these bytes, if they were taken before. Raises AnswerRefused if that was for another file."""
    known = BankFile.objects.filter(sha256=hashlib.sha256(content).hexdigest()).select_related("export")
    answer = known.defer("content", "export__content").first()
    if answer and answer.export_id != export.pk:
        raise AnswerRefused([f"This file was taken as the answer to {answer.export.reference} already."])
    return answer


def _looked_at(export: Export, content: bytes) -> Outcome:
    answer, now = read_answer(content), timezone.now()
    orders = _orders(export)
    results = _results(answer, orders, now)
    if problems := [text for text in _problems(export, answer, results, orders, now) if text]:
        raise AnswerRefused(problems)
    returned = _returned([orders[each.end_to_end_id] for each in results])
    effects = [_effect(orders[each.end_to_end_id], each, returned) for each in results]
    effects.sort(key=lambda each: each.order.payout.number)
    told = json.dumps([hashlib.sha256(content).hexdigest(), [each.told() for each in effects]])
    return Outcome(effects, answer.waiting, hashlib.sha256(told.encode()).hexdigest())


def _orders(export: Export) -> dict[str, Exported]:
    orders = list(export.orders.select_related("payout"))
    for order in orders:
        order.export = export
    return {order.end_to_end_id: order for order in orders}


def _returned(orders: Sequence[Exported]) -> set[UUID]:
    """Payouts that the bank sent back before."""
    entries = Entry.objects.filter(kind=Kind.RETURNED, payout_id__in=[each.payout_id for each in orders])
    return {pk for pk in entries.values_list("payout_id", flat=True) if pk}


def _results(answer: Answer, orders: dict[str, Exported], now: dt.datetime) -> Sequence[Result]:
    """A file that the bank took nothing of names no payments: it rejects them all."""
    if not answer.refused:
        return answer.results
    return [Result(name, REJECTED, None, "", now.astimezone(dt.UTC).date(), answer.refused) for name in orders]


def _problems(
    export: Export, answer: Answer, results: Sequence[Result], orders: dict[str, Exported], now: dt.datetime
) -> Iterator[str]:
    if answer.export and answer.export != export.reference:
        yield f"It answers {answer.export}, not {export.reference}."
        return
    if answer.refused and not answer.export:
        yield "It refuses a file and does not say which."
    for each in results:
        if order := orders.get(each.end_to_end_id):
            yield from _wrong(each, order, export, now)
        else:
            yield f"{each.end_to_end_id} is not in {export.reference}."


def _wrong(result: Result, order: Exported, export: Export, now: dt.datetime) -> Iterator[str]:
    """A day more on either side: banks write the day of their own clocks."""
    name = result.end_to_end_id
    if result.amount is not None and result.amount != order.amount:
        yield f"{name}: {result.amount} is not the {order.amount} that was ordered."
    if result.currency and result.currency != order.payout.currency:
        yield f"{name}: {result.currency} is not the {order.payout.currency} that was ordered."
    if result.date is None:
        yield f"{name}: it does not say when."
    elif result.date > (now + DAY).date():
        yield f"{name}: {result.date} is still to come."
    elif result.date < (export.made_at - DAY).date():
        yield f"{name}: on {result.date} the file was not made yet."


def _effect(order: Exported, result: Result, returned: set[UUID]) -> Effect:
    said, payout = result.status, order.payout
    if order.refused_in_id:
        why = "" if said == REJECTED else "The bank said before that it did not pay it. Ask the bank."
        return Effect(order, result, CONFLICT if why else KNOWN, why)
    if payout.status == Status.VOID:
        why = "" if said == REJECTED else f"{payout} is void: nothing is booked. Ask the bank for the money."
        return Effect(order, result, CONFLICT if why else REJECTED, why)
    if payout.status == Status.APPROVED or (said == RETURNED and payout.pk not in returned):
        return Effect(order, result, said)
    why = f"{payout} is paid here. If the bank is right, book that it came back." if said == REJECTED else ""
    return Effect(order, result, CONFLICT if why else KNOWN, why)


def _do(effects: Sequence[Effect], answer: BankFile, by: Any) -> None:
    # What came back went out before.
    paid = [each for each in effects if each.effect in {PAID, RETURNED}]
    pay_together([_payment(each) for each in paid if each.order.payout.status == Status.APPROVED], by)
    for each in effects:
        if each.effect == RETURNED:
            return_payment(payout_id=each.order.payout_id, reason=_reason(each.result), by=by)
    rejected = [each.order for each in effects if each.effect == REJECTED]
    Exported.objects.filter(pk__in=[order.pk for order in rejected]).update(refused_in=answer)
    payouts = Payout.objects.filter(pk__in=[order.payout_id for order in rejected], status=Status.APPROVED)
    payouts.update(exported_at=None)


def _payment(effect: Effect) -> Payment:
    """Its moment lies on the bank's day, and not before it was approved."""
    payout, result = effect.order.payout, effect.result
    assert result.date is not None
    day = dt.datetime.combine(result.date, dt.time(), dt.UTC)
    paid_at = min(max(day, payout.approved_at or day), timezone.now())
    return Payment(payout, paid_at, (result.reference or result.end_to_end_id)[:140])


def _reason(result: Result) -> str:
    return f"Returned by the bank on {result.date}. {result.reason}".strip()
