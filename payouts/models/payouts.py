"""Payouts, their lines and approvals. The database holds their states, and what each of them asks for."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from partners.models import uuid7
from payouts.models.entries import OfPayee, Payee
from payouts.models.runs import PayoutRun


class Status(models.TextChoices):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    PAID = "paid"
    VOID = "void"


LIVE = [Status.DRAFT, Status.AWAITING_APPROVAL, Status.APPROVED, Status.PAID]
EDGES = {
    Status.DRAFT: [Status.AWAITING_APPROVAL, Status.VOID],
    Status.AWAITING_APPROVAL: [Status.DRAFT, Status.APPROVED, Status.VOID],
    Status.APPROVED: [Status.PAID, Status.VOID],
}
FACTS = ["id", "number", "run_id", "payee_type", "payee_id", "currency", "period_start", "period_end", "prepared_by_id",
         "prepared_at", "reissue_of_id"]  # fmt: skip
FIXED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in FACTS)

GUARD = f"""
    IF {FIXED} THEN
        RAISE EXCEPTION 'Whose payout it is, and of what, does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_facts_stay';
    END IF;
    IF OLD.status <> 'draft' AND NEW.status <> 'draft'
        AND (OLD.total, OLD.line_count, OLD.lines_hash, OLD.submission, OLD.submitted_by_id, OLD.approvals_needed)
            IS DISTINCT FROM
            (NEW.total, NEW.line_count, NEW.lines_hash, NEW.submission, NEW.submitted_by_id, NEW.approvals_needed)
    THEN
        RAISE EXCEPTION 'What was submitted does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_submitted_stays';
    END IF;
    IF OLD.status IN ('paid', 'void') AND to_jsonb(OLD) <> to_jsonb(NEW) THEN
        RAISE EXCEPTION 'A payout that is % stays as it is', OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_over_stays';
    END IF;
    IF NEW.status = OLD.status OR NEW.status IN ('draft', 'void') THEN
        RETURN NEW;
    END IF;
    lines := payouts_lines(NEW.id);
    IF NEW.status = 'awaiting_approval' THEN
        IF lines.total <= 0 THEN
            RAISE EXCEPTION 'A payout pays more than nothing'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_pays_something';
        END IF;
        NEW.total := lines.total; NEW.line_count := lines.count; NEW.lines_hash := lines.hash;
        NEW.submission := OLD.submission + 1;
        RETURN NEW;
    END IF;
    IF (lines.total, lines.count, lines.hash) IS DISTINCT FROM (NEW.total, NEW.line_count::bigint, NEW.lines_hash) THEN
        RAISE EXCEPTION 'The lines are not those that were submitted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_lines_changed';
    END IF;
    IF (SELECT count(DISTINCT by_id) FROM payouts_approval WHERE payout_id = NEW.id AND submission = NEW.submission
            AND lines_hash = NEW.lines_hash AND by_id NOT IN (NEW.prepared_by_id, NEW.submitted_by_id))
        < NEW.approvals_needed
    THEN
        RAISE EXCEPTION 'It takes % who did not prepare it to approve it', NEW.approvals_needed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_needs_approval';
    END IF;
    IF NEW.status = 'paid' AND NOT EXISTS (
        SELECT FROM payouts_entry WHERE payout_id = NEW.id AND kind = 'payment' AND amount = -NEW.total
            AND (payee_type, payee_id, currency) = (NEW.payee_type, NEW.payee_id, NEW.currency)
    ) THEN
        RAISE EXCEPTION 'What is paid is booked'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_paid_is_booked';
    END IF;
    RETURN NEW;
"""
# What is open is a copy of its entry that the database keeps: one look at it, and it is open no more.
# Each time planned anew: a session would keep a plan made for few lines, which is quadratic in many.
LINES_ADDED = """
    EXECUTE 'WITH taken AS (
            DELETE FROM payouts_openentry o USING added a JOIN payouts_payout p ON p.id = a.payout_id
            WHERE o.entry_id = a.entry_id
            RETURNING a.live AND p.status = ''draft'' AND a.amount = o.amount
                AND (o.payee_type, o.payee_id, o.currency) = (p.payee_type, p.payee_id, p.currency) AS fits
        ) SELECT count(*), count(*) FILTER (WHERE fits) FROM taken' INTO opened, fitting;
    SELECT count(*) FROM added INTO lines;
    IF fitting <> opened THEN
        RAISE EXCEPTION 'A line is an entry of the payout''s payee and currency, added to a draft'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'line_of_its_entry';
    END IF;
    IF opened <> lines THEN
        RAISE EXCEPTION 'A line is an open entry, and an entry is in one live payout at most'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'one_live_line_an_entry';
    END IF;
    RETURN NULL;
"""
LINES_RELEASED = """
    EXECUTE 'SELECT count(*) FROM (SELECT id, payout_id, entry_id, amount FROM removed WHERE live
        EXCEPT SELECT l.id, l.payout_id, l.entry_id, l.amount FROM added l JOIN payouts_payout p ON p.id = l.payout_id
        WHERE NOT l.live AND p.status IN (''draft'', ''void'')) other' INTO other;
    IF other > 0 OR EXISTS (SELECT FROM removed WHERE NOT live) THEN
        RAISE EXCEPTION 'A line stays as it is; it is released from a draft, or with a payout that is void'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'line_stays';
    END IF;
    EXECUTE 'INSERT INTO payouts_openentry (entry_id, payee_type, payee_id, currency, amount, booked_at, record_id)
        SELECT e.id, e.payee_type, e.payee_id, e.currency, e.amount, e.booked_at, e.record_id
        FROM payouts_entry e WHERE e.id IN (SELECT entry_id FROM added)';
    RETURN NULL;
