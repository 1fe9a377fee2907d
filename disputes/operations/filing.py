"""A claim is made: its record is frozen, the system lays its evidence beside it, the others are told."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

import attribution.operations
from attribution.models import AttributionRecord, Status, with_net
from attribution.schedule import Payments
from attribution.standing import lock_record
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions.models import Conversion
from disputes import announcing, packs
from disputes.actors import Actor, Payee
from disputes.clock import BusinessHours
from disputes.models import Dispute, Party
from disputes.operations.evidence import add_data
from partners.models import Broker, Partner

PAYEES = {"partner": Partner, "broker": Broker}


class AlreadyDisputed(DomainError):
    """One dispute of the payee about it is open."""

    code = "already_disputed"


class NoMoney(DomainError):
    """Nothing hangs on the record: no commission is paid under its model, or nothing of it is left."""

    code = "no_money"


class InHold(DomainError):
    """The record is pending: it is not anybody's money yet, and is calculated anew when its journey changes."""

    code = "in_hold"


def check_filing(
    *,
    record_id: UUID | None = None,
    conversion_id: UUID | None = None,
    claimant: Payee | None = None,
    claim: Mapping[str, Any],
    by: Actor,
) -> tuple[Payee, dict[str, Any]]:
    """What `file_dispute` would refuse, it refuses; else who would claim, and what. Nothing is written or locked."""
    _check_claim(record_id, conversion_id, claim)
    if record_id is not None:
        record = AttributionRecord.objects.get(pk=record_id)
        claimant = _claimant(claimant or _payee_of(record), by)
        return claimant, _of_record(record, claimant)
    assert conversion_id
    claimant = _claimant(claimant, by)
    subject = _of_conversion(Conversion.objects.get(pk=conversion_id), claim)
    mine = Dispute.objects.open().filter(conversion_id=conversion_id, record_id=None)
    if mine.filter(claimant_type=claimant[0], claimant_id=claimant[1]).exists():
        raise AlreadyDisputed("A dispute of this payee about it is open already.")
    return claimant, subject


@transaction.atomic
def file_dispute(
    *,
    record_id: UUID | None = None,
    conversion_id: UUID | None = None,
    claimant: Payee | None = None,
    claim: Mapping[str, Any],
    by: Actor,
) -> Dispute:
    """File a dispute about a record or, for a missing touch, about a conversion. `claim`: dispute_type, reason, and if
    wanted expected_amount and evidence (an object).

    claimant: for whom; of a record it is the payee, if nobody else is named. Who asks by a payee's key claims for that
    payee. Freezes that record alone. Raises ValidationError by field, AlreadyDisputed, NoMoney, InHold, RecordOutdated,
    and DoesNotExist for what is not the payee's.
    """
    _check_claim(record_id, conversion_id, claim)
    if record_id is not None:
        record = lock_record(record_id)
        if by.payee is not None and (record.payee_type, record.payee_id) != tuple(by.payee):
            raise AttributionRecord.DoesNotExist
        claimant = _claimant(claimant or _payee_of(record), by)
        subject = _of_record(record, claimant)
        freeze(record, claim["reason"], by)
    else:
        assert conversion_id
        conversion = Conversion.objects.get(pk=conversion_id)
        claimant = _claimant(claimant, by)
        subject = _of_conversion(conversion, claim)
    return store_dispute(subject=subject, claimant=claimant, claim=claim, by=by)


def store_dispute(
    *,
    subject: Mapping[str, Any],
    claimant: Payee,
    claim: Mapping[str, Any],
    by: Actor,
    appeal_of: Dispute | None = None,
) -> Dispute:
    """The dispute with its parties, its evidence and what is told of it. The caller froze the record."""
    now = timezone.now()
    try:
        with transaction.atomic():
            dispute = Dispute.objects.create(
                **subject,
                claimant_type=claimant[0],
                claimant_id=claimant[1],
                dispute_type=claim["dispute_type"],
                reason=claim["reason"],
                expected_amount=claim.get("expected_amount"),
                filed_by=by.user,
                filed_by_key_id=by.key_id,
                filed_at=now,
                due_at=BusinessHours.from_settings().add(now, Decimal(settings.DISPUTE_SLA_HOURS)),
                appeal_of=appeal_of,
            )
    except IntegrityError as error:
        raise AlreadyDisputed("A dispute of this payee about it is open already.") from error
    dispute.refresh_from_db(fields=["number"])
    parties = _add_parties(dispute, by)
    if claim.get("evidence"):
        add_data(dispute=dispute, party=parties[0], data=claim["evidence"], by=by)
    packs.add_pack(dispute)
    announcing.filed(dispute, parties)
    return dispute


def _check_claim(record_id: UUID | None, conversion_id: UUID | None, claim: Mapping[str, Any]) -> None:
    is_missing = claim["dispute_type"] == Dispute.Type.MISSING
    if is_missing and conversion_id is None:
        raise _refused("conversion_id", "Of which conversion is the touch missing?", "required")
    if not is_missing and record_id is None:
        raise _refused("attribution_id", "Which record is disputed?", "required")
    if record_id is not None and conversion_id is not None:
        raise _refused("conversion_id", "Give attributionId, or for a missing touch conversionId; not both.")
    if not claim["reason"].strip():
        raise _refused("reason", "Say what is wrong, and how it should be.", "required")


