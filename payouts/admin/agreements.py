"""What is agreed with payees, in the back office: terms, groups, and rules by which records are approved."""

import datetime as dt
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from attribution.admin.adding import AddByOperation, OperationForm
from attribution.admin.records import PayeeFilter
from conversions.admin import money
from conversions.models import Conversion
from partners.admin import list_link, moment, page_link, payee_link
from payouts import operations
from payouts.admin.agreement_forms import EndForm, GroupForm, MembershipForm, RuleForm, TermsForm, TryTermsForm
from payouts.admin.decisions import DecidedAdmin
from payouts.admin.forms import LOOK, tried
from payouts.models import ApprovalRule, GroupMembership, PayeeGroup, Terms
from payouts.terms.trying import try_terms

NONE = "—"


def percent(value):
    return f"{value.normalize():f} %"


def in_words(terms):
    """What they say of an amount, a sentence a rule."""
    code = terms.currency or ""
    if terms.tiers:
        for tier in terms.tiers:
            until = f"to {tier['to']}" if tier.get("to") else "on"
            yield f"{tier['rate']} % of a month's volume from {tier['from']} {until} {code}"
    else:
        yield f"{percent(terms.rate)} of the share"
    for kind, amount in terms.flats.items():
        yield f"{amount} {code} for a {Conversion.Type(kind).label.lower()}"
    if terms.renewal_rate is not None:
        yield f"{percent(terms.renewal_rate)} of renewals"
    if terms.renewals_as_sold:
        yield "renewals as sold"
    for name, what in (("cap_conversion", "conversion"), ("cap_day", "day"), ("cap_month", "month")):
        if getattr(terms, name) is not None:
            yield f"at most {getattr(terms, name):,.2f} {code} a {what}"


def paid_in_words(terms):
    if terms.hold_days:
        yield f"held {terms.hold_days} days"
    if terms.minimum_payout:
        yield f"from {terms.minimum_payout:,.2f} {terms.currency} on"
    if terms.recovery_cap is not None:
        yield f"at most {percent(terms.recovery_cap)} taken back"
    if terms.earn_out_months:
        yield f"earned out over {terms.earn_out_months} months"
    by_hand = terms.payment_method == Terms.Method.MANUAL
    yield "paid by hand" if by_hand else f"paid by {terms.get_payment_method_display()}"


def lines(sentences):
    return format_html_join("", "<div>{}</div>", ((each,) for each in sentences))


@admin.register(Terms)
class TermsAdmin(DecidedAdmin):
    list_display = ["shown_whom", "shown_currency", "starts_on", "shown_end", "shown_rates", "shown_payment", "change"]
    list_display_links = None
    list_select_related = ["group"]
    fields = [
        "shown_whom",
        "shown_currency",
        "starts_on",
        "shown_end",
        "shown_rates",
        "shown_payment",
        "note",
        "agreed",
    ]
    list_filter = [PayeeFilter, "group"]
    search_fields = ["payee_id", "group__name", "note"]
    operation_form = TermsForm
    add_title = "Agree on terms"
    add_template = "admin/payouts/terms_form.html"
    id_argument = "terms_id"
    actions_list = ["to_try"]
    decisions = {
        "end": (
            "End", EndForm, operations.end_terms, "Their last day is set.",
            "Conversions after that day follow the terms of its group, or those of everybody. What was earned stays.",
        ),
    }  # fmt: skip
    search_help_text = "Payee's id, group or note"
    empty_title = "Nothing is agreed on"
    empty_help = "Without terms a payee has its whole share, at once and without limits. Add the first ones."

    class Media:
        css = {"all": ["attribution/configurations.css", "payouts/console.css"]}

    def perform(self, *, by, **arguments):
        return operations.add_terms(by=by, **arguments)

    def get_urls(self):
        return [path("try/", self.admin_site.admin_view(self.try_out), name="payouts_terms_try"), *super().get_urls()]

    @action(description="Try terms on a payee's past")
    def to_try(self, request):
        return HttpResponseRedirect(reverse("admin:payouts_terms_try"))

    def try_out(self, request):
        """A payee's past under terms that nobody agreed on. Nothing is stored."""
        if not request.user.has_perm("payouts.view_terms"):
            raise PermissionDenied
        form = TryTermsForm(request.POST or None, initial=_last_quarter())
        months = None
        if form.is_valid() and (terms := tried(form, lambda: operations.checked_terms(**form.arguments()))):
            asked = form.cleaned_data
            months = try_terms(
                terms=terms,
                payee=(asked["payee_type"], asked["payee_id"]),
                currency=asked["currency"],
                since=asked["try_since"],
                until=asked["try_until"],
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": LOOK + form.media,
            "title": "A payee's past under other terms",
            "form": form,
            "tried": months is not None,
            "months": months and shown_months(months, form.cleaned_data["currency"]),
            "agreeing": self.has_add_permission(request) and agreeing(form),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/payouts/try_terms.html", context, status=status)

    @display(description="For")
    def shown_whom(self, terms):
        if terms.payee_type:
            return payee_link(terms.payee_type, terms.payee_id)
        return f"Group {terms.group}" if terms.group_id else "Everybody else"

    @display(description="Currency")
    def shown_currency(self, terms):
        return terms.currency or "Any"

    @display(description="Until")
    def shown_end(self, terms):
        return terms.ends_on or NONE

    @display(description="Earns")
    def shown_rates(self, terms):
        return lines(in_words(terms))

    @display(description="Paid")
    def shown_payment(self, terms):
        return lines(paid_in_words(terms))

    @display(description="Agreed on")
    def agreed(self, terms):
        return format_html("{} by {}", moment(terms.created_at), terms.created_by or NONE)

    @display(description="")
    def change(self, terms):
        show = page_link(Terms, terms.pk, "Show")
        is_over = terms.ends_on is not None and terms.ends_on < timezone.now().date()
        if is_over:
            return show
        return format_html("{} · {}", show, links) if (links := self.links(terms)) else show


def agreeing(form):
    """The page on which what was tried is agreed on, filled in."""
    tried_out = {name: form.data[name] for name in form.fields if form.data.get(name) and not name.startswith("try_")}
    return f"{reverse('admin:payouts_terms_add')}?{urlencode(tried_out)}"


def _last_quarter():
    first = timezone.now().date().replace(day=1)
    begin = (first - dt.timedelta(days=80)).replace(day=1)
    return {"try_since": begin, "try_until": first - dt.timedelta(days=1)}


def shown_months(months, currency):
    def row(name, some):
        earned, would = (sum(getattr(each, side) for each in some) for side in ("earned", "would_earn"))
        return {
            "name": name,
            "conversions": sum(len(each.conversions) for each in some),
            "volume": money(sum(each.volume for each in some), currency),
            "earned": money(earned, currency),
            "would_earn": money(would, currency),
            "difference": money(would - earned, currency),
            "is_less": would < earned,
        }

    return {
        "rows": [row(f"{each.month:%B %Y}", [each]) for each in months],
        "total": row("Together", months),
    }


@admin.register(PayeeGroup)
class PayeeGroupAdmin(AddByOperation):
    list_display = ["name", "members", "agreed", "more"]
    list_display_links = None
    sortable_by: list[str] = []
    operation_form = GroupForm
    add_title = "A group of payees"
    empty_title = "No groups"
    empty_help = "With the payees of a group the same is agreed on. Add one, and put payees in it."

    def perform(self, *, by, **values):
        return operations.add_group(by=by, **values)

    def url_after_adding(self, row):
        return reverse("admin:payouts_payeegroup_changelist")

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user).prefetch_related("memberships")

    def get_list_display(self, request):
        """What comes next, for those who may do it."""
        return self.list_display if self.has_add_permission(request) else self.list_display[:-1]

    @display(description="In it today")
    def members(self, group):
        today = timezone.now().date()
        links = [
            (payee_link(each.payee_type, each.payee_id),)
            for each in group.memberships.all()
            if each.starts_on <= today and (each.ends_on is None or each.ends_on >= today)
        ]
        return format_html_join(", ", "{}", links) or NONE

    @display(description="Agreed")
    def agreed(self, group):
        return list_link("payouts_terms", "Terms", group__id__exact=group.pk)

    @display(description="")
    def more(self, group):
        member, terms = (reverse(f"admin:payouts_{name}_add") for name in ("groupmembership", "terms"))
        return format_html(
            '<a class="row-link" href="{}?group={}">Put a payee in it</a> · '
            '<a class="row-link" href="{}?scope=group&amp;group={}">Agree on terms</a>',
            member, group.pk, terms, group.pk,
        )  # fmt: skip


