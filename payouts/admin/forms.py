"""Forms that call one operation and show its refusal; the page around them says what will happen."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Media
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from attribution.admin.adding import OperationForm
from attribution_site.errors import DomainError

# The date picker's script asks for core.js to be there first.
LOOK = Media(
    css={"all": ["attribution/admin.css", "attribution/configurations.css", "payouts/console.css"]},
    js=["admin/js/core.js"],
)


class ReasonForm(OperationForm):
    reason = forms.CharField(label="Why", max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


class NoteForm(OperationForm):
    note = forms.CharField(max_length=500, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


class PayeeForm(OperationForm):
    payee_type = forms.ChoiceField(choices=[("partner", "Partner"), ("broker", "Broker")])
    payee_id = forms.CharField(max_length=64, widget=UnfoldAdminTextInputWidget)


def tried(form, work):
    """What the work returns; None where it was refused, and the form says why."""
    try:
        return work()
    except ValidationError as error:
        form.refuse(error)
    except DomainError as error:
        form.add_error(None, str(error))
    return None


def confirmed(model_admin, request, form, work, *, back, done, **context):
    """The confirmation page, until the work is done: then its words, back on the page it was asked from."""
    if request.method == "POST" and form.is_valid() and tried(form, work) is not None:
        messages.success(request, done)
        return HttpResponseRedirect(back)
    shared = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, "media": LOOK + form.media}
    return TemplateResponse(
        request,
        "admin/payouts/confirm.html",
        shared | {"form": form, "back": back} | context,
        status=422 if form.errors else 200,
    )
