"""Bank accounts in the back office: who proposed which, what it changes, and who has to act next."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from attribution.admin.adding import AddByOperation
from attribution_site.errors import DomainError
from disputes.actors import Actor
from partners.admin import NOTHING, ReadOnlyAdmin, moment, page_link, payee_link
from partners.models import Broker, Partner
from payouts import operations
from payouts.admin.banking_forms import AccountForm, ReasonForm
from payouts.banking import keeping
from payouts.models import BankAccount

STATE_LABELS = {
    "Waits for a second person": "warning",
    "Cooling off": "info",
    "Active": "success",
    "Replaced": "default",
    "Refused": "danger",
    "Stopped": "danger",
}
ASK = "admin/partners/apikey/ask.html"
CAN_BE_CLOSED = {BankAccount.State.PROPOSED, BankAccount.State.COOLING_OFF, BankAccount.State.ACTIVE}
CONFIRMED = "{account} is confirmed. From {moment:%Y-%m-%d %H:%M} UTC on, money goes there."


class StateFilter(DropdownFilter):
    title = "status"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return BankAccount.State.choices

    def queryset(self, request, queryset):
        return queryset.filter(state=self.value()) if self.value() in BankAccount.State.values else queryset


@admin.register(BankAccount)
class BankAccountAdmin(AddByOperation, ReadOnlyAdmin):
    actions = None
    list_display = ["account", "payee", "state", "holder", "proposed", "proposer", "effective"]
    list_display_links = ["account"]
    list_select_related = ["proposed_by"]
    list_filter = [StateFilter, "method"]
    search_fields = ["payee_id", "holder", "mask"]
    search_help_text = "Payee's id, holder, or how the number ends"
    sortable_by: list[str] = []
    show_add_link = False
    actions_list = ["propose"]
    fieldsets = [
        (None, {"fields": ["state", "next_step", "change", "payee", "contact"]}),
        ("Account", {"fields": ["method", "currency", "holder", "is_company", "number", "bank", "same"]}),
        (
            "Who and when",
            {"fields": ["proposer", "proposed", "confirmer", "confirmed", "effective", "closed", "reason"]},
        ),
    ]
    readonly_fields = [name for _title, part in fieldsets for name in part["fields"]]
    operation_form = AccountForm
    add_title = "Propose a bank account"
    change_form_template = "admin/payouts/bankaccount/change_form.html"
    empty_title = "No bank accounts yet"
    empty_help = "Propose the first one here. Another person confirms it, and some days later payouts go there."

    @action(description="Propose an account", permissions=["add"], icon="add", variant=ActionVariant.PRIMARY)
    def propose(self, request):
        return HttpResponseRedirect(reverse("admin:payouts_bankaccount_add"))

    @method_decorator(sensitive_post_parameters("number"))
    def add_view(self, request, form_url="", extra_context=None):
        return super().add_view(request, form_url, extra_context)

    def perform(self, *, by, **arguments):
        return operations.propose_account(by=Actor(user=by), **arguments)

    def has_add_permission(self, request):
        return request.user.has_perm("payouts.add_bankaccount")

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user).with_state(timezone.now())

    def get_urls(self):
        views = {"confirm": self.confirm_view, "refuse": self.refuse_view}
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"payouts_bankaccount_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def confirm_view(self, request, pk):
        account, form = self._of(request, pk), forms.Form(request.POST if request.method == "POST" else None)
        if form.is_valid() and self._done(
            request, form, lambda: operations.confirm_account(account_id=pk, by=request.user)
        ):
            stored = self._of(request, pk)
            self.log_change(request, account, "Confirmed.")
            messages.success(request, CONFIRMED.format(account=account, moment=stored.effective_at))
            return self._to_page(pk)
        told = "You say that you know it to be theirs, from them and by another way than the proposal came: you called."
        return self._asked(request, form, title=f"Confirm {account} of {account.holder}?", act="Confirm", told=told)

    def refuse_view(self, request, pk):
        account, form = self._of(request, pk), ReasonForm(request.POST or None)
        is_active = account.state == BankAccount.State.ACTIVE
        if form.is_valid() and self._done(
            request,
            form,
            lambda: operations.refuse_account(account_id=pk, by=Actor(user=request.user), **form.cleaned_data),
        ):
            self.log_change(request, account, "Stopped." if is_active else "Refused.")
            messages.success(request, f"Nothing is paid to {account}.")
            return self._to_page(pk)
        told = "Money goes there now. Their payouts wait until another account is in force." if is_active else ""
        verb = "Stop" if is_active else "Refuse"
        return self._asked(request, form, title=f"{verb} {account} of {account.holder}?", act=verb, told=told)

    def _of(self, request, pk):
        if not request.user.has_perm("payouts.change_bankaccount"):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=pk)

    def _done(self, request, form, act):
        try:
            return act()
        except (ValidationError, DomainError) as error:
            form.add_error(None, error if isinstance(error, ValidationError) else str(error))
            return None

    def _asked(self, request, form, **context):
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media + form.media}
        status = 422 if form.errors else 200
        return TemplateResponse(request, ASK, {**frame, "form": form, **context}, status=status)

    def _to_page(self, pk):
        return HttpResponseRedirect(reverse("admin:payouts_bankaccount_change", args=[pk]))

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj is not None:
            may_act = request.user.has_perm("payouts.change_bankaccount")
            waits = obj.state == BankAccount.State.PROPOSED
            context |= {
                "title": str(obj),
                "may_confirm": may_act and waits and operations.may_confirm(obj, request.user),
                "may_refuse": may_act and obj.state in CAN_BE_CLOSED,
                "refuse_text": "Stop" if obj.state == BankAccount.State.ACTIVE else "Refuse",
            }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Account", ordering="-id")
    def account(self, account):
        return str(account)

    @display(description="Status", label=STATE_LABELS)
    def state(self, account):
        return BankAccount.State(account.state).label

    @display(description="Next")
    def next_step(self, account):
        match account.state:
            case BankAccount.State.PROPOSED:
                return (
                    f"Somebody other than {proposer_of(account)} checks it with the payee, and confirms or refuses it."
                )
            case BankAccount.State.COOLING_OFF:
                text = "Nothing to do: it comes into force on {}, unless somebody refuses it before."
                return format_html(text, moment(account.effective_at))
            case BankAccount.State.ACTIVE:
                return "Payouts go there."
        return "Nothing: it is over."

    @display(description="What changes")
    def change(self, account):
        before = self._before(account)
        old = (
            page_link(BankAccount, before.pk, f"{before}, {before.holder}") if before else "nothing: they are not paid"
        )
        return format_html("{} → {}", old, f"{account}, {account.holder}")

    def _before(self, account):
        """What is or was in force when this one came, or would come, in its place."""
        at = account.effective_at or account.closed_at or timezone.now()
        same = {name: getattr(account, name) for name in BankAccount.OF}
        others = BankAccount.objects.filter(**same).exclude(pk=account.pk)
        return others.filter(pk__lt=account.pk).in_force(min(at, timezone.now())).first()

    @display(description="Whose")
    def payee(self, account):
        return payee_link(account.payee_type, account.payee_id)

    @display(description="Told by mail")
    def contact(self, account):
        model = Partner if account.payee_type == "partner" else Broker
        found = model.objects.filter(pk=account.payee_id).values_list("contact_email", flat=True).first()
        return found or "Nobody: they have no address. Call them."

    @display(description="Number")
    def number(self, account):
        return account.mask

    @display(description="Bank")
    def bank(self, account):
        kind = account.get_account_type_display()
        return " ".join(text for text in (account.routing, account.bic, kind, account.country) if text)

    @display(description="The same account elsewhere")
    def same(self, account):
        found = BankAccount.objects.filter(fingerprint__in=keeping.fingerprints_of(account)).exclude(
            payee_type=account.payee_type, payee_id=account.payee_id
        )
        payees = found.order_by().values_list("payee_type", "payee_id").distinct()[:20]
        return format_html_join(", ", "{}", ((payee_link(*payee),) for payee in payees)) or "No other payee has it."

    @display(description="Proposed by")
    def proposer(self, account):
        return proposer_of(account)

    @display(description="Proposed")
    def proposed(self, account):
        return moment(account.proposed_at)

    @display(description="Confirmed by")
    def confirmer(self, account):
        return account.confirmed_by or NOTHING

    @display(description="Confirmed")
    def confirmed(self, account):
        return moment(account.confirmed_at)

    @display(description="In force from")
    def effective(self, account):
        return moment(account.effective_at)

    @display(description="Refused or stopped")
    def closed(self, account):
        return moment(account.closed_at)


def proposer_of(account):
    if account.proposed_by_id:
        return account.proposed_by.get_username()
    return "the payee itself, by its key"
