"""What a person may change of a single record by hand."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from attribution import announcing
from attribution.models import EDGES, FROZEN, Adjustment, AttributionRecord, Status
from attribution.operations.approvals import check_in_effect
from attribution.standing import lock_record
from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from partners.models import Broker, Partner


class NotAllowedNow(DomainError):
    """The record's status forbids the change."""

    code = "not_allowed_now"


@transaction.atomic
def change_record(
    *,
    record_id: UUID,
    status: str | None = None,
    payee_type: str | None = None,
    payee_id: str | None = None,
    reason: str,
    by: Any,
) -> AttributionRecord:
    """Move a record along the allowed edges, or give an unpaid one to another payee; the audit row keeps the reason.

    Raises ValidationError by field, NotAllowedNow where the record's state forbids it, and RecordOutdated for approving
    what was calculated under rules that are no longer in effect.
    """
    if not reason.strip():
        raise ValidationError({"reason": ValidationError("Say why: the audit log keeps it.", code="required")})
    record = lock_record(record_id)
    with because(reason=reason, user=by and by.pk):
        if payee_type is not None or payee_id is not None:
            _change_payee(record, payee_type or record.payee_type, payee_id or "")
        if status is not None and status != record.status:
            _change_status(record, status)
    return record


def _change_payee(record: AttributionRecord, payee_type: str, payee_id: str) -> None:
    if record.status in FROZEN:
        raise NotAllowedNow(f"The record is {record.status}: its payee changes only through a dispute.")
    if record.settlement_id or Adjustment.objects.filter(record_id=record.pk).exists():
        raise NotAllowedNow("The record was settled or adjusted: its payee changes only through a dispute.")
    known = {AttributionRecord.Payee.PARTNER: Partner, AttributionRecord.Payee.BROKER: Broker}
    if payee_type == AttributionRecord.Payee.HOUSE:
        if payee_id:
            raise ValidationError({"payee_id": ValidationError("The house has no id.", code="invalid")})
    elif payee_type not in known:
        raise ValidationError(
            {"payee_type": ValidationError(f"{payee_type} is not partner, broker or house.", code="invalid")}
        )
    elif not known[AttributionRecord.Payee(payee_type)].objects.filter(pk=payee_id).active().exists():
        raise ValidationError(
            {"payee_id": ValidationError(f"There is no active {payee_type} {payee_id}.", code="does_not_exist")}
        )
    before = (record.payee_type, record.payee_id)
    record.payee_type, record.payee_id, record.payee_pinned = payee_type, payee_id, True
    record.save(update_fields=["payee_type", "payee_id", "payee_pinned"])
    announcing.announce_payee(record, before=before)


def _change_status(record: AttributionRecord, status: str) -> None:
    # Disputes and payouts move records by operations of their own; by hand a record is approved, or its hold ended.
    by_hand = {Status.CALCULATED, Status.APPROVED}
    if status not in Status.values:
        raise ValidationError({"status": ValidationError(f"{status} is not a status.", code="invalid_choice")})
    if status not in EDGES[Status(record.status)] or status not in by_hand or record.status == Status.DISPUTED:
        raise NotAllowedNow(f"A record that is {record.status} cannot become {status} by hand.")
    if status == Status.APPROVED and not record.payable:
        raise NotAllowedNow("Commission is not paid under this model: the record is for analysis only.")
    if status == Status.APPROVED:
        check_in_effect(record)
    record.status = status
    record.save(update_fields=["status"])
    announcing.announce_status(record)
