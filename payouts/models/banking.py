"""Where payees want their money: each account proposed by one, confirmed by another, in force some days later."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from partners.models import payee_of, uuid7
from payouts.models.entries import Payee

FACTS = ["id", "payee_type", "payee_id", "method", "currency", "holder", "is_company", "sealed", "mask",
         "fingerprint", "country", "bic", "routing", "account_type", "proposed_by_id", "proposed_by_key_id",
         "proposed_at"]  # fmt: skip
FIXED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in FACTS)
GUARD = f"""
    IF {FIXED} THEN
        RAISE EXCEPTION 'A bank account does not change: another is proposed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_facts_stay';
    END IF;
    IF (OLD.status, NEW.status) NOT IN (('proposed', 'confirmed'), ('proposed', 'refused'), ('confirmed', 'refused'),
            ('confirmed', 'stopped'))
        OR (OLD.status = 'confirmed' AND (OLD.confirmed_by_id, OLD.confirmed_at, OLD.effective_at)
            IS DISTINCT FROM (NEW.confirmed_by_id, NEW.confirmed_at, NEW.effective_at))
        OR (OLD.status = 'confirmed' AND (NEW.status = 'refused') <> (OLD.effective_at > NEW.closed_at))
    THEN
        RAISE EXCEPTION 'A bank account that is % stays so, or goes the one way there is', OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_goes_one_way';
    END IF;
    IF NEW.status = 'confirmed' AND EXISTS (
        SELECT FROM partners_apikey WHERE id = NEW.proposed_by_key_id AND created_by_id = NEW.confirmed_by_id
    ) THEN
        RAISE EXCEPTION 'Who made the key that proposed it does not confirm it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_confirmed_by_another';
    END IF;
    RETURN NEW;
"""


class BankAccountQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, its own. A user we cannot place sees nothing."""
        if not user.has_perm("payouts.view_bankaccount"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(payee_type=payee.kind, payee_id=payee.id)

    def in_force(self, at):
        """What money would go to at that moment: of each payee, currency and method the last that came into force,
        unless that one was stopped. An older one never comes back by itself."""
        came = self.came_into_force(at).order_by(*BankAccount.OF, "-effective_at", "-id").distinct(*BankAccount.OF)
        return self.filter(pk__in=came.values("pk")).filter(Q(closed_at=None) | Q(closed_at__gt=at))

    def came_into_force(self, at):
        return self.filter(status__in=["confirmed", "stopped"], effective_at__lte=at)

    def with_state(self, at):
        """Annotate `state`, as it is at that moment: time alone makes an account active, and replaced."""
        later = BankAccount.objects.came_into_force(at).filter(
            Q(effective_at__gt=OuterRef("effective_at"))
            | Q(effective_at=OuterRef("effective_at"), pk__gt=OuterRef("pk")),
            **{name: OuterRef(name) for name in BankAccount.OF},
        )
        state = BankAccount.State
        return self.annotate(
            state=Case(
                When(~Q(status="confirmed"), then=F("status")),
                When(effective_at__gt=at, then=Value(state.COOLING_OFF)),
                When(Exists(later), then=Value(state.REPLACED)),
                default=Value(state.ACTIVE),
            )
        )


# The sealed number is in no audit row: they can never be deleted. Mask and fingerprint show that it is another.
@audited(exclude=["sealed"])
class BankAccount(models.Model):
    """An account that a payee is paid to. A row never changes but in its status: a change is another account.

    `proposed` waits for a second person; `confirmed` comes into force at `effective_at`; `refused` never did; `stopped`
    was in force and is no more, with nothing in its place until another is."""

    OF = ("payee_type", "payee_id", "currency", "method")

    class Method(models.TextChoices):
        SEPA = "sepa", "SEPA"
        ACH = "ach", "ACH"

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        CONFIRMED = "confirmed"
        REFUSED = "refused"
        STOPPED = "stopped"

    class State(models.TextChoices):
        """What `with_state` tells."""

        PROPOSED = "proposed", "Waits for a second person"
        COOLING_OFF = "cooling_off", "Cooling off"
        ACTIVE = "active"
        REPLACED = "replaced"
        REFUSED = "refused"
        STOPPED = "stopped"

    class AccountType(models.TextChoices):
        CHECKING = "checking"
        SAVINGS = "savings"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payee_type = models.CharField(max_length=8, choices=Payee)
    payee_id = models.CharField(max_length=64)
    method = models.CharField(max_length=8, choices=Method)
    currency = models.CharField(max_length=3)
    holder = models.CharField(max_length=70, help_text="As the bank knows them.")
    is_company = models.BooleanField(default=False)
    sealed = models.TextField(editable=False, help_text="The IBAN or account number, sealed.")
    mask = models.CharField(max_length=16, editable=False, help_text="How the number ends.")
    fingerprint = models.CharField(max_length=64, editable=False, help_text="HMAC of the number.")
    country = models.CharField(max_length=2)
    bic = models.CharField(max_length=11, blank=True, default="")
    routing = models.CharField(max_length=9, blank=True, default="")
    account_type = models.CharField(max_length=8, choices=AccountType, blank=True, default="")
    status = models.CharField(max_length=12, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    proposed_by_key_id = models.UUIDField(null=True, blank=True)
    proposed_at = models.DateTimeField(db_default=Now(), editable=False)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    effective_at = models.DateTimeField(null=True, blank=True, help_text="From when on money goes there.")
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_by_key_id = models.UUIDField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="", help_text="Why it was refused or stopped.")

    objects = BankAccountQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["payee_type", "payee_id", "currency", "method", "-effective_at", "-id"], name="account_by_payee"
            ),
            models.Index(fields=["fingerprint"], name="account_by_fingerprint"),
            models.Index(fields=["-id"], name="account_waiting", condition=Q(status="proposed")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["payee_type", "payee_id", "currency", "method"],
                name="one_proposed_account",
                condition=Q(status="proposed"),
            ),
            models.CheckConstraint(
                name="account_of_a_payee", condition=Q(payee_type__in=["partner", "broker"]) & ~Q(payee_id="")
            ),
            models.CheckConstraint(
                name="account_of_its_method",
                condition=(Q(method="sepa", currency="EUR", routing="", account_type="") & ~Q(country=""))
                | (
                    Q(method="ach", currency="USD", country="US", bic="", account_type__in=["checking", "savings"])
                    & ~Q(routing="")
                ),
            ),
            models.CheckConstraint(name="account_has_number", condition=~Q(sealed="") & ~Q(mask="")),
            models.CheckConstraint(
                name="account_has_proposer",
                condition=Q(proposed_by__isnull=False) | Q(proposed_by_key_id__isnull=False),
            ),
            models.CheckConstraint(
                name="account_confirmed_by_other_person",
                condition=Q(confirmed_by=None) | Q(proposed_by=None) | ~Q(confirmed_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="account_status_has_its_times",
                condition=Q(status="proposed", confirmed_at=None, closed_at=None)
                | (
                    Q(status="confirmed", confirmed_by__isnull=False, confirmed_at__isnull=False, closed_at=None)
                    & Q(effective_at__gte=F("confirmed_at"))
                )
                | (Q(status="refused", closed_at__isnull=False) & ~Q(reason=""))
                | (Q(status="stopped", closed_at__isnull=False, confirmed_by__isnull=False) & ~Q(reason="")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Trigger(name="guard_account", operation=pgtrigger.Update, when=pgtrigger.Before, func=GUARD),
        ]

    def __str__(self):
        return f"{self.get_method_display()} {self.mask}"
