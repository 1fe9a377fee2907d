"""A quarter of the demo's commission, ready to be paid; and what is already paid, for the demo's disputes."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pgtrigger
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

import attribution.operations
from attribution.models import AttributionRecord
from attribution_site.errors import DomainError
from conversions.models import Conversion
from disputes.actors import Actor
from payouts import operations
from payouts.banking.details import Details
from payouts.models import BankAccount, Payout, Terms

LEADS = "demo-"
DAYS = 30
LANTERN, RATEFINCH, HARBOUR, OKAFOR, MAPLE = (
    ("partner", "partner-lantern-compare"),
    ("partner", "partner-ratefinch"),
    ("broker", "broker-harbour-and-pike"),
    ("broker", "broker-okafor-risk"),
    ("partner", "partner-maple-and-main"),
)
TIERS = [{"from": "0", "to": "2000", "rate": "80"}, {"from": "2000", "rate": "90"}]
ACCOUNTS = [
    (LANTERN, {"method": "ach", "currency": "USD", "holder": "Lantern Compare Inc.", "number": "000123456789"}),
    (HARBOUR, {"method": "ach", "currency": "USD", "holder": "Harbour Pike Brokers", "number": "000987654321"}),
    (
        LANTERN,
        {"method": "sepa", "currency": "EUR", "holder": "Lantern Compare", "number": "FR1420041010050500013M02606"},
    ),
]


class NothingToPay(DomainError):
    """No demo data, or nobody to pay it."""


def people() -> tuple[Any, Any]:
    """Who prepares and who approves."""
    found = get_user_model().objects.filter(username__in=["finance", "controller"]).in_bulk(field_name="username")
    if len(found) < 2:
        raise NothingToPay("The demo's logins are not there.")
    return found["finance"], found["controller"]


def pay() -> None:
    """A payout run of all that is approved, approved by another and paid."""
    preparer, approver = people()
    today = timezone.now().astimezone(dt.UTC).date()
    run = operations.start_run(period_end=today, by=preparer)
    operations.build_run(run.pk)
    for payout in Payout.objects.filter(run=run):
        payout = operations.submit_payout(payout_id=payout.pk, by=preparer)
        operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=approver)
        operations.mark_paid(payout_id=payout.pk, reference=f"DEMO-{payout.number}", by=preparer)


def load() -> int:
    """How many records are ready to be paid; none if they were."""
    preparer, approver = people()
    with transaction.atomic(), connection.cursor() as cursor:
        # Two at once would both find none.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('payouts.demo'))")
        if Terms.objects.exists():
            return 0
        _agree(preparer)
        _open_accounts(preparer, approver)
        count = _approve(preparer)
        operations.book()
        _things_to_decide(preparer)
    return count


def _agree(by: Any) -> None:
    def add(payee=None, **values):
        whom = {"payee_type": payee[0], "payee_id": payee[1]} if payee else {}
        values = {"currency": "USD", "starts_on": since, "minimum_payout": Decimal(25)} | whom | values
        operations.add_terms(values=values, by=by)

    since = timezone.now().date() - dt.timedelta(days=400)
    group = operations.add_group(name="Comparison sites", by=by)
    for kind, pk in (LANTERN, RATEFINCH):
        operations.join_group(group_id=group.pk, payee_type=kind, payee_id=pk, starts_on=since, by=by)
    add(note="For whoever has no contract of its own", hold_days=14)
    add(group=group, tiers=TIERS, cap_month=Decimal(5000), hold_days=14, note="Comparison sites, by volume")
    add(LANTERN, tiers=TIERS, payment_method="ach", hold_days=14, note="As its group, paid by ACH, without a cap")
    add(LANTERN, currency="EUR", payment_method="sepa", rate=Decimal(85), minimum_payout=Decimal(10))
    add(HARBOUR, payment_method="ach", earn_out_months=12, recovery_cap=Decimal(50), note="Contract of March")
    add(OKAFOR, payment_method="ach", flats={"policy_bound": "15"}, rate=Decimal(70), note="No bank account yet")


def _open_accounts(proposer: Any, confirmer: Any) -> None:
    for payee, values in ACCOUNTS:
        more = {"routing": "091000019", "account_type": "checking"} if values["method"] == "ach" else {}
        details = Details(**values, **more, is_company=True)
        account = operations.propose_account(payee=payee, details=details, by=Actor(user=proposer))
        operations.confirm_account(account_id=account.pk, by=confirmer)
    # The days in which a payee may object are over: the demo has no time to wait for them.
    with pgtrigger.ignore("payouts.BankAccount:guard_account"):
        BankAccount.objects.update(effective_at=timezone.now())


def _approve(by: Any) -> int:
    until = timezone.now() - dt.timedelta(days=DAYS)
    records = AttributionRecord.objects.filter(lead_id__startswith=LEADS, payable=True, occurred_at__lt=until)
    done = attribution.operations.approve_records(records=records, reason="Checked for the quarter", by=by)
    return done.count


def _things_to_decide(by: Any) -> None:
    """A cancellation of what was earned, a hold, an adjustment that waits, and a rule for small records."""
    earned = AttributionRecord.objects.filter(
        lead_id__startswith=LEADS, payable=True, status="approved", conversion_type=Conversion.Type.POLICY_BOUND
    ).exclude(payee_type="house")
    if record := earned.order_by("-commission_amount", "pk").first():
        values = {"reason": "cancellation", "note": "The customer sold the car."}
        attribution.operations.reverse_conversion(conversion_id=record.conversion_id, values=values, by=by)
        operations.book()
    kind, pk = MAPLE
    operations.place_hold(payee_type=kind, payee_id=pk, reason="Its leads look invented; under review.", by=by)
    kind, pk = RATEFINCH
    operations.propose_adjustment(
        payee_type=kind,
        payee_id=pk,
        currency="USD",
        amount=Decimal("250.00"),
        reason="Bonus for the spring campaign, as agreed by mail",
        by=by,
    )
    operations.add_rule(
        currency="USD", below=Decimal(5), days_as_payee=90, note="Checking them costs more than they are worth.", by=by
    )
