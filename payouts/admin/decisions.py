"""What people decide beside the records: proposed adjustments, and holds."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from attribution.admin.adding import AddByOperation
from attribution.admin.records import PayeeFilter
from conversions.admin import money
from partners.admin import moment, payee_link
from payouts import operations
from payouts.admin.forms import NoteForm, PayeeForm, ReasonForm, confirmed
from payouts.models import Hold, Proposal


class ProposalForm(PayeeForm):
    amount = forms.DecimalField(
        max_digits=14,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Below zero: the payee owes it.",
    )
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget)
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The payee reads it on the statement.",
    )
    submit_text = "Propose"
    done_text = "{} is proposed. Somebody else accepts or declines it."


class HoldForm(PayeeForm):
    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))
    submit_text = "Place the hold"
    done_text = "{} is placed: no run pays it until the hold is lifted."


class DecidedAdmin(AddByOperation):
    """Rows that are added by one operation and decided by others, each on a page of its own."""

    sortable_by: list[str] = []
    # By verb: the button, what is asked for, the operation, what is said afterwards and what before.
    decisions: dict[str, tuple[str, type[forms.Form], Callable[..., Any], str, str]]

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def form_of(self, request):
        """A link may fill some of it in."""
        return self.operation_form(request.POST or None, initial=request.GET.dict())

    def url_after_adding(self, row):
        """Where it stands among the others, with what can be decided about it."""
        return reverse(f"admin:payouts_{self.opts.model_name}_changelist")

    def get_urls(self):
        view, name = self.admin_site.admin_view(self.decide), f"payouts_{self.opts.model_name}_decide"
        return [path("<str:object_id>/<slug:verb>/decide/", view, name=name), *super().get_urls()]

    def decide(self, request, object_id, verb):
        if not request.user.has_perm(f"payouts.change_{self.opts.model_name}"):
            raise PermissionDenied
        if verb not in self.decisions:
            raise Http404
        row = get_object_or_404(self.get_queryset(request), pk=self.opts.pk.to_python(object_id))
        button, form_class, work, done, says = self.decisions[verb]
        form = form_class(request.POST if request.method == "POST" else None)
        return confirmed(
            self,
            request,
            form,
            lambda: work(by=request.user, **{self.id_argument: row.pk}, **form.cleaned_data),
            back=self.url_after_adding(row),
            done=done,
            title=f"{button}: {row}",
            button=button,
            sentences=[says],
        )

    def get_changelist_instance(self, request):
        """Who only reads is shown no button."""
        found = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        may_decide = request.user.has_perm(f"payouts.change_{self.opts.model_name}")
        for row in found.result_list:
            row.may_decide = may_decide
        return found

    def links(self, row):
        if not getattr(row, "may_decide", False):
            return ""
        name = f"admin:payouts_{self.opts.model_name}_decide"
        found = [(reverse(name, args=[row.pk, verb]), each[0]) for verb, each in self.decisions.items()]
        parts = [format_html('<a class="row-link" href="{}">{}</a>', *each) for each in found]
        return format_html(" ".join(["{}"] * len(parts)), *parts)

    @display(description="Payee")
    def payee(self, row):
        return payee_link(row.payee_type, row.payee_id)


@admin.register(Proposal)
class ProposalAdmin(DecidedAdmin):
    list_display = ["proposed", "payee", "shown_amount", "kind", "reason", "proposed_by", "shown_status", "decision"]
    list_select_related = ["proposed_by"]
    list_filter = ["status", "kind", PayeeFilter]
    operation_form = ProposalForm
    add_title = "Propose an adjustment"
    id_argument = "proposal_id"
    decisions = {
        "accept": (
            "Accept", NoteForm, operations.accept_proposal, "It is booked.",
            "It becomes an entry of the ledger, open for the payee's next payout. An entry is never taken back.",
        ),
        "decline": (
            "Decline", NoteForm, operations.decline_proposal, "It is declined.", "Nothing is booked, and it is closed.",
        ),
    }  # fmt: skip
    empty_title = "Nothing is proposed"
    empty_help = "Add one: it moves no money before another person accepts it."

    def perform(self, *, by, **arguments):
        return operations.propose_adjustment(by=by, **arguments)

    @display(description="Proposed")
    def proposed(self, proposal):
        return moment(proposal.proposed_at)

    @display(description="Amount")
    def shown_amount(self, proposal):
        return money(proposal.amount, proposal.currency)

    @display(
        description="State",
        label={"Proposed": "warning", "Accepted": "success", "Declined": "danger", "Superseded": "info"},
    )
    def shown_status(self, proposal):
        return proposal.get_status_display()

    @display(description="Decide")
    def decision(self, proposal):
        return self.links(proposal) if proposal.status == Proposal.Status.PROPOSED else proposal.decision_note


@admin.register(Hold)
class HoldAdmin(DecidedAdmin):
    list_display = ["placed", "payee", "reason", "placed_by", "decision"]
    list_select_related = ["placed_by", "lifted_by"]
    list_filter = [PayeeFilter, ("lifted_at", admin.EmptyFieldListFilter)]
    operation_form = HoldForm
    add_title = "Hold a payee's payments"
    id_argument = "hold_id"
    decisions = {
        "lift": ("Lift", ReasonForm, operations.lift_hold, "The hold is lifted.", "The next run pays the payee again.")
    }
    empty_title = "No payee is on hold"
    empty_help = "A hold keeps all that a payee earns open until it is lifted."

    def perform(self, *, by, **arguments):
        return operations.place_hold(by=by, **arguments)

    @display(description="Placed")
    def placed(self, hold):
        return moment(hold.placed_at)

    @display(description="Lifted")
    def decision(self, hold):
        return self.links(hold) if hold.lifted_at is None else moment(hold.lifted_at)
