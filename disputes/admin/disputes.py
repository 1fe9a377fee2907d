from django.contrib import admin

from disputes.admin.queue import Queue
from disputes.models import Dispute


@admin.register(Dispute)
class DisputeAdmin(Queue):
    pass
