"""What a process does that is killed: a quarter is paid, again and again, each step by itself.

    python -m tests.payouts.walking

For each line that it reads it makes a process that works until it is killed, and says which.

Money comes in, a run is built, its payouts are submitted, approved, exported and marked paid, and one is void. It
begins wherever another was killed: each step looks for what there is to do.
"""

import os
import sys
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")

PAYEES = 6


def build(person):
    from payouts import operations
    from payouts.models import PayoutRun

    waiting = PayoutRun.objects.filter(status="building").first()
    waiting = waiting or operations.start_run(period_end=_today(), by=person)
    operations.build_run(waiting.pk)


def submit(person):
    from payouts import operations

    for payout in _payouts("draft"):
        operations.submit_payout(payout_id=payout.pk, by=person)


def approve(approver):
    from payouts import operations

    for payout in _payouts("awaiting_approval"):
        operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=approver)


def export(person):
    from payouts import operations

    if ids := [payout.pk for payout in _payouts("approved") if not payout.exported_at]:
        operations.export_payouts(payout_ids=ids, format="csv", execute_on=_today(), by=person)


def pay(person):
    """All but one, which the bank did not pay."""
    from payouts import operations

    _void, *paid = [payout for payout in _payouts("approved") if payout.exported_at] or [None]
    for payout in paid:
        operations.mark_paid(payout_id=payout.pk, reference="bank", by=person)


def void(person):
    from payouts import operations

    for payout in _payouts("approved"):
        operations.void_payout(payout_id=payout.pk, reason="The bank refused", bank_did_not_pay=True, by=person)


def earn(person):
    """Two records of each payee are approved, in one statement; a run books them."""
    from attribution.models import AttributionRecord
    from tests.factories import AttributionRecordFactory

    made = [
        AttributionRecordFactory(
            payee_id=f"partner-{number % PAYEES}",
            partner_id=f"partner-{number % PAYEES}",
            commission_amount=Decimal("12.34") + number,
        )
        for number in range(2 * PAYEES)
    ]
    AttributionRecord.objects.filter(pk__in=[record.pk for record in made]).update(status="approved")


def walk(person, approver):
    """Once round, from wherever the books stand."""
    for step in (build, submit):
        step(person)
    approve(approver)
    for step in (export, pay, void, earn):
        step(person)


def _payouts(status):
    from payouts.models import Payout

    return list(Payout.objects.filter(status=status).order_by("number"))


def _today():
    import datetime as dt

    return dt.datetime.now(dt.UTC).date()


def work():
    from django.contrib.auth import get_user_model

    people = get_user_model().objects
    person, approver = people.get(username="walker"), people.get(username="approver")
    while True:
        walk(person, approver)


def main():
    from payouts import tasks
    from tests import factories  # noqa: F401

    # Nobody else is to build: the runs are this process's.
    tasks.build_run.delay = lambda run_id: None
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            work()
        print(pid, flush=True)
        _pid, status = os.waitpid(pid, 0)
        print("killed" if os.WIFSIGNALED(status) else "ended", flush=True)


if __name__ == "__main__":
    django.setup()
    main()