def _claimant(claimant: Payee | None, by: Actor) -> Payee:
    if by.payee is not None:
        if claimant is not None and tuple(claimant) != tuple(by.payee):
            raise _refused("claimant_id", "A key claims for its own partner or broker alone.")
        return by.payee
    if claimant is None or claimant[0] not in PAYEES:
        raise _refused("claimant_id", "For which partner or broker is it filed?", "required")
    if not PAYEES[claimant[0]].objects.filter(pk=claimant[1]).exists():
        raise _refused("claimant_id", f"There is no {claimant[0]} {claimant[1]}.", "does_not_exist")
    return claimant


def _payee_of(record: AttributionRecord) -> Payee | None:
    return (record.payee_type, record.payee_id) if record.payee_id else None


def _of_record(record: AttributionRecord, claimant: Payee) -> dict[str, Any]:
    mine = Dispute.objects.open().filter(record_id=record.pk)
    if mine.filter(claimant_type=claimant[0], claimant_id=claimant[1]).exists():
        raise AlreadyDisputed("A dispute of this payee about the record is open already.")
    net = with_net(AttributionRecord.objects.filter(pk=record.pk)).values("net_revenue", "net_commission").get()
    if not record.payable:
        raise NoMoney("No commission is paid under this model: the record is for analysis only.")
    if not (net["net_revenue"] or net["net_commission"]):
        raise NoMoney("Nothing of this record is left: there is no money to dispute.")
    if record.status == Status.PENDING:
        raise InHold("The record is in its hold: it is calculated anew until that ends. Dispute it then.")
    return {
        "record_id": record.pk,
        "conversion_id": record.conversion_id,
        "lead_id": record.lead_id,
        "model": record.model,
        "currency": record.currency,
        "at_stake": net["net_commission"],
        "record_status_before": status_before(record),
    }


def status_before(record: AttributionRecord) -> str:
    """Where it goes back to: another dispute may have frozen it already."""
    if record.status != Status.DISPUTED:
        return record.status
    others = Dispute.objects.open().holding(record.pk)
    return others.values_list("record_status_before", flat=True)[0]


def freeze(record: AttributionRecord, reason: str, by: Actor) -> None:
    """Under the record's lock. Nothing but its status moves. Raises RecordOutdated."""
    if record.status == Status.DISPUTED:
        return
    attribution.operations.check_shares(record)
    with because(reason=f"Disputed: {reason}", user=by.user and by.user.pk):
        record.status = Status.DISPUTED
        record.save(update_fields=["status"])


def _of_conversion(conversion: Conversion, claim: Mapping[str, Any]) -> dict[str, Any]:
    if not (conversion.remaining_value or conversion.remaining_commission):
        raise NoMoney("Nothing of this conversion is left: there is no money to dispute.")
    paid = AttributionRecord.objects.filter(conversion_id=conversion.pk, payable=True)
    model = paid.values_list("model", flat=True).first() or Payments.stored().model_at(conversion.occurred_at)
    if model is None:
        raise NoMoney("No model pays commission for the day of this conversion.")
    return {
        "conversion_id": conversion.pk,
        "lead_id": conversion.lead_id,
        "model": model,
        "currency": conversion.currency,
        "at_stake": claim.get("expected_amount") or Decimal(0),
    }


def _add_parties(dispute: Dispute, by: Actor) -> list[Party]:
    """The claimant first, then whoever else has a share in the conversion."""
    whose = _whose(dispute, by)
    records = AttributionRecord.objects.filter(conversion_id=dispute.conversion_id, model=dispute.model)
    others = records.exclude(payee_type="house").values_list("payee_type", "payee_id").order_by("position")
    payees = [dispute.claimant, *(each for each in dict.fromkeys(others) if each != dispute.claimant)]
    roles = [Party.Role.CLAIMANT, *[Party.Role.RESPONDENT] * (len(payees) - 1)]
    return Party.objects.bulk_create(
        Party(dispute=dispute, payee_type=kind, payee_id=pk, role=role, is_of_record=(kind, pk) == whose)
        for (kind, pk), role in zip(payees, roles, strict=True)
    )


def _whose(dispute: Dispute, by: Actor) -> Payee | None:
    """Whose own it is what is disputed: the record's payee, as it is now. A missing touch is its claimant's, unless the
    house filed for somebody who has no share in the conversion, and may never have heard of the lead."""
    records = AttributionRecord.objects.filter(conversion_id=dispute.conversion_id)
    if dispute.record_id is not None:
        payee: Payee | None = records.filter(pk=dispute.record_id).values_list("payee_type", "payee_id").first()
        return payee
    kind, pk = dispute.claimant
    mine = {"payee_type": kind, "payee_id": pk}
    if dispute.appeal_of is None:
        knows = by.payee is not None
    else:
        had_a_share = Q(role=Party.Role.RESPONDENT) | Q(is_of_record=True)
        knows = dispute.appeal_of.parties.filter(had_a_share, **mine).exists()
    return dispute.claimant if knows or records.filter(**mine).exists() else None


def _refused(name: str, message: str, code: str = "invalid") -> ValidationError:
    return ValidationError({name: ValidationError(message, code=code)})
