"""A dispute is decided on its page: a way is tried, then it is said what will happen, and what was shown is done."""

from django import forms
from django.contrib import messages

from attribution.models import Settlement
from disputes import operations
from disputes.actors import Actor
from disputes.admin import simulator
from disputes.admin.case_page import CasePage
from disputes.admin.decision_form import DecisionForm, as_fields
from disputes.admin.forms import CaseForm, is_fragment, long_text
from disputes.admin.wording import in_words

NOT_THE_DECISION = {"csrfmiddlewaretoken", "step", "digest", "resolution", "undoing"}
NO_MONEY = "Follow the claim, no money moves"
CHANGED = "The numbers changed since they were shown, as somebody changed the conversion. These are those of now."


class ResolutionForm(CaseForm):
    resolution = forms.CharField(
        label="Why, in words for the claimant", widget=long_text(maxlength=2000), max_length=2000
    )
    undoing = forms.BooleanField(
        label="Change what was decided before",
        error_messages={"required": "Confirm that what was decided before may change."},
    )

    def __init__(self, *arguments, undoes=False, **named):
        super().__init__(*arguments, **named)
        if not undoes:
            del self.fields["undoing"]


class Deciding:
    """One request. `step`: try (how it would come out), check (what will happen, in words), resolve (do it). Without a
    way the claim is followed and no money moves."""

    def __init__(self, admin, request, dispute):
        self.admin, self.request, self.dispute = admin, request, dispute
        self.step = request.POST.get("step", "check")

    def answer(self):
        if not self.request.POST.get("way"):
            return self._confirmed(None, None)
        parts, out = simulator.parts_of(self.dispute), simulator.out_of(self.dispute)
        form = DecisionForm(self.request.POST, parts=parts, out=out, dispute=self.dispute)
        decision, plan = self._planned(form)
        if plan is None and self.step == "resolve":
            return self._refused(form)
        return self._tried(form, plan) if plan is None or self.step == "try" else self._confirmed(decision, plan)

    def _planned(self, form):
        if not form.is_valid():
            return None, None
        decision = form.decision()
        options = form.try_out(lambda: operations.simulate(dispute_id=self.dispute.pk, decision=decision))
        return (decision, options[0].plan) if options else (None, None)

    def _refused(self, decision_form):
        """What was confirmed cannot be done any more. The words stay where they were typed."""
        form = ResolutionForm(self.request.POST)
        form.is_valid()
        texts = [text for texts in decision_form.errors.values() for text in texts]
        form.conflict(" ".join(texts), is_over=decision_form.is_over)
        asked = [(name, self.request.POST[name]) for name in self.request.POST if name not in NOT_THE_DECISION]
        return self.admin._dialog(
            self.request,
            "confirm",
            self._context(None, None, form) | {"fields": asked, "way": "", "sentences": []},
            form,
        )

    def _tried(self, form, plan):
        context = {
            "dispute": self.dispute,
            "title": "What it would cost",
            "form": form,
            "option": simulator.told(plan) | {"fields": as_fields(form.decision())} if plan else None,
        }
        # Of a script it was a question, and that it cannot be is the answer.
        return self.admin._dialog(self.request, "tried", context, None if is_fragment(self.request) else form)

    def _confirmed(self, decision, plan):
        option = simulator.told(plan) if plan else None
        to_confirm = option["to_confirm"] if option else []
        form = ResolutionForm(self.request.POST if self.step == "resolve" else None, undoes=bool(to_confirm))
        shown = self.request.POST.get("digest", "")
        if self.step == "resolve" and option and shown != option["digest"]:
            form.is_valid()
            form.conflict(CHANGED)
        elif self.admin._done(form, lambda: self._resolve(decision, form.cleaned_data["resolution"], to_confirm)):
            messages.success(self.request, f"{self.dispute} is resolved.")
            return self.admin._left(self.request, self.dispute)
        return self.admin._dialog(self.request, "confirm", self._context(decision, option, form), form)

    def _resolve(self, decision, resolution, confirmed):
        return operations.resolve_dispute(
            dispute_id=self.dispute.pk,
            resolution=resolution,
            decision=decision,
            confirmed=confirmed,
            by=Actor(user=self.request.user),
        )

    def _context(self, decision, option, form):
        page = CasePage(self.dispute, self.request)
        return {
            "dispute": self.dispute,
            "title": f"Resolve {self.dispute}?",
            "form": form,
            "option": option,
            "way": dict(Settlement.Way.choices)[decision.way] if decision else NO_MONEY,
            "fields": as_fields(decision),
            "sentences": in_words(page, option),
            "why_not": page.why_not_decide,
        }
