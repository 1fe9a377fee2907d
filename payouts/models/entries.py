"""The ledger: what payees are owed and owe, one signed row after another, and which of them wait to be paid."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q, Sum
from django.db.models.functions import Now

from attribution.models import AttributionRecord
from partners.models import payee_of, uuid7

Payee = AttributionRecord.Payee


class Kind(models.TextChoices):
    """Why an entry was booked, in the words of statements."""

    EARNING = "earning", "Commission earned"
    REVERSAL = "reversal", "Reversal"
    SETTLEMENT = "settlement", "Dispute settled"
    RECALCULATION = "recalculation", "Recalculation"
    MANUAL = "manual", "Adjustment by hand"
    CARRIED = "carried", "Recovery carried over"
    PAYMENT = "payment", "Payment"
    RETURNED = "returned", "Payment returned by the bank"


# What stands beside a payment; all the others wait for one.
NEVER_OPEN = [Kind.PAYMENT]


class OfPayee(models.QuerySet):
    """Rows that name a payee: who reads them is asked in one place for all of the ledger's tables."""

    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, its own. A user we cannot place sees nothing."""
        if not user.has_perm("payouts.view_payout"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.of(payee.kind, payee.id)

    def of(self, payee_type, payee_id):
        return self.filter(payee_type=payee_type, payee_id=payee_id)


class EntryQuerySet(OfPayee):
    def balances(self):
        """A row a payee and currency: `balance`."""
        return self.order_by().values("payee_type", "payee_id", "currency").annotate(balance=Sum("amount"))


class Entry(models.Model):
    """Something a payee is owed (positive) or owes. All balances, statements and payouts are sums of these, and none is
    ever changed: what turns out wrong is put right by another.

    It names records, adjustments and conversions by id alone, as these name each other. `working` is how its cents
    came about, under which terms; it can be read without any other row."""

    Kind = Kind

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    booked_at = models.DateTimeField(db_default=Now(), editable=False, help_text="Which statement it stands on.")
    record_id = models.UUIDField(null=True)
    adjustment_id = models.UUIDField(null=True)
    conversion_id = models.UUIDField(null=True)
    lead_id = models.CharField(max_length=64, null=True)
    earned_on = models.DateField(null=True, help_text="The conversion's day, UTC: whose tiers and caps it counts to.")
    share = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, help_text="Of the conversion's commission, before the terms."
    )
    terms_id = models.UUIDField(null=True, help_text="Empty: nothing was agreed on.")
    working = models.JSONField(default=dict)
    payout_id = models.UUIDField(null=True, help_text="The payout that it pays, gives back or was carried over from.")
    proposal_id = models.UUIDField(null=True)
    note = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "ledger"
        indexes = [
            models.Index(fields=["payee_type", "payee_id", "currency", "booked_at"], name="entry_by_payee"),
            models.Index(
                fields=["payee_type", "payee_id", "currency", "earned_on"],
                name="entry_earned",
                condition=Q(kind="earning"),
            ),
            models.Index(fields=["record_id"], name="entry_by_record", condition=Q(record_id__isnull=False)),
            models.Index(
                fields=["conversion_id"], name="entry_by_conversion", condition=Q(conversion_id__isnull=False)
            ),
            models.Index(fields=["booked_at"], name="entry_by_time"),
            models.Index(fields=["terms_id", "earned_on"], name="entry_by_terms", condition=Q(terms_id__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["record_id"], name="one_earning_a_record", condition=Q(kind="earning"), include=["amount"]
            ),
            models.UniqueConstraint(fields=["adjustment_id"], name="one_entry_an_adjustment"),
            models.UniqueConstraint(fields=["proposal_id"], name="one_entry_a_proposal"),
            models.UniqueConstraint(
                fields=["payout_id", "kind"], name="one_payment_a_payout", condition=Q(kind__in=["payment", "returned"])
            ),
            models.CheckConstraint(name="entry_of_a_payee", condition=~Q(payee_type="house") & ~Q(payee_id="")),
            models.CheckConstraint(
                name="entry_has_its_cause",
                condition=Q(kind="earning", record_id__isnull=False, share__isnull=False, earned_on__isnull=False)
                | Q(kind__in=["reversal", "settlement"], adjustment_id__isnull=False, record_id__isnull=False)
                | Q(kind__in=["manual", "recalculation"], proposal_id__isnull=False)
                | Q(kind="carried", payout_id__isnull=False)
                | Q(kind="payment", payout_id__isnull=False, amount__lt=0)
                | Q(kind="returned", payout_id__isnull=False, amount__gt=0),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="opens",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    INSERT INTO payouts_openentry
                        (entry_id, payee_type, payee_id, currency, amount, booked_at, record_id)
                    SELECT id, payee_type, payee_id, currency, amount, booked_at, record_id FROM added
                    WHERE kind <> 'payment';
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()}: {self.amount} {self.currency}"


class OpenEntry(models.Model):
    """An entry that is in no live payout, with what a payout run asks of it. The database itself keeps this table, by
    triggers of entries and of payouts' lines: it is an index of the ledger, not a place where money is."""

    entry_id = models.UUIDField(primary_key=True)
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    booked_at = models.DateTimeField()
    record_id = models.UUIDField(null=True)

    objects = OfPayee.as_manager()

    class Meta:
        indexes = [models.Index(fields=["payee_type", "payee_id", "currency", "booked_at"], name="open_by_payee")]
        triggers = [
            pgtrigger.Trigger(
                name="kept_by_the_database",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF pg_trigger_depth() < 2 THEN
                        RAISE EXCEPTION 'Which entries are open follows from entries and payouts; it is not written'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'open_entries_follow';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self):
        return f"{self.amount} {self.currency} to {self.payee_type} {self.payee_id}"


class ToBook(models.Model):
    """A record that was approved, an adjustment, or a finding about decided records, of which the ledger may not know
    yet. Written by triggers of their tables, whoever approves or adjusts; taken away by the booking, in the transaction
    that writes the entries."""

    record_id = models.UUIDField(null=True)
    adjustment_id = models.UUIDField(null=True)
    finding_id = models.BigIntegerField(null=True)
    noted_at = models.DateTimeField(db_default=Now())

    objects = models.Manager()

    def __str__(self):
        names = ("record", "adjustment", "finding")
        return " ".join(f"{name} {pk}" for name in names if (pk := getattr(self, f"{name}_id")) is not None)