@admin.register(GroupMembership)
class GroupMembershipAdmin(DecidedAdmin):
    list_display = ["payee", "group", "starts_on", "shown_end", "change"]
    list_display_links = None
    list_select_related = ["group"]
    list_filter = ["group", PayeeFilter]
    operation_form = MembershipForm
    add_title = "Put a payee in a group"
    id_argument = "membership_id"
    decisions = {
        "end": (
            "End", EndForm, operations.leave_group, "Its last day is set.",
            "Conversions after that day follow the payee's own terms, or those of everybody.",
        ),
    }  # fmt: skip
    empty_title = "No payee is in a group"
    empty_help = "Add a group first, then put payees in it."

    def get_queryset(self, request):
        return admin.ModelAdmin.get_queryset(self, request)

    def perform(self, *, by, **values):
        return operations.join_group(by=by, **values)

    @display(description="Until")
    def shown_end(self, membership):
        return membership.ends_on or NONE

    @display(description="")
    def change(self, membership):
        return self.links(membership) if membership.ends_on is None else ""


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(DecidedAdmin):
    list_display = ["shown_below", "days_as_payee", "note", "shown_since", "shown_end", "waiting", "change"]
    list_display_links = None
    list_select_related = ["created_by", "ended_by"]
    operation_form = RuleForm
    add_title = "Approve small records by rule"
    id_argument = "rule_id"
    decisions = {
        "end": (
            "End", OperationForm, operations.end_rule, "It is ended.",
            "From now on a person approves such records. What the rule approved stays approved.",
        ),
    }  # fmt: skip
    empty_title = "Every record is approved by a person"
    empty_help = "A rule approves small records of payees that are active, known for a while and in no dispute."

    def perform(self, *, by, **values):
        return operations.add_rule(by=by, **values)

    @display(description="Records below")
    def shown_below(self, rule):
        return money(rule.below, rule.currency)

    @display(description="Since")
    def shown_since(self, rule):
        return format_html("{} by {}", moment(rule.created_at), rule.created_by)

    @display(description="Ended")
    def shown_end(self, rule):
        return format_html("{} by {}", moment(rule.ended_at), rule.ended_by) if rule.ended_at else NONE

    @display(description="Would approve now")
    def waiting(self, rule):
        return NONE if rule.ended_at else f"{operations.covered(rule)[:10_000].count():,}"

    @display(description="")
    def change(self, rule):
        return "" if rule.ended_at else self.links(rule)
