"""Sealing the audit log and checking it."""

import logging
from collections.abc import Callable
from dataclasses import asdict

from django.db.models import Sum
from django.utils import timezone

from attribution_site.audit import checking, sealing
from attribution_site.audit.models import AuditSeal, AuditVerification
from attribution_site.audit.sealing import seal
from attribution_site.audit.tracking import event_models

__all__ = ["seal", "verify_audit"]
logger = logging.getLogger(__name__)
KEPT_FINDINGS = 100


def verify_audit(
    *,
    expected: tuple[int, str] | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
    found: Callable[[checking.Finding], None] = lambda finding: None,
) -> AuditVerification:
    """Seal what is new, then hold every audit row against its seal, and every tracked row against the log."""
    started_at, findings, number = timezone.now(), [], 0

    def note(some):
        nonlocal number
        for finding in some:
            number += 1
            found(finding)
            if number <= KEPT_FINDINGS:
                findings.append(asdict(finding))

    seal()
    with sealing.plain_text():
        tables = event_models()
        progress(0, len(tables) + 1, "The chain of seals")
        note(checking.check_chain(AuditSeal.objects.defer().iterator(), expected=expected))
        note(checking.check_triggers())
        places = checking.Places(AuditSeal.objects.only("number", "cluster", "from_xact", "to_xact"))
        for done, model in enumerate(tables, 1):
            progress(done, len(tables) + 1, model._meta.db_table)
            note(checking.check_contents(model, places))
            note(checking.check_live(model))
            note(checking.check_unlogged(model))
        progress(len(tables) + 1, len(tables) + 1, "Done")
        sealed = AuditSeal.objects.aggregate(rows=Sum("rows"))["rows"] or 0
        last = AuditSeal.objects.order_by("-number").first()
    if number:
        logger.error("The audit log does not verify: %s findings, first: %s", number, findings[0]["text"])
    return AuditVerification.objects.create(
        started_at=started_at,
        seals_checked=AuditSeal.objects.count(),
        rows_checked=sealed,
        findings_count=number,
        findings=findings,
        last_seal=last.number if last else None,
    )
