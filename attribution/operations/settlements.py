"""Carry out what a dispute's resolution decided about the shares of one conversion, in one balanced step."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from attribution import settling
from attribution.announcing import announce_changed
from attribution.earlier import Undone, check_confirmed, undone
from attribution.models import AttributionRecord, Settlement, SettlementLine, Status
from attribution.operations import resharing
from attribution.operations.consequences import OtherConversion, other_conversions
from attribution.operations.settled_rows import write
from attribution.schedule import Payments
from attribution.settling import Change, Decision, Part, Payee, Way
from attribution.standing import Standing, lock_conversion, shared, standing
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions.models import Conversion
from partners.models import Broker, Partner, uuid7
from touchpoints.models import Touchpoint

PAYEES = {"partner": Partner, "broker": Broker}


class NothingToShare(DomainError):
    """Nothing is left of the conversion, or no model pays for it."""

    code = "nothing_to_share"


class SharesOutdated(DomainError):
    """The records don't add up to what is left of the conversion: it changed since they were calculated."""

    code = "shares_outdated"


class NothingChanges(DomainError):
    code = "nothing_changes"


@dataclass(frozen=True)
class Plan:
    """The set of shares as it stands and as it would be. `touchpoint` is the one that is to be stored, if any; `undoes`
    what would change of earlier decisions; `others` the lead's conversions that the stored touch changes too; `paid`
    records that were paid out and are disputed now."""

    conversion: Conversion
    model: str
    changes: list[Change]
    touchpoint: Touchpoint | None = None
    undoes: Sequence[Undone] = ()
    others: Sequence[OtherConversion] = ()
    paid: Collection[UUID] = ()

    def by_payee(self) -> dict[Payee, dict[str, Decimal]]:
        """What each payee has before and after, over all touches. `paid`: of what it has, what was paid out, less what
        was booked beside it since."""
        sums: dict[Payee, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for change in self.changes:
            of = sums[change.payee]
            for name in ("revenue_before", "revenue", "commission_before", "commission"):
                of[name] += getattr(change, name)
            if change.standing is None:
                continue
            if change.how == "adjustment":
                of["adjusted"] += change.commission_change
            if change.standing.record.status == Status.PAID or change.standing.record.pk in self.paid:
                of["paid"] += change.commission_before
        return {payee: dict(of) for payee, of in sums.items()}

    @property
    def commission_moved(self) -> Decimal:
        return sum((max(change.commission_change, Decimal(0)) for change in self.changes), Decimal(0))


def plan_settlement(
    *,
    conversion_id: UUID,
    decision: Decision,
    statuses: Mapping[UUID, str] | None = None,
    paid: Collection[UUID] = (),
) -> Plan:
    """What the decision would do to every payee, and to the lead's other conversions. Nothing is written.

    statuses: of records that would be released first, by id. paid: see Plan. Raises ValidationError by field,
    NothingToShare, SharesOutdated, OnlyTouch; NothingChanges and UndoesDecisions are left to `settle`.
    """
    conversion = Conversion.objects.get(pk=conversion_id)
    plan = _plan(conversion, decision, _standing(conversion, AttributionRecord.objects.all(), statuses))
    others = other_conversions(conversion, plan.touchpoint) if plan.touchpoint else []
    return replace(plan, others=others, paid=paid)


@transaction.atomic
def settle(
    *,
    conversion_id: UUID,
    decision: Decision,
    dispute_id: UUID,
    reason: str,
    by: Any,
    confirmed: Collection[UUID] = (),
) -> Settlement:
    """Carry the decision out: new versions of records that nobody has approved, adjustments beside the others.

    confirmed: earlier settlements that it may undo. The database refuses to commit what does not add up to the
    conversion or is not zero-sum. Waits for a calculation that has the lead. Raises what `plan_settlement` does,
    NothingChanges and UndoesDecisions.
    """
    conversion = lock_conversion(conversion_id)
    plan = _plan(conversion, decision, _standing(conversion, AttributionRecord.objects.select_for_update()))
    if not any(change.changes for change in plan.changes):
        raise NothingChanges("Everybody has that already.")
    check_confirmed(plan.undoes, confirmed)
    settlement = Settlement.objects.create(
        conversion_id=conversion.pk,
        lead_id=conversion.lead_id,
        model=plan.model,
        way=decision.way,
        question=_question(decision, plan),
        reason=reason,
        currency=conversion.currency,
        revenue=conversion.remaining_value,
        commission=conversion.remaining_commission or Decimal(0),
        dispute_id=dispute_id,
        created_by=by,
    )
    with because(reason=reason, dispute=str(dispute_id), user=by and by.pk):
        if plan.touchpoint is not None:
            plan.touchpoint.save(force_insert=True)
        write(plan.changes, settlement)
    announce_changed(conversion.pk, {change.payee for change in plan.changes if change.changes})
    return settlement


def _standing(conversion: Conversion, records_of_it: Any, statuses: Mapping[UUID, str] | None = None) -> list[Standing]:
    return standing(conversion, records_of_it.filter(payable=True), statuses=statuses)


def _plan(conversion: Conversion, decision: Decision, stands: list[Standing]) -> Plan:
    _check_payees(decision)
    model = _model_of(conversion, stands)
    _check_adds_up(conversion, stands)
    parts = settling.parts_of(stands)
    touchpoint = _touchpoint(conversion, decision) if decision.way == Way.INSERT else None
    wanted = _wanted(conversion, model, decision, parts, touchpoint)
    shares = shared(conversion, [Decimal(part.units).scaleb(-10) for part in wanted])
    found = settling.changes(stands, wanted, shares)
    undoes = undone(conversion.pk, decision, parts, wanted)
    return Plan(conversion, model, [*_unattributed(conversion, stands), *found], touchpoint, undoes)


def _wanted(
    conversion: Conversion, model: str, decision: Decision, parts: list[Part], touchpoint: Touchpoint | None
) -> list[Part]:
    match decision.way:
        case Way.REASSIGN:
            return settling.reassigned(parts, decision)
        case Way.SPLIT:
            return settling.split(parts, decision)
        case Way.BY_HAND:
            back = resharing.returned(conversion, parts, [share.touchpoint_id for share in decision.shares])
            wanted = settling.by_hand(parts, decision, back)
            _check_active("shares", back, wanted)
            return wanted
        case Way.EXCLUDE:
            return resharing.without(conversion, model, decision, parts)
        case Way.RESTORE:
            back = resharing.returned(conversion, parts, [decision.touchpoint_id])
            _check_active("touchpoint_id", back, back)
            return resharing.with_returned(conversion, model, decision, parts, back)
        case Way.INSERT if touchpoint is not None:
            return resharing.with_inserted(conversion, model, decision, parts, touchpoint)
        case _:
            raise ValidationError({"way": ValidationError(f"{decision.way} is no way.", code="invalid_choice")})


def _check_payees(decision: Decision) -> None:
    for name, payee in decision.payees():
        _check_payee(name, payee)


def _check_active(name: str, back: list[Part], wanted: list[Part]) -> None:
    """Who gets a touch back is named by what it had, not by the decision."""
    had = {part.key for part in back}
    for part in wanted:
        if part.key in had:
            _check_payee(name, part.payee)


def _check_payee(name: str, payee: Payee) -> None:
    kind, pk = payee
    if kind == "house" and not pk:
        return
    if kind not in PAYEES:
        raise ValidationError({name: ValidationError("Name a partner, a broker or the house.", code="invalid")})
    if not PAYEES[kind].objects.filter(pk=pk).active().exists():
        raise ValidationError({name: ValidationError(f"There is no active {kind} {pk}.", code="inactive_payee")})


def _model_of(conversion: Conversion, stands: list[Standing]) -> str:
    model = stands[0].record.model if stands else Payments.stored().model_at(conversion.occurred_at)
    if model is None or not (conversion.remaining_value or conversion.remaining_commission):
        raise NothingToShare("Nothing of this conversion is left to share, or no model pays for its day.")
    return model


def _check_adds_up(conversion: Conversion, stands: list[Standing]) -> None:
    total = sum(each.revenue for each in stands), sum(each.commission for each in stands)
    if stands and total != (conversion.remaining_value, conversion.remaining_commission or Decimal(0)):
        raise SharesOutdated("The conversion changed since its records were calculated: have it calculated first.")


def _unattributed(conversion: Conversion, stands: list[Standing]) -> list[Change]:
    """What had no payee is taken from the house."""
    if stands:
        return []
    value, commission = conversion.remaining_value, conversion.remaining_commission or Decimal(0)
    before = {"revenue_before": value, "commission_before": commission}
    return [Change(0, None, settling.HOUSE, None, SettlementLine.How.UNATTRIBUTED, **before)]


def _touchpoint(conversion: Conversion, decision: Decision) -> Touchpoint:
    """The touch that was missing, as it will be stored."""
    touch = decision.touch
    if touch is None or decision.payee is None:
        name = "touch" if touch is None else "payee_id"
        raise ValidationError({name: ValidationError("Which touch, and whose?", code="required")})
    if touch.timestamp > conversion.occurred_at:
        message = "After the conversion: touches after it never count."
        raise ValidationError({"touch.timestamp": ValidationError(message, code="after_conversion")})
    kind, pk = decision.payee
    touchpoint = Touchpoint(
        id=uuid7(),
        lead_id=conversion.lead_id,
        channel=touch.channel,
        timestamp=touch.timestamp,
        source=touch.source,
        campaign=touch.campaign,
        medium="dispute",
        partner_id=pk if kind == "partner" else None,
        broker_id=pk if kind == "broker" else None,
    )
    try:
        touchpoint.full_clean(exclude=["id"])
    except ValidationError as error:
        raise ValidationError({f"touch.{name}": each for name, each in error.error_dict.items()}) from error
    return touchpoint


def _question(decision: Decision, plan: Plan) -> dict[str, Any]:
    """With the earlier settlements that whoever decided knew it to undo."""
    asked = asdict(decision) | {"undoes": [each.settlement.pk for each in plan.undoes]}
    return {name: _plain(value) for name, value in asked.items() if value not in (None, (), [], False)}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items() if each is not None}
        case list() | tuple():
            return [_plain(each) for each in value]
        case dt.datetime():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
        case _:
            return value
