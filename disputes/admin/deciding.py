"""A dispute is decided on its page: a way is tried, then it is said what will happen, and what was shown is done."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError

from attribution_site.errors import DomainError
from disputes import operations
from disputes.actors import Actor
from disputes.admin import simulator
from disputes.admin.acts import back_to
from disputes.admin.case_page import CasePage
from disputes.admin.decision_form import DecisionForm, as_fields
from disputes.admin.forms import CaseForm, long_text

CHANGED = "The numbers changed since they were shown, as somebody changed the conversion. These are those of now."


class ResolutionForm(CaseForm):
    resolution = forms.CharField(
        label="Why, in words for the claimant", widget=long_text(maxlength=2000), max_length=2000
    )


class Deciding:
    """One request. `step`: try (how it would come out), check (what will happen, in words), resolve (do it). Without a
    way the claim is followed and no money moves."""

    def __init__(self, admin, request, dispute):
        self.admin, self.request, self.dispute = admin, request, dispute
        self.step = request.POST.get("step", "check")

    def answer(self):
        decision, plan, form = None, None, None
        if self.request.POST.get("way"):
            form = DecisionForm(self.request.POST, parts=simulator.parts_of(self.dispute), dispute=self.dispute)
            decision, plan = self._planned(form)
        if form is not None and form.errors:
            return self._tried(form, None)
        return self._tried(form, plan) if self.step == "try" else self._confirmed(decision, plan)

    def _planned(self, form):
        if not form.is_valid():
            return None, None
        try:
            decision = form.decision()
            [option] = operations.simulate(dispute_id=self.dispute.pk, decision=decision)
        except ValidationError as error:
            form.refuse(error)
        except DomainError as error:
            form.add_error(None, str(error))
            form.is_conflict = True
        else:
            return decision, option.plan
        return None, None

    def _tried(self, form, plan):
        context = {
            "dispute": self.dispute,
            "title": "What it would cost",
            "form": form,
            "option": simulator.told(plan) | {"fields": as_fields(form.decision())} if plan else None,
        }
        return self.admin._dialog(self.request, "tried", context, form)

    def _confirmed(self, decision, plan):
        form = ResolutionForm(self.request.POST if self.step == "resolve" else None)
        option = simulator.told(plan) if plan else None
        shown = self.request.POST.get("digest", "")
        if self.step == "resolve" and option and shown != option["digest"]:
            form.is_valid()
            form.add_error(None, CHANGED)
            form.is_conflict = True
        elif self.admin._done(form, lambda: self._resolve(decision, form.cleaned_data["resolution"])):
            messages.success(self.request, f"{self.dispute} is resolved.")
            return self.admin._left(self.request, self.dispute)
        return self.admin._dialog(self.request, "confirm", self._context(decision, option, form), form)

    def _resolve(self, decision, resolution):
        return operations.resolve_dispute(
            dispute_id=self.dispute.pk, resolution=resolution, decision=decision, by=Actor(user=self.request.user)
        )

    def _context(self, decision, option, form):
        page = CasePage(self.dispute, self.request)
        return {
            "dispute": self.dispute,
            "title": f"Resolve {self.dispute}?",
            "form": form,
            "option": option,
            "way": decision.way.label if decision and hasattr(decision.way, "label") else self._way(decision),
            "fields": as_fields(decision),
            "sentences": in_words(page, option),
            "why_not": page.why_not_decide,
        }

    def _way(self, decision):
        return (
            dict(DecisionForm.base_fields["way"].choices)[decision.way]
            if decision
            else "Follow the claim, no money moves"
        )


def in_words(page, option):
    dispute = page.dispute
    said = [f"{dispute} is closed as resolved by you."]
    if option is None:
        said.append(f"No money moves. {back_to(dispute)}")
    else:
        said += list(_money(option))
    return [
        *said,
        f"{dispute.claimant_id} is told your words and its own change; {page.others_in_words} what becomes of their own"
        " shares. Nobody is told of another's.",
        f"For {settings.DISPUTE_APPEAL_DAYS} days each of them may appeal; another person decides that.",
    ]


def _money(option):
    currency = option["currency"]
    for row in option["changed"]:
        if row["gains"] or row["loses"]:
            verb = "gains" if row["gains"] else "loses"
            yield f"{row['name']} {verb} {row['by']} {currency} of commission: {row['before']} → {row['after']}.{_how(row, currency)}"
    parts = [
        _count(option["versions"], "share of a record nobody approved is rewritten", "shares of records nobody approved are rewritten"),
        _count(option["new"], "new record is made, which has to be approved before it is paid", "new records are made, which have to be approved before they are paid"),
        _count(option["removed"], "record is removed", "records are removed"),
        _count(option["adjustments"], "adjustment is booked beside a decided record", "adjustments are booked beside decided records"),
    ]  # fmt: skip
    if any(parts):
        yield "; ".join(filter(None, parts)) + "."


def _how(row, currency):
    if row["clawed_back"]:
        of = f" of {row['paid']} that are paid already" if row["paid"] else ""
        return f" {row['clawed_back']} {currency}{of} are taken back with its next payout."
    if row["booked"]:
        return f" {row['booked']} {currency} come with its next payout."
    return ""


def _count(number, one, many):
    return f"{number} {one if number == 1 else many}" if number else ""
