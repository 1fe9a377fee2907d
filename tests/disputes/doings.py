"""What people and programs do to one conversion, chosen at random from what is there at that moment."""

import datetime as dt
from decimal import Decimal

import attribution.operations
from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, HandShare, NewTouch, Way
from attribution.taken_out import taken_out
from conversions.models import Conversion
from conversions.operations import change_conversion
from disputes import operations
from disputes.actors import Actor
from disputes.models import CLOSED, OPEN, Dispute
from partners.models import Partner
from tests.attribution.worlds import NOW
from touchpoints.models import Touchpoint

PARTNERS = [("partner", f"partner-{number}") for number in range(5)]
BROKERS = [("broker", f"broker-{number}") for number in range(2)]
FICKLE = "partner-4"  # suspended and taken back while others decide about its share
MODELS = ["position_based", "linear"]
RIGHT = "It is in the broker's log."


class NothingToDo(Exception):
    """Nothing is there to do this with, at this moment."""


class Doings:
    """`chance` decides all that is not decided by who comes first."""

    def __init__(self, conversion_id, people, chance):
        self.conversion_id, self.people, self.chance = conversion_id, people, chance

    def do(self, name):
        getattr(self, name)()

    def _some(self, found):
        rows = list(found)
        if not rows:
            raise NothingToDo
        return self.chance.choice(rows)

    def _record(self, *statuses):
        mine = AttributionRecord.objects.filter(conversion_id=self.conversion_id, payable=True).order_by("pk")
        return self._some(mine.filter(status__in=statuses) if statuses else mine)

    def _dispute(self, *statuses):
        mine = Dispute.objects.filter(conversion_id=self.conversion_id).order_by("pk")
        return self._some(mine.filter(status__in=statuses or OPEN))

    def _person(self):
        return self.chance.choice(self.people)

    def _house(self):
        return Actor(user=self._person())

    def _payee(self):
        return self.chance.choice([*PARTNERS, *BROKERS, HOUSE])

    def _claim(self, **values):
        return {"dispute_type": "amount", "reason": "We brought this lead."} | values

    # Of disputes.

    def file(self):
        record = self._record()
        expected = self.chance.choice([None, record.commission_amount * 2])
        claim = self._claim(expected_amount=expected)
        if record.payee_type == "house" or self.chance.random() < 0.3:
            who = self.chance.choice([*PARTNERS, *BROKERS])
            operations.file_dispute(record_id=record.pk, claimant=who, claim=claim, by=self._house())
        else:
            payee = (record.payee_type, record.payee_id)
            operations.file_dispute(record_id=record.pk, claim=claim, by=Actor(payee=payee))

    def file_missing(self):
        who = self.chance.choice([*PARTNERS, *BROKERS])
        claim = self._claim(dispute_type="missing", expected_amount=Decimal(1))
        operations.file_dispute(conversion_id=self.conversion_id, claim=claim, by=Actor(payee=who))

    def take(self):
        dispute = self._dispute()
        operations.assign_dispute(dispute_id=dispute.pk, to=self._person(), by=self._house(), take_over=True)

    def ask(self):
        operations.ask_information(dispute_id=self._dispute().pk, question="Which call?", by=self._house())

    def answer(self):
        dispute = self._dispute("needs_information")
        operations.answer_information(
            dispute_id=dispute.pk, answer="The one at noon.", by=Actor(payee=dispute.claimant)
        )

    def go_on(self):
        dispute = self._dispute("needs_information")
        operations.go_on_without_answer(dispute_id=dispute.pk, reason="Time is up.", by=self._house())

    def withdraw(self):
        dispute = self._dispute()
        operations.withdraw_dispute(dispute_id=dispute.pk, by=Actor(payee=dispute.claimant))

    def reject(self):
        operations.reject_dispute(
            dispute_id=self._dispute().pk, rejection="not_proven", resolution=RIGHT, by=self._house()
        )

    def resolve(self):
        dispute = self._dispute()
        decision = self._decision(dispute)
        operations.resolve_dispute(
            dispute_id=dispute.pk,
            resolution=RIGHT,
            decision=decision,
            confirmed=self._confirmed(dispute, decision),
            by=self._house(),
        )

    def _confirmed(self, dispute, decision):
        """Often what a simulation tells that it undoes, else nothing. Others may decide in between."""
        if decision is None or self.chance.random() < 0.2:
            return []
        [option] = operations.simulate(dispute_id=dispute.pk, decision=decision)
        return [each.settlement.pk for each in option.plan.undoes]

    def appeal(self):
        before = self._dispute(*CLOSED)
        party = self._some(before.parties.order_by("pk"))
        operations.appeal_dispute(dispute_id=before.pk, reason="Look again.", by=Actor(payee=party.payee))

    def simulate(self):
        operations.simulate(dispute_id=self._dispute().pk)

    def _decision(self, dispute):
        touch = self._record().touchpoint_id
        match self.chance.choice([*Way.values, Way.BY_HAND, None, "offered"]):
            case None:
                return None
            case "offered":
                return self._some(operations.resolving.offered(dispute))[1]
            case Way.REASSIGN:
                return Decision(Way.REASSIGN, touch, self._payee())
            case Way.SPLIT:
                percentage = Decimal(self.chance.choice(["50", "33.33333333", "0.00000001", "99.99999999", "10"]))
                return Decision(Way.SPLIT, touch, self._payee(), percentage=percentage)
            case Way.INSERT:
                at = NOW - dt.timedelta(hours=self.chance.randint(1, 200))
                return Decision(Way.INSERT, payee=dispute.claimant, touch=NewTouch("partner_referral", at))
            case Way.EXCLUDE:
                return Decision(Way.EXCLUDE, touch)
            case Way.RESTORE:
                return Decision(Way.RESTORE, self._some(taken_out(self.conversion_id)))
        if self.chance.random() < 0.3:
            touch = self._some([*taken_out(self.conversion_id), touch])
        shares = [HandShare(touch, Decimal(self.chance.choice([0, 1, 7, 50, "66.66666667"])), self._payee())]
        return Decision(Way.BY_HAND, shares=shares, spread=True)

    # Of records and what they are made from.

    def approve(self):
        record = self._record("calculated")
        attribution.operations.change_record(
            record_id=record.pk, status="approved", reason="checked", by=self._person()
        )

    def pay(self):
        """As payouts will: one statement, whoever else is at it."""
        record = self._record("approved")
        AttributionRecord.objects.filter(pk=record.pk, status="approved").update(status="paid")

    def give_by_hand(self):
        kind, pk = self._payee()
        record = self._record("calculated")
        attribution.operations.change_record(
            record_id=record.pk, payee_type=kind, payee_id=pk, reason="known", by=self._person()
        )

    def reverse(self):
        conversion = Conversion.objects.get(pk=self.conversion_id)
        unit = Decimal(1) if conversion.currency == "JPY" else Decimal("0.01")
        part = self.chance.choice([Decimal("0.01"), Decimal("0.1"), Decimal("0.333")])
        amount = None if self.chance.random() < 0.03 else (conversion.remaining_value * part).quantize(unit)
        values = {"reason": "refund", "amount": amount}
        attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=self._person())

    def recalculate(self):
        lead = Conversion.objects.values_list("lead_id", flat=True).get(pk=self.conversion_id)
        attribution.operations.calculate_and_save(lead_id=lead, model_names=MODELS)

    def run(self):
        """By a worker's shard, which has the lead and its neighbours for as long as it takes."""
        run = attribution.operations.start_run(model_names=MODELS, conversion_ids=[self.conversion_id], queue=False)
        for shard in run.shards.all():
            attribution.operations.calculate_shard(shard.pk)

    def late_touch(self):
        lead = Conversion.objects.values_list("lead_id", flat=True).get(pk=self.conversion_id)
        at = NOW - dt.timedelta(hours=self.chance.randint(1, 300))
        partner = self.chance.choice([None, *(pk for _, pk in PARTNERS)])
        Touchpoint.objects.create(lead_id=lead, channel="email", timestamp=at, partner_id=partner)

    def change_value(self):
        conversion = Conversion.objects.get(pk=self.conversion_id)
        changes = {"value": conversion.value + self.chance.randint(1, 900), "commission_amount": Decimal(37)}
        change_conversion(conversion_id=conversion.pk, changes=changes)

    def suspend(self):
        status = self.chance.choice(["active", "suspended"])
        Partner.objects.filter(pk=FICKLE).update(status=status)
