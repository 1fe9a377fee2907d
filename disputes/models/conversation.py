"""What was said: between the house and each party by itself, and among the house's own people."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from disputes.models.disputes import Dispute, Party
from partners.models import ApiKey, payee_of, uuid7


class MessageQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, its own conversation with the house; internal notes and what
        is said with others are not in it."""
        if not user.has_perm("disputes.view_dispute"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(party__payee_type=payee.kind, party__payee_id=payee.id)


@audited()
class Message(models.Model):
    """`party` is the payee whose conversation it belongs to; an internal note has none."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        QUESTION = "question"
        ANSWER = "answer"
        NOTE = "note", "Internal note"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="messages")
    party = models.ForeignKey(Party, on_delete=models.PROTECT, null=True, blank=True, related_name="messages")
    kind = models.CharField(max_length=12, choices=Kind)
    is_from_house = models.BooleanField()
    body = models.CharField(max_length=5000)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    author_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sent_at = models.DateTimeField(db_default=Now())

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["sent_at", "id"]
        indexes = [
            models.Index(fields=["dispute", "sent_at"], name="message_by_dispute"),
            # Who had the last word.
            models.Index(
                fields=["dispute", "-sent_at", "-id"],
                include=["is_from_house"],
                name="message_last",
                condition=Q(party__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="message_says_something", condition=~Q(body="")),
            models.CheckConstraint(
                name="message_note_is_internal",
                condition=Q(kind="note", party__isnull=True, is_from_house=True)
                | (~Q(kind="note") & Q(party__isnull=False)),
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return f"{self.get_kind_display()} of {self.sent_at:%Y-%m-%d %H:%M}"
