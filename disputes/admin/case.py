"""The page on which one case is seen whole, and the addresses of what can be done there. Each action is one operation
of `disputes.operations`; a script asks for the same addresses and puts the answer into the page."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Media
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt

from disputes import storage
from disputes.actors import Actor
from disputes.admin import deciding, payee_search, uploading
from disputes.admin.acts import ACTS
from disputes.admin.case_page import CasePage
from disputes.admin.forms import is_fragment
from disputes.admin.simulator import simulated
from disputes.admin.talk import TalkForm
from disputes.models import Evidence
from disputes.operations.evidence import canonical
from partners.admin import ReadOnlyAdmin
from touchpoints.admin import as_uuid

TEMPLATES = "admin/disputes/dispute"
# Not what a list needs beside: its scripts know nothing of this page.
LOOK = Media(css={"all": ["attribution/admin.css"]})
BESIDE = ("assigned_to", "resolved_by", "filed_by", "filed_by_key", "resolved_by_key", "settlement", "appeal_of")


class CasePages(ReadOnlyAdmin):
    """The part of the dispute's admin that shows one."""

    def get_urls(self):
        def at(route, view, name):
            return path(f"<uuid:object_id>/{route}", self.admin_site.admin_view(view), name=f"disputes_dispute_{name}")

        return [
            at("say/", self.say, "say"),
            at("simulator/", self.simulator, "simulator"),
            at("decide/", self.decide, "decide"),
            at("payees/", self.payees, "payees"),
            at("evidence/", csrf_exempt(self.upload), "upload"),
            at("evidence/<uuid:item_id>/", self.evidence, "evidence"),
            at("do/<slug:verb>/", self.act, "act"),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return self._rendered(request, "case", CasePage(self._seen(request, object_id), request).context())

    def say(self, request, object_id):
        dispute = self._handled(request, object_id)
        form = TalkForm(request.POST or None, dispute=dispute)
        if self._done(form, lambda: form.say(by=Actor(user=request.user))):
            return self._parts(request, object_id) if is_fragment(request) else self._back(dispute, "#conversation")
        if is_fragment(request):
            return self._refused(form)
        return self._rendered(request, "say", {"dispute": dispute, "form": form, "title": "Say something"}, form)

    def act(self, request, object_id, verb):
        """A form that says what will happen, and then it does."""
        act = ACTS.get(verb)
        dispute = self._handled(request, object_id, act and act.permission)
        if act is None:
            return HttpResponse(status=404)
        page = CasePage(dispute, request)
        form = act.form(request.POST if request.method == "POST" else None, page=page)
        if self._done(form, lambda: act.do(dispute, form.cleaned_data, Actor(user=request.user))):
            messages.success(request, act.done.format(dispute))
            return self._left(request, dispute)
        context = {"dispute": dispute, "act": act, "form": form, "sentences": act.says(page), "title": act.title}
        return self._dialog(request, "act", context | {"target": request.path}, form)

    def simulator(self, request, object_id):
        dispute = self._handled(request, object_id, "resolve_dispute")
        context = {"title": "What each way would cost", "can_decide": CasePage(dispute, request).can_decide}
        return self._dialog(request, "simulator", context | {"dispute": dispute, **simulated(dispute)})

    def decide(self, request, object_id):
        """A decision of one's own is tried, any is confirmed, and then taken."""
        dispute = self._handled(request, object_id, "resolve_dispute")
        return deciding.Deciding(self, request, dispute).answer()

    def payees(self, request, object_id):
        self._handled(request, object_id, "resolve_dispute")
        return JsonResponse({"payees": payee_search.found(request.GET.get("q", ""))})

    def upload(self, request, object_id):
        def kept(request):
            dispute = self._handled(request, object_id)
            form = uploading.UploadForm(request.POST, request.FILES)
            if self._done(form, lambda: form.keep(dispute, by=Actor(user=request.user))):
                messages.success(request, "The file is kept as evidence.")
                return self._left(request, dispute, "#evidence")
            if is_fragment(request):
                return self._refused(form)
            messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
            return self._back(dispute, "#evidence")

        return uploading.bounded(request, kept)

    def evidence(self, request, object_id, item_id):
        """A file as it was filed; data as the text that its hash is of."""
        dispute = self._seen(request, object_id)
        item = get_object_or_404(Evidence.objects.visible_to(request.user), pk=item_id, dispute=dispute)
        if item.path:
            return storage.serve(item)
        response = HttpResponse(canonical(item.content), content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="{dispute}-{item.kind}-{item.sha256[:12]}.json"'
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def _seen(self, request, object_id):
        if not self.has_view_permission(request):
            raise PermissionDenied
        disputes = self.get_queryset(request).visible_to(request.user).select_related(*BESIDE)
        return get_object_or_404(disputes, pk=object_id if not isinstance(object_id, str) else as_uuid(object_id))

    def _handled(self, request, object_id, permission="change_dispute"):
        dispute = self._seen(request, object_id)
        if not request.user.has_perm(f"disputes.{permission or 'change_dispute'}"):
            raise PermissionDenied
        return dispute

    def _done(self, form, work):
        """Whether it is done. If not, the form says why, beside the field that it is about."""
        if not form.is_valid():
            return False
        form.try_out(work)
        return not form.errors

    def _refused(self, form):
        return JsonResponse(refusal(form), status=status_of(form))

    def _parts(self, request, object_id):
        """What talking changes, for the script to put into the page."""
        context = CasePage(self._seen(request, object_id), request).context()
        return self._rendered(request, "parts", context)

    def _left(self, request, dispute, place=""):
        if is_fragment(request):
            return JsonResponse({"location": page_of(dispute) + place})
        return self._back(dispute, place)

    def _back(self, dispute, place=""):
        return HttpResponseRedirect(page_of(dispute) + place)

    def _dialog(self, request, name, context, form=None):
        """The contents alone for a script, within a page for who has none."""
        page = {"contents": f"{TEMPLATES}/{name}.html"}
        return self._rendered(request, name if is_fragment(request) else "alone", context | page, form)

    def _rendered(self, request, name, context, form=None):
        shared = {} if is_fragment(request) else self.admin_site.each_context(request)
        context = {**shared, "opts": self.opts, "media": LOOK} | context
        return TemplateResponse(
            request, f"{TEMPLATES}/{name}.html", context, status=status_of(form) if form is not None else 200
        )


def status_of(form):
    if not form.errors:
        return 200
    return 409 if form.is_conflict else 422


def refusal(form):
    return {"errors": form.errors, "is_over": form.is_over}


def page_of(dispute):
    return reverse("admin:disputes_dispute_change", args=[dispute.pk])
