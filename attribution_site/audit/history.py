"""The way from an object's page to its audit rows."""

from urllib.parse import urlencode

from django.http import HttpResponseRedirect
from django.urls import reverse

from attribution_site.audit.tracking import event_models

PERMISSION = "attribution_site.view_auditlog"


def audit_address(**asked):
    return f"{reverse('admin:attribution_site_auditlog_changelist')}?{urlencode(asked)}"


class WithAuditHistory:
    """For the admin of a model under audit: its History is the audit log's, for whoever may read that."""

    def history_view(self, request, object_id, extra_context=None):
        table = self.opts.db_table  # type: ignore[attr-defined]
        tracked = [each.pgh_tracked_model._meta for each in event_models()]
        kind = next((meta.label_lower for meta in tracked if meta.db_table == table), None)
        if kind is None or not request.user.has_perm(PERMISSION):
            return super().history_view(request, object_id, extra_context)  # type: ignore[misc]
        return HttpResponseRedirect(audit_address(kind=kind, object=object_id))
