"""Adding a row through an operation: a form, one call, and the refusal beside the field it is about."""

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from attribution_site.errors import DomainError
from partners.admin import PlainAdmin


class AddByOperation(PlainAdmin):
    """The add page is a plain form whose fields are the operation's arguments. Rows are never changed."""

    actions = None
    operation_form: type["OperationForm"]
    add_title = ""
    add_template = "admin/attribution/add_by_operation.html"

    def perform(self, *, by, **arguments):
        raise NotImplementedError

    def form_of(self, request):
        return self.operation_form(request.POST or None)

    def url_after_adding(self, row):
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.form_of(request)
        if form.is_valid() and (row := self._performed(form, by=request.user)):
            messages.success(request, form.done_text.format(row))
            return HttpResponseRedirect(self.url_after_adding(row))
        context = {
            **self.admin_site.each_context(request),
            "title": self.add_title,
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, self.add_template, context, status=422 if form.errors else 200)

    def _performed(self, form, *, by):
        try:
            row = self.perform(by=by, **form.arguments())
        except ValidationError as error:
            form.refuse(error)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            self.log_addition_by(by, row)
            return row
        return None

    def log_addition_by(self, user, row):
        LogEntry.objects.log_actions(user.pk, [row], ADDITION, "Added.", single_object=True)


class OperationForm(forms.Form):
    submit_text = "Add"
    done_text = "{} was added."
    # Where a refusal is shown that is about none of the form's fields.
    error_field: str | None = None

    def arguments(self):
        return self.cleaned_data

    def refuse(self, error):
        """Show a ValidationError under the fields it names; what the form does not have keeps its name."""
        if not hasattr(error, "error_dict"):
            return self.add_error(self.error_field, error)
        for name, texts in error.message_dict.items():
            for text in texts:
                if name in self.fields:
                    self.add_error(name, text)
                else:
                    self.add_error(self.error_field, f"{name}: {text}")
        return None
