from django.contrib import admin

from disputes.admin.case import CasePages
from disputes.admin.queue import Queue
from disputes.models import Dispute


@admin.register(Dispute)
class DisputeAdmin(CasePages, Queue):
    pass
