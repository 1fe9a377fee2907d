"""The queues: which disputes there are, whose they are, what is due."""

from partners.admin import ReadOnlyAdmin


class Queue(ReadOnlyAdmin):
    list_display = ["number", "status", "claimant_id", "due_at"]
