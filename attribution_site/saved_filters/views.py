"""Saving the filter of a list, renaming it, taking it away. Each person has their own, and meets nobody else's."""

from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from attribution_site.saved_filters.models import SavedFilter

MOST = 50  # a person and list
# What a list's address has beside its filters: the page, and what unfold and Django add.
NOT_KEPT = ("p", "e", "_changelist_filters", "csrfmiddlewaretoken")


def kept_part(query):
    """The filters in a list's address, in one order: two that say the same are the same."""
    asked = QueryDict(query)
    pairs = [(name, value) for name, values in asked.lists() for value in values if value and name not in NOT_KEPT]
    return urlencode(sorted(pairs))


class FilterForm(forms.Form):
    list = forms.CharField(max_length=100)
    name = forms.CharField(max_length=60)
    query = forms.CharField(max_length=2000)

    def clean_list(self):
        if list_url(self.cleaned_data["list"]) is None:
            raise ValidationError("There is no such list.")
        return self.cleaned_data["list"]

    def clean_query(self):
        if not (kept := kept_part(self.cleaned_data["query"])):
            raise ValidationError("Set a filter or search for something first.")
        return kept


def model_admin(label):
    return next((each for model, each in admin.site._registry.items() if model._meta.label_lower == label), None)


def list_url(label):
    found = model_admin(label)
    return found and reverse(f"admin:{label.replace('.', '_')}_changelist")


def back_to(saved_list, query=""):
    return HttpResponseRedirect(f"{list_url(saved_list)}?{query}")


@require_POST
def save(request):
    form = FilterForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        known = model_admin(request.POST.get("list", ""))
        return back_to(request.POST["list"], kept_part(request.POST.get("query", ""))) if known else home()
    asked = form.cleaned_data
    if not model_admin(asked["list"]).has_view_permission(request):
        raise Http404
    mine = SavedFilter.objects.filter(owner=request.user, list=asked["list"])
    if mine.exclude(name=asked["name"]).count() >= MOST:
        messages.error(request, f"A list has {MOST} filters of one person at most: delete one first.")
    else:
        mine.update_or_create(
            owner=request.user, list=asked["list"], name=asked["name"], defaults={"query": asked["query"]}
        )
        messages.success(request, f"The filter is saved as “{asked['name']}”.")
    return back_to(asked["list"], asked["query"])


@require_POST
def change(request, pk):
    """Rename it, or with `delete` take it away."""
    saved = get_object_or_404(SavedFilter, pk=pk, owner=request.user)
    if "delete" in request.POST:
        saved.delete()
        messages.success(request, f"The filter “{saved.name}” is deleted.")
        return back_to(saved.list)
    name = request.POST.get("name", "").strip()
    try:
        with transaction.atomic():
            SavedFilter._meta.get_field("name").run_validators(name)
            SavedFilter.objects.filter(pk=saved.pk).update(name=name)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except IntegrityError:
        messages.error(request, f"A filter has to have a name of its own, and “{name}” is taken or empty.")
    return back_to(saved.list, saved.query)


def home():
    return HttpResponseRedirect(reverse("admin:index"))
