"""Disputes about the demo's leads, made by the operations that people use, then moved back to when they were filed."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pgtrigger
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone

import attribution.operations
from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, NewTouch, Way
from attribution_site.errors import DomainError
from disputes import operations
from disputes.actors import Actor
from disputes.clock import BusinessHours
from disputes.demo.cases import ANSWER, CASES, NOTE, QUESTION, REASONS, REJECTED, RESOLVED
from disputes.models import Dispute
from disputes.operations import resolving
from partners.models import Broker, Partner

# What the demo's leads are called; its own code is in attribution.demo.
LEADS = "demo-"
PEOPLE = ["operations", "administrator", "finance"]
WORTH = Decimal(20)
# Times are facts. Only here, before anybody has seen them, are they moved.
TIMES = [
    "disputes.Dispute:facts_stay",
    "disputes.Dispute:closed_stays",
    "disputes.Message:append_only",
    "disputes.Evidence:append_only",
    "disputes.Party:append_only",
]


class NothingToDispute(DomainError):
    """No demo data, or too little of it, or nobody to decide."""


def is_loaded() -> bool:
    return Dispute.objects.filter(lead_id__startswith=LEADS).exists()


@transaction.atomic
def load(*, pay: Callable[[], None]) -> int:
    """How many were made; none if they are there. `pay`: pays all that is approved when it is called."""
    with connection.cursor() as cursor:
        # Two at once would both find none.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('disputes.demo'))")
    if is_loaded():
        return 0
    people = get_user_model().objects.filter(username__in=PEOPLE).in_bulk(field_name="username")
    if len(people) < len(PEOPLE):
        raise NothingToDispute("The demo's logins are not there.")
    records = _records(len(CASES))
    stories = [_Story(case, record, people) for case, record in zip(CASES, records, strict=True)]
    for paid in (True, False):
        for story in stories:
            story.prepare(paid=paid)
        if paid:
            pay()
    disputes = [story.told() for story in stories]
    _second_on_the_conversion(stories[0])
    return len(disputes) + 1 + sum(bool(case.appeal) for case in CASES)


def _records(number):
    """Each of another lead, with others in the journey, spread over the weeks; the same ones every time."""
    fit = AttributionRecord.objects.filter(
        lead_id__startswith=LEADS,
        payable=True,
        status="calculated",
        commission_amount__gte=WORTH,
        journey_length__range=(3, 12),
        currency="USD",
    ).exclude(payee_type="house")
    by_lead: dict[str, AttributionRecord] = {}
    for record in fit.order_by("occurred_at", "pk"):
        by_lead.setdefault(record.lead_id, record)
    found = list(by_lead.values())
    if len(found) < number:
        raise NothingToDispute(f"The demo has {len(found)} leads that one could dispute, and {number} are needed.")
    step = len(found) / number
    return [found[int(place * step)] for place in range(number)]


class _Story:
    """One dispute from its filing to its end."""

    def __init__(self, case, record, people):
        self.case, self.record = case, record
        self.person = Actor(user=people["operations"])
        self.other = Actor(user=people["administrator"])
        self.finance = people["finance"]
        self.payee = (record.payee_type, record.payee_id)
        self.claimant = self._claimant()
        self.party = Actor(payee=self.claimant)

    def _claimant(self):
        """Of a wrong partner or broker: another one. Else whose the record is."""
        models = {"partner": Partner, "broker": Broker}
        if self.case.type not in models and self.case.end not in {"reassign", "split"}:
            return self.payee
        kind = self.case.type if self.case.type in models else "partner"
        others = models[kind].objects.filter(status="active").exclude(pk=self.record.payee_id).order_by("pk")
        return kind, others[self.record.position % others.count()].pk

    def told(self):
        dispute = self._filed()
        appeal = self._went_on(dispute)
        moved_back(dispute.pk, self.case.days, self.case.took)
        if appeal is not None:
            moved_back(appeal.pk, max(self.case.days - 12, 1), self.case.took)
        return dispute

    def prepare(self, *, paid):
        """Approve its record: one that is to be paid first, so that nothing else is paid with it."""
        if self.case.record == ("paid" if paid else "approved"):
            change = {"record_id": self.record.pk, "reason": "Checked for the month", "by": self.finance}
            attribution.operations.change_record(status="approved", **change)

    def _filed(self):
        case = self.case
        claim = {"dispute_type": case.type, "reason": REASONS[case.type]}
        if case.type in {"amount", "missing"}:
            claim["expected_amount"] = (self.record.commission_amount * Decimal("1.2")).quantize(Decimal("0.01"))
        about = (
            {"conversion_id": self.record.conversion_id} if case.type == "missing" else {"record_id": self.record.pk}
        )
        # A key claims what is its own payee's; for another's record the house files.
        by = self.party if self.claimant == self.payee else self.other
        dispute = operations.file_dispute(**about, claimant=self.claimant, claim=claim, by=by)
        if case.file:
            self._bring(dispute)
        return dispute

    def _bring(self, dispute):
        text = (
            f"Call log, adviser 7\r\nlead {dispute.lead_id}\r\n14:32 call taken, 11 minutes\r\n"
            f"14:45 quote sent\r\nreference {self.record.touchpoint_id}\r\n"
        )
        upload = SimpleUploadedFile("call-log.txt", text.encode(), "text/plain")
        operations.add_file(dispute_id=dispute.pk, upload=upload, name="call-log.txt", by=self.party)

    def _went_on(self, dispute):
        end = self.case.end
        if end == "open":
            return None
        if end == "withdrawn":
            filer = self.party if dispute.filed_by is None else self.other
            operations.withdraw_dispute(dispute_id=dispute.pk, reason="It was our mistake.", by=filer)
            return None
        to = self.person.user
        operations.assign_dispute(dispute_id=dispute.pk, to=to, by=self.person)
        if end in {"asked", "answered"} or self.case.took > 30:
            operations.ask_information(dispute_id=dispute.pk, question=QUESTION, by=self.person)
        if end == "answered" or self.case.took > 30:
            operations.answer_information(dispute_id=dispute.pk, answer=ANSWER, by=self.party)
        if self.case.file:
            operations.add_note(dispute_id=dispute.pk, body=NOTE, by=self.person)
        if end in {"review", "asked", "answered"}:
            return None
        self._decided(dispute, end, self.person)
        return self._appealed(dispute)

    def _decided(self, dispute, end, by):
        if end in REJECTED:
            operations.reject_dispute(dispute_id=dispute.pk, rejection=end, resolution=REJECTED[end], by=by)
        else:
            decision = self._decision(dispute, end)
            operations.resolve_dispute(dispute_id=dispute.pk, resolution=RESOLVED[end], decision=decision, by=by)

    def _decision(self, dispute, end):
        touch = self.record.touchpoint_id
        match end:
            case "exclude":
                return Decision(Way.EXCLUDE, touch)
            case "reassign":
                # The claimant's own touch can only go to another: here to the house, which had sent the letter.
                return Decision(Way.REASSIGN, touch, HOUSE if self.claimant == self.payee else self.claimant)
            case "split":
                return Decision(Way.SPLIT, touch, self.claimant, percentage=Decimal(50))
            case "claimed":
                label = f"Set the share to what is claimed, {dispute.expected_amount} {dispute.currency}"
                return dict(resolving.offered(dispute))[label]
            case "insert":
                met = NewTouch("event", self.record.touched_at + dt.timedelta(minutes=20), source="spring-fair")
                return Decision(Way.INSERT, payee=self.claimant, touch=met)
        return None

    def _appealed(self, dispute):
        if not self.case.appeal:
            return None
        reason = "The log shows another hour than the decision says. Please look at it again."
        appeal = operations.appeal_dispute(dispute_id=dispute.pk, reason=reason, by=self.party)
        if self.case.appeal != "open":
            self._decided(appeal, self.case.appeal, self.other)
        return appeal


def _second_on_the_conversion(story):
    """Another payee, or the same for a missing touch, has something to say about the first story's conversion too."""
    record = story.record
    others = AttributionRecord.objects.filter(conversion_id=record.conversion_id, payable=True, status="calculated")
    other = others.exclude(payee_type="house").exclude(pk=record.pk).first()
    claim = {"dispute_type": "duplicate" if other else "missing", "reason": REASONS["missing"]}
    if other:
        payee = (other.payee_type, other.payee_id)
        dispute = operations.file_dispute(record_id=other.pk, claim=claim, by=Actor(payee=payee))
    else:
        by = Actor(payee=story.payee)
        dispute = operations.file_dispute(conversion_id=record.conversion_id, claim=claim, by=by)
    moved_back(dispute.pk, 0.2, 0)


def moved_back(pk, days, took):
    """As if it had been filed so many days ago and, if it is closed, been closed after so many hours of work."""
    clock, now = BusinessHours.from_settings(), timezone.now()
    filed = now - dt.timedelta(days=days)
    dispute = Dispute.objects.get(pk=pk)
    due = clock.add(filed, Decimal(settings.DISPUTE_SLA_HOURS))
    times: dict[str, Any] = {"filed_at": filed, "due_at": due}
    end = now
    if dispute.closed_at:
        end = times["closed_at"] = min(clock.add(filed, Decimal(str(took))), now)
    if dispute.time_left is not None:
        times["time_left"] = max(clock.between(filed + (now - filed) / 2, due), -dt.timedelta(hours=8))
    with pgtrigger.ignore(*TIMES):
        Dispute.objects.filter(pk=pk).update(**times)
        dispute.evidence.update(added_at=filed)
        dispute.parties.update(told_at=filed)
        messages = list(dispute.messages.all())
        for place, message in enumerate(messages, 1):
            sent = filed + (end - filed) * place / (len(messages) + 1)
            dispute.messages.filter(pk=message.pk).update(sent_at=sent)
