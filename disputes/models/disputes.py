"""Disputes and who takes part in them."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Value
from django.db.models.functions import Now
from django.utils import timezone

from attribution.models import AttributionModel, AttributionRecord, Settlement
from attribution_site.audit.tracking import audited
from partners.models import ApiKey, payee_of, uuid7


class Type(models.TextChoices):
    PARTNER = "partner", "Wrong partner"
    BROKER = "broker", "Wrong broker"
    CHANNEL = "channel", "Wrong channel"
    AMOUNT = "amount", "Wrong amount"
    DUPLICATE = "duplicate", "Duplicate"
    MISSING = "missing", "Missing touch"
    OTHER = "other"


class Status(models.TextChoices):
    OPEN = "open"
    NEEDS_INFORMATION = "needs_information"
    UNDER_REVIEW = "under_review"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Rejection(models.TextChoices):
    """Why a claim is not followed: what reports count, and what the claimant is told first."""

    RECORD_IS_RIGHT = "record_is_right", "The record is right"
    NOT_PROVEN = "not_proven", "The evidence does not show it"
    FALSE_EVIDENCE = "false_evidence", "The evidence is not genuine"
    OUTSIDE_RULES = "outside_rules", "It happened, but the rules do not count it"
    NO_ANSWER = "no_answer", "A question was not answered in time"
    ALREADY_DECIDED = "already_decided", "It was decided in another dispute"
    OTHER = "other", "Another reason"


OPEN = [Status.OPEN, Status.NEEDS_INFORMATION, Status.UNDER_REVIEW]
CLOSED = [Status.RESOLVED, Status.REJECTED, Status.WITHDRAWN]
# From a status, the ones it may become. The database holds the same edges by trigger.
EDGES = {
    Status.OPEN: [Status.UNDER_REVIEW, Status.WITHDRAWN],
    Status.UNDER_REVIEW: [Status.NEEDS_INFORMATION, *CLOSED],
    Status.NEEDS_INFORMATION: [Status.UNDER_REVIEW, *CLOSED],
}

FACTS = [
    "record_id",
    "conversion_id",
    "lead_id",
    "model",
    "currency",
    "claimant_type",
    "claimant_id",
    "dispute_type",
    "reason",
    "expected_amount",
    "at_stake",
    "record_status_before",
    "filed_by_id",
    "filed_by_key_id",
    "filed_at",
    "appeal_of_id",
    "number",
]
CHANGED_FACTS = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in FACTS)
# An appeal goes to somebody who decided none of what it is about, nor filed it.
ANOTHER_DECIDES = """
    IF EXISTS (
        WITH RECURSIVE before AS (
            SELECT d.* FROM disputes_dispute d WHERE d.id = NEW.appeal_of_id
            UNION ALL
            SELECT d.* FROM disputes_dispute d JOIN before ON d.id = before.appeal_of_id
        ), hands AS (
            SELECT resolved_by_id AS person, resolved_by_key_id AS key FROM before
            UNION ALL
            SELECT filed_by_id, filed_by_key_id FROM before
        )
        SELECT FROM hands
        WHERE person = NEW.resolved_by_id
            OR ((person IS NULL OR NEW.resolved_by_id IS NULL) AND key = NEW.resolved_by_key_id)
    ) THEN
        RAISE EXCEPTION 'An appeal is decided by somebody else than what it is about'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appeal_to_another';
    END IF;
    RETURN NEW;
"""


class DisputeQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, those it takes part in."""
        if not user.has_perm("disputes.view_dispute"):
            return self.none()
        payee = payee_of(user)
        if payee is None:
            return self
        mine = Party.objects.filter(dispute=OuterRef("pk"), payee_type=payee.kind, payee_id=payee.id)
        return self.filter(Exists(mine))

    def open(self):
        return self.filter(status__in=OPEN)

    def overdue(self, as_of=None):
        """Those whose time is up. While a question waits for its answer the clock stands still."""
        return self.filter(status__in=[Status.OPEN, Status.UNDER_REVIEW], due_at__lt=as_of or timezone.now())

    def holding(self, record_id):
        """Those that froze the record. An appeal about what is another payee's by now froze nothing."""
        return self.filter(record_id=record_id).exclude(record_status_before="")

    def of_conversion(self, conversion_id):
        return self.filter(conversion_id=conversion_id)


