"""What people and workers do to the money of a few payees, chosen at random from what is there at that moment."""

from decimal import Decimal

import attribution.operations
from attribution.models import AttributionRecord
from conversions.models import Conversion
from disputes.actors import Actor
from disputes.models import OPEN, Dispute
from disputes.operations import file_dispute, reject_dispute, withdraw_dispute
from payouts import operations
from payouts.models import Payout, PayoutRun
from tests.disputes.doings import NothingToDo
from tests.payouts import books

PAYEES = ["partner-1", "partner-2", "partner-3"]


class Doings:
    """`chance` decides all that is not decided by who comes first."""

    def __init__(self, people, chance):
        self.people, self.chance = people, chance

    def _some(self, found):
        rows = list(found)
        if not rows:
            raise NothingToDo
        return self.chance.choice(rows)

    def _person(self):
        return self.chance.choice(self.people)

    def _payout(self, *statuses):
        return self._some(Payout.objects.filter(status__in=statuses).order_by("-number")[:4])

    def _record(self, *statuses):
        return self._some(AttributionRecord.objects.filter(payable=True, status__in=statuses).order_by("pk"))

    # Of records.

    def approve_record(self):
        record = self._record("calculated")
        attribution.operations.change_record(
            record_id=record.pk, status="approved", reason="checked", by=self._person()
        )

    def file(self):
        record = self._record("calculated", "approved", "paid")
        claim = {"dispute_type": "amount", "reason": "Too little"}
        file_dispute(record_id=record.pk, claim=claim, by=Actor(payee=(record.payee_type, record.payee_id)))

    def end_dispute(self):
        dispute = self._some(Dispute.objects.filter(status__in=OPEN).order_by("pk"))
        if self.chance.random() < 0.6:
            withdraw_dispute(dispute_id=dispute.pk, by=Actor(payee=dispute.claimant))
        else:
            by = Actor(user=self._person())
            reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=by)

    def reverse(self):
        record = self._record("approved", "paid")
        conversion = Conversion.objects.get(pk=record.conversion_id)
        amount = (conversion.remaining_value / 3).quantize(Decimal("0.01"))
        values = {"reason": "refund", "amount": amount}
        attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=self._person())

    # Of the ledger.

    def book(self):
        operations.book()

    def adjust(self):
        one, other = self.chance.sample(self.people, 2)
        proposal = operations.propose_adjustment(
            payee_type="partner",
            payee_id=self.chance.choice(PAYEES),
            currency="USD",
            amount=Decimal(self.chance.choice([-20, -1, 3, 50])),
            reason="Paid twice in spring",
            by=one,
        )
        operations.accept_proposal(proposal_id=proposal.pk, by=other)

    # Of payouts.

    def build(self):
        run = operations.start_run(period_end=books.today(), by=self._person())
        operations.build_run(run.pk)

    def build_again(self):
        operations.build_run(self._some(PayoutRun.objects.order_by("-pk")[:2]).pk)

    def submit(self):
        operations.submit_payout(payout_id=self._payout("draft").pk, by=self._person())

    def hold_back(self):
        payout = self._payout("draft")
        line = self._some(payout.lines.filter(live=True).order_by("entry_id"))
        operations.hold_back(payout_id=payout.pk, entry_ids=[line.entry_id], reason="Later", by=self._person())

    def send_back(self):
        operations.send_back(payout_id=self._payout("awaiting_approval").pk, reason="Wrong", by=self._person())

    def approve(self):
        payout = self._payout("awaiting_approval")
        operations.approve_payout(payout_id=payout.pk, lines_hash=payout.lines_hash, by=self._person())

    def export(self):
        """As a list: it asks for no bank account."""
        ids = [payout.pk for payout in Payout.objects.filter(status="approved") if self.chance.random() < 0.7]
        if not ids:
            raise NothingToDo
        operations.export_payouts(payout_ids=ids, format="csv", execute_on=books.today(), by=self._person())

    def pay(self):
        operations.mark_paid(payout_id=self._payout("approved").pk, reference="ref", by=self._person())

    def void(self):
        payout = self._payout("draft", "awaiting_approval", "approved")
        said = self.chance.random() < 0.5
        operations.void_payout(payout_id=payout.pk, reason="Wrong", bank_did_not_pay=said, by=self._person())

    def reissue(self):
        operations.reissue_payout(payout_id=self._payout("void").pk, by=self._person())

    def return_payment(self):
        operations.return_payment(payout_id=self._payout("paid").pk, reason="Closed", by=self._person())
