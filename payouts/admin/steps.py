"""The steps of a payout as its page offers them: who may, in which state, and what each will do."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from attribution.admin.adding import OperationForm
from payouts import operations
from payouts.admin.forms import ReasonForm
from payouts.admin.lines import records_to_pay, releasable
from payouts.models import Payout, Status

CHANGE, APPROVE = "payouts.change_payout", "payouts.approve_payout"
UNPAID = (Status.DRAFT, Status.AWAITING_APPROVAL, Status.APPROVED)


class SeenForm(OperationForm):
    """Approves what the page showed, and nothing else."""

    lines_hash = forms.CharField(widget=forms.HiddenInput, required=False)


class HoldBackForm(ReasonForm):
    entries = forms.CharField(
        widget=forms.HiddenInput, error_messages={"required": "Choose the lines on the payout's page first."}
    )
    error_field = None

    def clean_entries(self):
        try:
            return {uuid.UUID(each) for each in self.cleaned_data["entries"].split(",")}
        except ValueError:
            raise forms.ValidationError("These are no lines of a payout.") from None


class PaidForm(OperationForm):
    paid_at = forms.SplitDateTimeField(label="When", widget=UnfoldAdminSplitDateTimeWidget, initial=timezone.now)
    reference = forms.CharField(
        max_length=140, required=False, label="The bank's reference", widget=UnfoldAdminTextInputWidget
    )


class VoidForm(ReasonForm):
    bank_did_not_pay = forms.BooleanField(
        required=False,
        label="It is in a bank file, and I know that the bank did not pay it",
        widget=UnfoldBooleanWidget,
    )


@dataclass(frozen=True)
class Step:
    button: str
    done: str
    permission: str
    states: tuple[str, ...]
    do: Callable[..., Any]
    says: Callable[[Payout], list[str]]
    form: type[OperationForm] = OperationForm
    is_danger: bool = False


def amount_of(payout):
    return f"{payout.total:,.2f} {payout.currency}"


def _submit_says(payout):
    needed = operations.approvals_for(payout.total)
    people = "One other person approves it" if needed == 1 else f"{needed} other people approve it"
    return [
        f"{amount_of(payout)} in {payout.line_count:,} lines is handed over. {people}.",
        "Its lines stay as they are now.",
    ]


def _approve_says(payout):
    given = payout.approvals.filter(submission=payout.submission).count()
    left = payout.approvals_needed - given - 1
    rest = "It is approved then, and may be paid." if left <= 0 else f"It takes {left} more after yours."
    return [f"You approve {amount_of(payout)} in {payout.line_count:,} lines, as its page showed them.", rest]


def _paid_says(payout):
    return [
        f"A payment of {amount_of(payout)} is booked for good; what the bank returns is booked anew.",
        f"{records_to_pay(payout):,} records become paid.",
    ]


def _void_says(payout):
    return [
        f"{amount_of(payout)} is not paid. {releasable(payout):,} entries are open again, for a run or a reissue.",
        f"{payout} keeps its number and stays void.",
    ]


STEPS = {
    "submit": Step(
        "Submit for approval", "{} waits for approval.", CHANGE, (Status.DRAFT,), operations.submit_payout, _submit_says
    ),
    "approve": Step(
        "Approve",
        "You approved {}.",
        APPROVE,
        (Status.AWAITING_APPROVAL,),
        operations.approve_payout,
        _approve_says,
        SeenForm,
    ),
    "mark-paid": Step(
        "Mark as paid", "{} is paid.", CHANGE, (Status.APPROVED,), operations.mark_paid, _paid_says, PaidForm
    ),
    "reissue": Step(
        "Issue again",
        "A new draft was made of {}.",
        CHANGE,
        (Status.VOID,),
        operations.reissue_payout,
        lambda payout: [f"What {payout} held and is still open becomes a new draft, which is approved like any other."],
    ),
    "send-back": Step(
        "Send back",
        "{} is a draft again.",
        APPROVE,
        (Status.AWAITING_APPROVAL,),
        operations.send_back,
        lambda payout: [f"{payout} is a draft again. Approvals that it has count no more."],
        ReasonForm,
    ),
    "hold-back": Step(
        "Hold back",
        "The lines are held back from {}.",
        CHANGE,
        (Status.DRAFT,),
        lambda *, entries, **values: operations.hold_back(entry_ids=entries, **values),
        lambda payout: ["The lines leave this payout. They are open again, and a later run pays them."],
        HoldBackForm,
    ),
    "return": Step(
        "The bank returned it",
        "The return of {} is booked.",
        CHANGE,
        (Status.PAID,),
        operations.return_payment,
        lambda payout: [
            f"{amount_of(payout)} is owed to the payee again, and open for the next run. {payout} stays paid."
        ],
        ReasonForm,
        True,
    ),
    "void": Step("Void", "{} is void.", CHANGE, UNPAID, operations.void_payout, _void_says, VoidForm, True),
}


def steps_for(payout, user):
    """By verb, the next one first; hold back is offered beside the lines."""
    return {
        verb: step
        for verb, step in STEPS.items()
        if payout.status in step.states
        and user.has_perm(step.permission)
        and not (verb == "approve" and why_not(payout, user))
    }


def why_not(payout, user):
    """Why somebody who approves payouts does not approve this one."""
    if payout.status != Status.AWAITING_APPROVAL or not user.has_perm(APPROVE):
        return ""
    if user.pk in {payout.prepared_by_id, payout.submitted_by_id}:
        return "You prepared it: somebody else approves it."
    if payout.approvals.filter(submission=payout.submission, by=user).exists():
        return "You approved it: it takes another person."
    return ""
