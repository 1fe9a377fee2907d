"""Adjustments that somebody, or the calculation, proposes: money moves when another person accepts."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from partners.models import uuid7
from payouts.models.entries import Payee
from payouts.models.runs import HouseQuerySet


@audited()
class Proposal(models.Model):
    """What a payee would be given or asked for beside its records. Accepted, it is an entry of the ledger."""

    class Kind(models.TextChoices):
        MANUAL = "manual", "By hand"
        RECALCULATION = "recalculation", "Recalculation"

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        SUPERSEDED = "superseded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    record_id = models.UUIDField(null=True, blank=True)
    conversion_id = models.UUIDField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    status = models.CharField(max_length=16, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    proposed_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.CharField(max_length=500, blank=True, default="")

    objects = HouseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "proposed adjustment"
        indexes = [
            models.Index(fields=["id"], name="proposal_waiting", condition=Q(status="proposed")),
            models.Index(fields=["payee_type", "payee_id"], name="proposal_by_payee"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "record_id"],
                name="one_open_proposal_a_record",
                condition=Q(status="proposed", record_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["conversion_id", "payee_type", "payee_id"],
                name="one_open_recalculation",
                condition=Q(status="proposed", kind="recalculation"),
            ),
            models.CheckConstraint(name="proposal_kind_known", condition=Q(kind__in=["manual", "recalculation"])),
            models.CheckConstraint(name="proposal_of_a_payee", condition=~Q(payee_type="house") & ~Q(payee_id="")),
            models.CheckConstraint(name="proposal_of_anything", condition=~Q(amount=0)),
            models.CheckConstraint(name="proposal_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="proposal_by_hand_has_a_hand", condition=~Q(kind="manual") | Q(proposed_by__isnull=False)
            ),
            models.CheckConstraint(
                name="proposal_decided_by_another",
                condition=Q(status__in=["proposed", "superseded"], decided_by=None)
                | (
                    Q(status__in=["accepted", "declined"], decided_by__isnull=False, decided_at__isnull=False)
                    & (Q(status="declined") | Q(proposed_by=None) | ~Q(decided_by=F("proposed_by")))
                ),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="decided_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.status <> 'proposed'
                        OR to_jsonb(OLD) - '{status,decided_by_id,decided_at,decision_note}'::text[]
                            <> to_jsonb(NEW) - '{status,decided_by_id,decided_at,decision_note}'::text[]
                    THEN
                        RAISE EXCEPTION 'A proposal is decided once, and nothing else of it changes'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'proposal_decided_once';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self):
        return f"{self.amount} {self.currency} to {self.payee_type} {self.payee_id}"