@audited(searched=["lead_id"])
class Dispute(models.Model):
    """A payee's claim that a record is wrong or, for the type `missing`, that a conversion lacks a touch. The record is
    frozen while it is open. Facts never change, and nothing does once it is closed: an appeal is a dispute of its own.
    """

    Type = Type
    Status = Status
    Rejection = Rejection

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(
        unique=True, db_default=Func(Value("disputes_number"), function="nextval"), editable=False
    )
    # By id alone, as all that names records: of the type `missing` there is none.
    record_id = models.UUIDField(null=True, blank=True)
    conversion_id = models.UUIDField()
    lead_id = models.CharField(max_length=64)
    model = models.CharField(max_length=32, choices=AttributionModel)
    currency = models.CharField(max_length=3)
    claimant_type = models.CharField(max_length=8, choices=AttributionRecord.Payee)
    claimant_id = models.CharField(max_length=64)
    dispute_type = models.CharField(max_length=16, choices=Type)
    reason = models.CharField(max_length=4000)
    expected_amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    at_stake = models.DecimalField(
        max_digits=14, decimal_places=2, help_text="Commission of the record when it was filed, or what is claimed."
    )
    # Empty of a dispute that froze no record: the record is not its claimant's, or there is none.
    record_status_before = models.CharField(max_length=16, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    filed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    filed_by_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    filed_at = models.DateTimeField(db_default=Now())
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="disputes"
    )
    due_at = models.DateTimeField()
    time_left = models.DurationField(
        null=True, blank=True, help_text="Working time that was left when a question stopped the clock."
    )
    answer_due_at = models.DateTimeField(
        null=True, blank=True, help_text="Until when a question waits for its answer; then it goes on without."
    )
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=4000, blank=True)
    rejection = models.CharField(max_length=20, choices=Rejection, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    resolved_by_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    settlement = models.OneToOneField(Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    appeal_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="appeals")

    objects = DisputeQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        permissions = [("resolve_dispute", "Can decide disputes")]
        indexes = [
            models.Index(fields=["due_at", "id"], name="dispute_by_due", condition=Q(status__in=OPEN)),
            models.Index(
                fields=["assigned_to", "due_at", "id"], name="dispute_by_assignee", condition=Q(status__in=OPEN)
            ),
            models.Index(
                fields=["answer_due_at"], name="dispute_by_answer_due", condition=Q(status=Status.NEEDS_INFORMATION)
            ),
            models.Index(fields=["status", "-number"], name="dispute_by_status"),
            models.Index(fields=["claimant_type", "claimant_id", "-number"], name="dispute_by_claimant"),
            models.Index(fields=["conversion_id"], name="dispute_by_conversion"),
            models.Index(fields=["record_id"], name="dispute_by_record"),
            models.Index(fields=["lead_id"], name="dispute_by_lead"),
            models.Index(fields=["filed_at"], name="dispute_by_filing"),
            models.Index(fields=["closed_at"], name="dispute_by_end", condition=Q(closed_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_open_dispute_a_record_and_payee",
                fields=["record_id", "claimant_type", "claimant_id"],
                condition=Q(status__in=OPEN, record_id__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_open_dispute_a_conversion_and_payee",
                fields=["conversion_id", "claimant_type", "claimant_id"],
                condition=Q(status__in=OPEN, record_id__isnull=True),
            ),
            models.UniqueConstraint(
                name="one_appeal_a_dispute_and_payee", fields=["appeal_of", "claimant_type", "claimant_id"]
            ),
            models.CheckConstraint(name="dispute_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(name="dispute_type_known", condition=Q(dispute_type__in=Type.values)),
            models.CheckConstraint(
                name="dispute_of_a_record_or_of_what_is_missing",
                condition=Q(record_id__isnull=False) | Q(dispute_type=Type.MISSING),
            ),
            models.CheckConstraint(
                name="dispute_claimant_named", condition=Q(claimant_type__in=["partner", "broker"]) & ~Q(claimant_id="")
            ),
            models.CheckConstraint(
                name="dispute_closed_when_over",
                condition=Q(status__in=OPEN, closed_at__isnull=True) | Q(status__in=CLOSED, closed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="dispute_decided_in_words",
                condition=~Q(status__in=[Status.RESOLVED, Status.REJECTED])
                | (~Q(resolution="") & (Q(resolved_by__isnull=False) | Q(resolved_by_key__isnull=False))),
            ),
            models.CheckConstraint(
                name="dispute_rejected_for_a_reason",
                condition=Q(status=Status.REJECTED, rejection__in=Rejection.values)
                | (~Q(status=Status.REJECTED) & Q(rejection="")),
            ),
            models.CheckConstraint(
                name="dispute_settled_when_resolved", condition=Q(status=Status.RESOLVED) | Q(settlement__isnull=True)
            ),
            # NULL on either side is nobody, and equal to nobody. Where both are people it is they who count: else a key
            # that filed would decide in the name of whomever it names.
            models.CheckConstraint(
                name="dispute_decided_by_another_than_filed",
                condition=(Q(resolved_by=None) | Q(filed_by=None) | ~Q(resolved_by=F("filed_by")))
                & (
                    Q(resolved_by__isnull=False, filed_by__isnull=False)
                    | Q(resolved_by_key=None)
                    | Q(filed_by_key=None)
                    | ~Q(resolved_by_key=F("filed_by_key"))
                ),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="edges",
                field="status",
                transitions=[(before, after) for before, afters in EDGES.items() for after in afters],
            ),
            pgtrigger.Trigger(
                name="facts_stay",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(f"({CHANGED_FACTS})"),
                func="""
                    RAISE EXCEPTION 'What a dispute is about cannot change' USING ERRCODE = 'check_violation';
                """,
            ),
            pgtrigger.Trigger(
                name="closed_stays",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "(OLD.status IN ('resolved', 'rejected', 'withdrawn') AND OLD.* IS DISTINCT FROM NEW.*)"
                ),
                func="""
                    RAISE EXCEPTION 'Dispute % is %, it cannot change', OLD.number, OLD.status
                        USING ERRCODE = 'check_violation';
                """,
            ),
            pgtrigger.Trigger(
                name="another_decides",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "(NEW.status IN ('resolved', 'rejected') AND NEW.appeal_of_id IS NOT NULL)"
                ),
                func=ANOTHER_DECIDES,
            ),
        ]

    def __str__(self):
        return f"D-{self.number}"

    @property
    def claimant(self):
        return self.claimant_type, self.claimant_id

    @property
    def is_open(self):
        return self.status in OPEN

    def is_overdue(self, as_of):
        return self.status in {Status.OPEN, Status.UNDER_REVIEW} and self.due_at < as_of


class PartyQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, itself."""
        if not user.has_perm("disputes.view_dispute"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(payee_type=payee.kind, payee_id=payee.id)


@audited()
class Party(models.Model):
    """A payee in a dispute: who claims, or whose share may change by it. None is told of another."""

    class Role(models.TextChoices):
        CLAIMANT = "claimant"
        RESPONDENT = "respondent"

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="parties")
    payee_type = models.CharField(max_length=8, choices=AttributionRecord.Payee)
    payee_id = models.CharField(max_length=64)
    role = models.CharField(max_length=12, choices=Role)
    is_of_record = models.BooleanField(
        db_default=False,
        help_text="Whether what is disputed was this party's own when it was filed. Else it is not told its amount.",
    )
    told_at = models.DateTimeField(db_default=Now())

    objects = PartyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "parties"
        ordering = ["id"]
        indexes = [models.Index(fields=["payee_type", "payee_id", "dispute"], name="party_by_payee")]
        constraints = [
            models.UniqueConstraint(fields=["dispute", "payee_type", "payee_id"], name="one_party_a_payee"),
            models.CheckConstraint(name="party_role_known", condition=Q(role__in=["claimant", "respondent"])),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.payee_type} {self.payee_id}"

    @property
    def payee(self):
        return self.payee_type, self.payee_id
