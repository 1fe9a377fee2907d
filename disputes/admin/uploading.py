"""A file is added to the evidence from the page: no more of it is read than evidence may be long."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_protect

from attribution_site.api.wire import BodyTooLarge
from disputes import operations
from disputes.admin.forms import CaseForm, is_fragment
from disputes.uploads import REST_OF_FORM, BoundedUpload


class UploadForm(CaseForm):
    file = forms.FileField(error_messages={"required": "Choose a file.", "empty": "The file is empty."})

    def keep(self, dispute, *, by):
        upload = self.cleaned_data["file"]
        return operations.add_file(dispute_id=dispute.pk, upload=upload, name=upload.name, by=by)


def bounded(request, view):
    """Django looks for the token in the form, and so reads all of it, before a view is asked: here the bound comes
    first."""
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.EVIDENCE_MAX_BYTES + REST_OF_FORM:
            raise BodyTooLarge(f"The file is larger than {settings.EVIDENCE_MAX_BYTES:,} bytes.")
        request.upload_handlers = [BoundedUpload(request)]
        return csrf_protect(view)(request)
    except BodyTooLarge as error:
        if is_fragment(request):
            return JsonResponse({"errors": {"file": [str(error)]}, "is_over": False}, status=413)
        messages.error(request, str(error))
        return HttpResponseRedirect("../change/#evidence")
