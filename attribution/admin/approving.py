"""Approving all that the list's filter shows: what that is, then it is done, then what was refused and why."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Count, Sum
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget

from attribution import operations
from attribution.admin.adding import OperationForm
from attribution.models import AttributionRecord
from partners.admin import page_link

PERMISSION = "attribution.change_attributionrecord"
LOOK = forms.Media(css={"all": ["attribution/configurations.css"]})
CHANGED = "Meanwhile the filter shows other records than you saw: look again."


class ApproveForm(OperationForm):
    reason = forms.CharField(
        label="Why",
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="The audit log keeps it with each record.",
    )
    seen = forms.CharField(widget=forms.HiddenInput)


@dataclass
class Waiting:
    """The oldest of a list's records that wait for approval, as many as are approved at once."""

    ids: list[UUID]
    has_more: bool

    @classmethod
    def of(cls, records):
        ids = list(operations.to_approve(records).values_list("pk", flat=True)[: operations.APPROVED_AT_MOST + 1])
        return cls(ids[: operations.APPROVED_AT_MOST], len(ids) > operations.APPROVED_AT_MOST)

    @property
    def records(self):
        return AttributionRecord.objects.filter(pk__in=self.ids)

    @cached_property
    def seen(self):
        """Says which they are and what they come to: what is approved is what was shown."""
        told = f"{self.ids} {self.sums}"
        return hashlib.sha256(told.encode()).hexdigest()

    @cached_property
    def sums(self):
        found = self.records.order_by().values("currency").annotate(count=Count("pk"), total=Sum("commission_amount"))
        return list(found.order_by("currency"))


def approve_shown(model_admin, request):
    """One request for the page, of somebody who may."""
    try:
        waiting = Waiting.of(model_admin.get_changelist_instance(request).queryset)
    except IncorrectLookupParameters:
        return HttpResponseRedirect(reverse("admin:attribution_attributionrecord_changelist"))
    form = ApproveForm(request.POST or None)
    if form.is_valid():
        if form.cleaned_data["seen"] != waiting.seen:
            form.add_error(None, CHANGED)
        elif done := _approved(form, waiting, by=request.user):
            return _page(model_admin, request, form, "approved", "Records approved", **_told(done, waiting))
    context = {"waiting": waiting, "sums": _sums(waiting.sums), "most": operations.APPROVED_AT_MOST}
    return _page(model_admin, request, form, "approve", "Approve all that the filter shows", **context)


def _approved(form, waiting, *, by):
    try:
        return operations.approve_records(records=waiting.records, reason=form.cleaned_data["reason"], by=by)
    except ValidationError as error:
        form.refuse(error)
    return None


def _told(done, waiting):
    return {
        "done": done,
        "has_more": waiting.has_more,
        "sums": [_in_words(total, currency) for currency, total in sorted(done.sums.items())],
        "refused": [(page_link(AttributionRecord, pk), why) for pk, why in done.refused.items()],
        # Somebody else was faster.
        "gone": len(waiting.ids) - done.count - done.refused_count,
    }


def _in_words(amount, currency):
    return f"{amount:,.2f} {currency}"


def _sums(found):
    return [{"count": each["count"], "total": _in_words(each["total"], each["currency"])} for each in found]


def _page(model_admin, request, form, name, title, **context):
    asked = request.GET.urlencode()
    shared = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media + form.media + LOOK,
        "title": title,
        "form": form,
        "back": f"{reverse('admin:attribution_attributionrecord_changelist')}?{asked}",
    }
    template = f"admin/attribution/attributionrecord/{name}.html"
    return TemplateResponse(request, template, shared | context, status=422 if form.errors else 200)
