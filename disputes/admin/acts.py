"""What can be done to a dispute beside talking and deciding what it costs: each says what will happen, then happens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms

from disputes import operations
from disputes.admin.forms import CaseForm, PayeeField, long_text, payee_text
from disputes.deciders import deciders_of
from disputes.models import Dispute

CHANGE, RESOLVE = "change_dispute", "resolve_dispute"


class ActForm(CaseForm):
    def __init__(self, *arguments, page, **named):
        super().__init__(*arguments, **named)
        self.page = page


class ReasonForm(ActForm):
    reason = forms.CharField(label="Why", widget=long_text(maxlength=2000), max_length=2000)


class WithdrawForm(ActForm):
    reason = forms.CharField(label="Why", required=False, widget=long_text(maxlength=2000), max_length=2000)


class RejectForm(ActForm):
    rejection = forms.ChoiceField(
        label="Reason", choices=Dispute.Rejection.choices, widget=forms.RadioSelect(attrs={"class": "case-radio"})
    )
    resolution = forms.CharField(label="In words, for the claimant", widget=long_text(maxlength=2000), max_length=2000)


class AssignForm(ActForm):
    to: Any = forms.ModelChoiceField(
        queryset=None, empty_label=None, widget=forms.Select(attrs={"class": "case-input"})
    )

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        fields: dict[str, Any] = self.fields
        fields["to"].queryset = deciders_of(self.page.dispute)
        self.fields["to"].initial = self.page.dispute.assigned_to_id


class AppealForm(ActForm):
    claimant = PayeeField(label="For", widget=forms.Select(attrs={"class": "case-input"}))
    reason = forms.CharField(label="What is wrong with the decision", widget=long_text(maxlength=4000), max_length=4000)
    also_called = {"claimant_id": "claimant"}

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.fields["claimant"].widget.choices = [
            (payee_text(party.payee), f"{party}, {party.role}") for party in self.page.parties
        ]


@dataclass(frozen=True)
class Act:
    title: str
    button: str
    done: str
    form: type[ActForm]
    permission: str
    do: Callable[..., Any]
    says: Callable[..., list[str]]
    is_danger: bool = False


def _take(dispute, chosen, by):
    return operations.assign_dispute(dispute_id=dispute.pk, to=by.user, by=by)


def _take_over(dispute, chosen, by):
    return operations.assign_dispute(dispute_id=dispute.pk, to=by.user, take_over=True, by=by)


def _assign(dispute, chosen, by):
    return operations.assign_dispute(dispute_id=dispute.pk, to=chosen["to"], take_over=True, by=by)


def _go_on(dispute, chosen, by):
    return operations.go_on_without_answer(dispute_id=dispute.pk, reason=chosen["reason"], by=by)


def _withdraw(dispute, chosen, by):
    return operations.withdraw_dispute(dispute_id=dispute.pk, reason=chosen["reason"], by=by)


def _reject(dispute, chosen, by):
    return operations.reject_dispute(dispute_id=dispute.pk, by=by, **chosen)


def _appeal(dispute, chosen, by):
    return operations.appeal_dispute(dispute_id=dispute.pk, reason=chosen["reason"], claimant=chosen["claimant"], by=by)


def back_to(dispute):
    """What becomes of the record when the dispute ends."""
    if not dispute.record_status_before:
        return "No record is frozen by it."
    return f"The record goes back to {dispute.record_status_before}, if no other dispute holds it."


def _says_take(page):
    return [f"{page.dispute} is yours from then on, and under review.", "Nobody outside of the house is told."]


def _says_take_over(page):
    return [
        f"{page.dispute} is in the hands of {page.dispute.assigned_to}: from then on it is in yours.",
        "The state, the clock and the conversation stay as they are.",
    ]


def _says_assign(page):
    return [
        "Only people who may decide it can have it, and neither who filed it nor who decided what it appeals.",
        "One that is open goes under review. Who gets it is told by mail.",
    ]


def _says_go_on(page):
    return [
        f"{page.dispute} is under review again, and its clock goes on with {page.time_left} left.",
        "The claimant can still write; what you say here is kept as an internal note.",
    ]


def _says_withdraw(page):
    return [f"{page.dispute} ends without a decision; it cannot be opened again.", back_to(page.dispute)]


def _says_reject(page):
    return [
        f"{page.dispute} is closed as rejected by you. No money moves.",
        back_to(page.dispute),
        f"{page.dispute.claimant_id} is told the reason and your words; {page.others_in_words} that it is over.",
        page.appeals_in_words,
    ]


def _says_appeal(page):
    return [
        "A new dispute is filed, with the journey and the rule trace of today as its evidence.",
        "The record is frozen again if it is still that payee's own, and can be disputed.",
        f"Somebody else than {page.dispute.resolved_by or 'who decided'} decides it, and not you who enter it.",
    ]


ACTS = {
    "take": Act("Take it", "Take it", "{} is yours.", ActForm, RESOLVE, _take, _says_take),
    "take-over": Act(
        "Take it over?", "Take it over", "{} is yours now.", ActForm, RESOLVE, _take_over, _says_take_over
    ),
    "assign": Act("Assign it", "Assign", "{} is assigned.", AssignForm, CHANGE, _assign, _says_assign),
    "go-on": Act(
        "Go on without an answer?", "Go on", "{} is under review again.", ReasonForm, CHANGE, _go_on, _says_go_on
    ),
    "withdraw": Act(
        "Withdraw it?", "Withdraw", "{} is withdrawn.", WithdrawForm, CHANGE, _withdraw, _says_withdraw, True
    ),
    "reject": Act("Reject the claim?", "Reject", "{} is rejected.", RejectForm, RESOLVE, _reject, _says_reject, True),
    "appeal": Act(
        "Enter an appeal", "File the appeal", "An appeal of {} is filed.", AppealForm, CHANGE, _appeal, _says_appeal
    ),
}
