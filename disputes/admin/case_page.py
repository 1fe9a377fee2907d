"""Everything that the page of a case shows, read with a number of queries that does not grow with the case."""

import datetime as dt
from functools import cached_property

from django.conf import settings
from django.utils import timezone

import attribution.operations
from attribution.admin import timeline
from attribution.models import AttributionModel, AttributionRecord, with_net
from attribution.plain_words import sentences
from conversions.models import Conversion
from disputes import operations
from disputes.actors import Actor
from disputes.admin import case_history, evidence_items, settlement_lines, talk
from disputes.clock import BusinessHours
from disputes.deciders import why_not
from disputes.models import Dispute, Party
from partners.admin import page_link, payee_link
from touchpoints.admin import lead_link

Status = Dispute.Status
OTHERS_SHOWN = 20


class CasePage:
    """One request for the page of one dispute."""

    def __init__(self, dispute, request):
        self.dispute, self.request, self.user = dispute, request, request.user
        self.now = timezone.now()

    def context(self):
        return {
            "title": str(self.dispute),
            "original": self.dispute,
            "dispute": self.dispute,
            "page": self,
            "clock": self.clock,
            "timeline": self.timeline,
            "sentences": self.sentences,
            "evidence": evidence_items.by_source(self.dispute, self.request),
            "talk": talk.conversation(self.dispute, self.parties),
            "kinds": talk.kinds_of(self.dispute),
            "history": case_history.of(self.dispute),
            "outcome": settlement_lines.of(self.dispute),
            "rejection": self.dispute.get_rejection_display() if self.dispute.rejection else "",
        }

    @cached_property
    def parties(self):
        return list(self.dispute.parties.all())

    @property
    def others_in_words(self):
        others = [str(party) for party in self.parties if party.role == Party.Role.RESPONDENT]
        if not others:
            return "nobody else takes part"
        return ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "") + " learn"

    @cached_property
    def conversion(self):
        return Conversion.objects.filter(pk=self.dispute.conversion_id).first()

    @cached_property
    def record(self):
        if self.dispute.record_id is None:
            return None
        return with_net(AttributionRecord.objects.filter(pk=self.dispute.record_id)).first()

    @cached_property
    def timeline(self):
        if self.conversion is None:
            return None
        marked = self.record.touchpoint_id if self.record else None
        made = timeline.of_conversion(
            self.conversion, model=self.dispute.model, marked=marked, first=self.dispute.claimant
        )
        return made | {"marked_text": "the disputed touch"}

    @cached_property
    def sentences(self):
        """Of the disputed record, those on rounding apart; where there is none, that there is none."""
        if self.record is None:
            if self.dispute.record_id:
                return {"first": ["The record that was disputed is no more: a decision took its touch out."]}
            return {"first": ["The claim is of a touch that the journey lacks: there is no record that it is about."]}
        told = self.timeline and self.timeline["told"]
        if told is None or told.record.pk != self.record.pk:
            told = attribution.operations.explain(record_id=self.record.pk)
        rule, *others = sentences(told)
        return {"first": [rule, *others[:1], *others[-1:]], "cents": others[1:-1]}

    @property
    def claimant_link(self):
        return payee_link(*self.dispute.claimant)

    @property
    def lead_link(self):
        return lead_link(self.dispute.lead_id)

    @property
    def conversion_link(self):
        kind = self.conversion.get_type_display() if self.conversion else "no longer stored"
        return page_link(Conversion, self.dispute.conversion_id, kind)

    @property
    def model(self):
        return AttributionModel(self.dispute.model).label

    # The clock

    @cached_property
    def time_left(self):
        left = self.dispute.time_left
        if left is None:
            left = BusinessHours.from_settings().between(self.now, self.dispute.due_at)
        return in_hours(left)

    @property
    def clock(self):
        dispute = self.dispute
        if not dispute.is_open:
            return {"state": "closed", "text": dispute.get_status_display(), "at": dispute.closed_at}
        if dispute.status == Status.NEEDS_INFORMATION:
            # Whose clock stands still for ever would be forgotten.
            return {"state": "still", "text": f"Clock stands still, {self.time_left} left", "at": dispute.answer_due_at}
        if dispute.is_overdue(self.now):
            return {"state": "overdue", "text": f"Overdue by {self.time_left.lstrip('−')}", "at": dispute.due_at}
        soon = dispute.due_at - self.now < dt.timedelta(hours=24)
        return {"state": "soon" if soon else "running", "text": f"{self.time_left} left", "at": dispute.due_at}

    # What this person may do now

    @cached_property
    def may_handle(self):
        return self.user.has_perm("disputes.change_dispute")

    @cached_property
    def may_decide(self):
        return self.user.has_perm("disputes.resolve_dispute")

    @property
    def is_mine(self):
        return self.dispute.assigned_to_id == self.user.pk

    @cached_property
    def why_not_decide(self):
        """Why this person does not decide it, though others with the same permission do."""
        return str(why_not(self.dispute, Actor(user=self.user)) or "")

    @property
    def can_decide(self):
        return self.dispute.is_open and self.may_decide and not self.why_not_decide

    @property
    def simulates(self):
        return self.dispute.is_open and self.may_decide

    @property
    def can_take(self):
        return self.can_decide and self.may_handle and self.dispute.assigned_to_id is None

    @property
    def can_take_over(self):
        has_one = self.dispute.assigned_to_id is not None
        return self.can_decide and self.may_handle and has_one and not self.is_mine

    @property
    def can_ask(self):
        return self.may_handle and self.dispute.status in {Status.OPEN, Status.UNDER_REVIEW}

    @property
    def waits_for_answer(self):
        return self.may_handle and self.dispute.status == Status.NEEDS_INFORMATION

    @property
    def can_assign(self):
        return self.may_handle and self.dispute.is_open

    @property
    def can_withdraw(self):
        is_filers = self.dispute.filed_by_id == self.user.pk
        return (
            self.may_handle
            and is_filers
            and self.dispute.status in {Status.UNDER_REVIEW, Status.NEEDS_INFORMATION, Status.OPEN}
        )

    @property
    def can_appeal(self):
        dispute = self.dispute
        decided = dispute.status in {Status.RESOLVED, Status.REJECTED}
        in_time = decided and self.now <= self.last_appeal
        return self.may_handle and in_time and not operations.is_final(dispute)

    @property
    def appeals_in_words(self):
        """What can be done against the decision that is about to be taken."""
        if operations.is_final(self.dispute):
            return "The decision is final: nobody may appeal it."
        return f"For {settings.DISPUTE_APPEAL_DAYS} days each of them may appeal; another person decides that."

    @property
    def last_appeal(self):
        return self.dispute.closed_at + dt.timedelta(days=settings.DISPUTE_APPEAL_DAYS)

    @property
    def next_step(self):
        """The one that is offered first."""
        if self.can_take:
            return "take"
        if self.waits_for_answer:
            return "answer"
        if self.can_take_over:
            return "take-over"
        if self.can_decide:
            return "decide"
        return "appeal" if self.can_appeal else ""

    # What it stands beside

    @cached_property
    def appeals(self):
        return list(self.dispute.appeals.all()[:OTHERS_SHOWN])

    @cached_property
    def others(self):
        """Other disputes of the conversion."""
        found = Dispute.objects.of_conversion(self.dispute.conversion_id).exclude(pk=self.dispute.pk)
        return [
            each
            for each in found[:OTHERS_SHOWN]
            if each.appeal_of_id != self.dispute.pk and each.pk != self.dispute.appeal_of_id
        ]


def in_hours(left):
    minutes = int(left.total_seconds() / 60)
    sign, minutes = ("−", -minutes) if minutes < 0 else ("", minutes)
    return f"{sign}{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{sign}{minutes} min"