"""
RELEASE = """
    UPDATE payouts_payoutline SET live = false WHERE payout_id = NEW.id AND live;
    RETURN NULL;
"""


class PayoutQuerySet(OfPayee):
    def visible_to(self, user):
        """Of a partner or broker, its own that are decided: a draft is the house's affair."""
        rows = super().visible_to(user)
        return rows if getattr(user, "payee", None) is None else rows.filter(status__in=["approved", "paid"])

    def live(self):
        return self.filter(status__in=LIVE)


@audited()
class Payout(models.Model):
    """What one payee is paid of one period, in one currency."""

    Status = Status

    class Method(models.TextChoices):
        ACH = "ach", "ACH"
        SEPA = "sepa", "SEPA"
        MANUAL = "manual", "By hand"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(
        unique=True, db_default=Func(Value("payouts_number"), function="nextval"), editable=False
    )
    run = models.ForeignKey(PayoutRun, on_delete=models.PROTECT, null=True, blank=True, related_name="payouts")
    reissue_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reissues")
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    period_start = models.DateField(null=True, blank=True, help_text="Empty: from the first entry on.")
    period_end = models.DateField(help_text="The last day whose entries it may hold, UTC.")
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    method = models.CharField(max_length=8, choices=Method, default=Method.MANUAL)
    total = models.DecimalField(max_digits=14, decimal_places=2)
    line_count = models.PositiveIntegerField()
    lines_hash = models.CharField(max_length=64, blank=True, default="", help_text="SHA-256 of the submitted lines.")
    submission = models.PositiveIntegerField(default=0, help_text="How often it was submitted.")
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    prepared_at = models.DateTimeField(db_default=Now(), editable=False)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    exported_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    payment_reference = models.CharField(max_length=140, blank=True, default="")
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.CharField(max_length=500, blank=True, default="")

    objects = PayoutQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        permissions = [
            ("approve_payout", "Can approve payouts"),
        ]
        indexes = [
            models.Index(fields=["payee_type", "payee_id", "-number"], name="payout_by_payee"),
            models.Index(fields=["status", "-number"], name="payout_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "payee_type", "payee_id", "currency"], name="one_payout_a_run_payee_and_currency"
            ),
            models.UniqueConstraint(
                fields=["reissue_of"], name="reissued_once", condition=~Q(status="void") & Q(reissue_of__isnull=False)
            ),
            models.CheckConstraint(
                name="payout_status_known",
                condition=Q(status__in=["draft", "awaiting_approval", "approved", "paid", "void"]),
            ),
            models.CheckConstraint(name="payout_of_a_payee", condition=~Q(payee_type="house") & ~Q(payee_id="")),
            models.CheckConstraint(
                name="payout_of_a_period", condition=Q(period_start=None) | Q(period_start__lte=F("period_end"))
            ),
            models.CheckConstraint(name="payout_needs_an_approver", condition=Q(approvals_needed__gte=1)),
            models.CheckConstraint(
                name="payout_says_who",
                condition=Q(status__in=["draft", "void"])
                | Q(submitted_by__isnull=False, submitted_at__isnull=False, total__gt=0),
            ),
            models.CheckConstraint(
                name="payout_void_says_why",
                condition=~Q(status="void") | (Q(voided_at__isnull=False) & ~Q(void_reason="")),
            ),
            models.CheckConstraint(
                name="payout_paid_says_when", condition=~Q(status="paid") | Q(paid_at__isnull=False)
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="begins",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__status__df="draft"),
                func="RAISE EXCEPTION 'A payout begins as a draft' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.FSM(
                name="edges",
                field="status",
                transitions=[(before, after) for before, afters in EDGES.items() for after in afters],
            ),
            pgtrigger.Trigger(
                name="guard",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                declare=[("lines", "record")],
                func=GUARD,
            ),
            pgtrigger.Trigger(
                name="release",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                condition=pgtrigger.Condition("(NEW.status = 'void' AND OLD.status <> 'void')"),
                func=RELEASE,
            ),
        ]

    def __str__(self):
        return f"P-{self.number}"


class PayoutLine(models.Model):
    """An entry in a payout. `live` until it is held back from the draft, or the payout is void: then the entry is open
    again, and the line stays as what was once in it."""

    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="lines"
    )
    entry_id = models.UUIDField()
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    live = models.BooleanField(default=True)

    objects = models.Manager()

    class Meta:
        ordering = ["payout", "entry_id"]
        constraints = [
            models.UniqueConstraint(fields=["entry_id"], name="one_live_line_an_entry", condition=Q(live=True)),
            models.UniqueConstraint(fields=["payout", "entry_id"], name="one_line_a_payout_and_entry"),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="added",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),
                declare=[("fitting", "bigint"), ("opened", "bigint"), ("lines", "bigint")],
                func=LINES_ADDED,
            ),
            pgtrigger.Trigger(
                name="released",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="removed", new="added"),
                declare=[("other", "bigint")],
                func=LINES_RELEASED,
            ),
        ]

    def __str__(self):
        return f"{self.amount} of {self.payout_id}"


@audited()
class Approval(models.Model):
    """One person's yes to the lines that they saw. It counts for that submission alone."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="approvals")
    submission = models.PositiveIntegerField()
    lines_hash = models.CharField(max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = models.Manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["payout", "submission", "by"], name="one_approval_a_person"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.by} for {self.payout_id}"
