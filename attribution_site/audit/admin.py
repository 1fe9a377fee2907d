"""The audit log in the back office: one list over all its tables, one page a row, and the state of the chain."""

import datetime as dt
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from attribution_site.audit import exporting, reading, sealing
from attribution_site.audit.forms import QuestionForm, as_text, place_in
from attribution_site.audit.models import AuditLog, AuditSeal, AuditVerification
from attribution_site.audit.showing import ACTIONS, COLOURS, Names, object_link, short, shown, title_of

CHANGES_IN_LIST = 3
# A seal is made each minute, unless a transaction runs that long.
LATE = dt.timedelta(minutes=10)
# Of the row's page: how it came about, in this order, and what it is called.
TOLD = {
    "reason": "Reason",
    "user": "User",
    "key": "Key",
    "task": "Task",
    "command": "Command",
    "os_user": "User of the machine",
    "method": "Method",
    "path": "Path",
    "address": "Asked from",
    "forwarded": "Forwarded for (as claimed)",
    "request": "Request",
}


@admin.register(AuditLog)
class AuditLogAdmin(ModelAdmin):
    class Media:
        css = {"all": ["attribution/admin.css", "audit/audit.css"]}

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_urls(self):
        views = {
            "": ("changelist", self.list_view),
            "export/": ("export", self.export_view),
            "<str:kind>/<int:pk>/": ("entry", self.entry_view),
        }
        return [
            path(route, self.admin_site.admin_view(self._for_readers(view)), name=f"attribution_site_auditlog_{name}")
            for route, (name, view) in views.items()
        ]

    def _for_readers(self, view):
        def checked(request, *args, **kwargs):
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return checked

    def list_view(self, request):
        form = QuestionForm(request.GET)
        behind = place_in(request.GET.get("behind"))
        found = reading.newest(form.question, behind=behind, limit=reading.PAGE + 1) if form.is_valid() else []
        page, more = found[: reading.PAGE], found[reading.PAGE :]
        asked = {name: value for name, value in request.GET.items() if name in form.fields and value}
        return self._page(
            request,
            "list",
            title="Audit log",
            form=form,
            lines=list(_lines(page, Names(page))),
            chain=chain_state(),
            is_first=behind is None,
            newest=f"?{urlencode(asked)}",
            older=f"?{urlencode(asked | {'behind': as_text(page[-1].place)})}" if more else "",
            export=f"{reverse('admin:attribution_site_auditlog_export')}?{urlencode(asked)}",
        )

    def export_view(self, request):
        form = QuestionForm(request.GET)
        if not form.is_valid():
            raise Http404
        answer = StreamingHttpResponse(exporting.lines(form.question), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="audit-{timezone.now():%Y-%m-%d-%H%M}.csv"'
        answer["Cache-Control"] = "no-store"
        return answer

    def entry_view(self, request, kind, pk):
        model = reading.kinds().get(kind)
        found = reading.entries([(model._meta.db_table, pk)]) if model else []
        if not found:
            raise Http404
        [entry] = found
        names = Names(found)
        return self._page(
            request,
            "entry",
            title=f"{title_of(model)}: audit row {pk}",
            entry=entry,
            action=ACTIONS[entry.action],
            who=names.who(entry),
            shown_object=object_link(entry),
            changes=[(c, names.value(c, old), names.value(c, new)) for c, old, new in entry.changes],
            whole=[(column, names.value(column, value)) for column, value in entry.whole.items()],
            told=list(_told(entry, names)),
            seal=_seal_of(entry),
            history=f"{_list_address()}?{urlencode({'kind': kind, 'object': entry.object_id})}",
            same_request=_same_request(entry),
        )

    def _page(self, request, name, **context):
        shared = self.admin_site.each_context(request) | {"media": self.media, "opts": self.opts}
        return TemplateResponse(request, f"admin/attribution_site/auditlog/{name}.html", shared | context)


def _list_address():
    return reverse("admin:attribution_site_auditlog_changelist")


def _lines(entries, names):
    for entry in entries:
        changes = entry.changes if entry.action == reading.UPDATE else []
        shown_changes = [
            (column, short(names.value(column, old)), short(names.value(column, new))) for column, old, new in changes
        ]
        yield {
            "entry": entry,
            "action": ACTIONS[entry.action],
            "colour": COLOURS[entry.action],
            "what": title_of(entry.model),
            "who": names.who(entry),
            "object": object_link(entry),
            "changes": shown_changes[:CHANGES_IN_LIST],
            "more": max(0, len(shown_changes) - CHANGES_IN_LIST),
            "reason": entry.context.get("reason", ""),
            "address": reverse("admin:attribution_site_auditlog_entry", args=[reading.kind_of(entry.model), entry.pk]),
        }


def _told(entry, names):
    for name, title in TOLD.items():
        if (value := entry.context.get(name)) is not None:
            yield title, names.who(entry) if name in {"user", "key"} else shown(value)
    others = {name: value for name, value in entry.context.items() if name not in TOLD}
    yield from ((name.replace("_", " ").capitalize(), shown(value)) for name, value in others.items())
    yield "Database login", shown(entry.row["pgh_login"])
    yield "Database application", shown(entry.row["pgh_application"])
    yield "Database client", shown(entry.row["pgh_address"])


def _same_request(entry):
    asked = entry.context.get("request")
    return f"{_list_address()}?{urlencode({'request': asked})}" if asked else ""


def _seal_of(entry):
    """The number of its seal; None while it waits for one."""
    within = AuditSeal.objects.filter(
        cluster=entry.row["pgh_cluster"], from_xact__lte=entry.row["pgh_xact"], to_xact__gt=entry.row["pgh_xact"]
    )
    return within.values_list("number", flat=True).first()


def chain_state():
    """Up to when the log is sealed, and what checking it found."""
    since = sealing.waiting_since()
    return {
        "seal": AuditSeal.objects.defer("contents").order_by("-number").first(),
        "verification": AuditVerification.objects.first(),
        "waiting_since": since,
        "is_late": since is not None and timezone.now() - since > LATE,
    }
