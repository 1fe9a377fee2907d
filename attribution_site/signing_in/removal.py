"""On the page of a user: taking away a device, for whoever lost it. Nobody reads a secret here."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from attribution_site.errors import DomainError
from attribution_site.signing_in import operations


def remove_device(model_admin, request, pk):
    if not request.user.is_superuser:
        raise PermissionDenied
    person = get_object_or_404(model_admin.model, pk=pk)
    if request.method == "POST":
        return _removed(model_admin, request, person)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "form": forms.Form(),
        "title": f"Remove the second factor of {person}?",
        "told": "Their app and recovery codes stop working and all their sessions end. Make sure that it is really "
        "them who ask: until they set up a new app, the password alone leads to setting one up.",
        "act": "Remove it",
    }
    return TemplateResponse(request, "admin/signing_in/ask.html", context)


def _removed(model_admin, request, person):
    try:
        operations.remove_device(user_id=person.pk, by_id=request.user.pk)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        model_admin.log_change(request, person, "Second factor removed.")
        messages.success(request, f"The second factor of {person} is removed, and their sessions have ended.")
    return redirect("admin:auth_user_change", person.pk)
