"""What was laid before whoever decides. Each item is hashed, and none ever changes."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from attribution_site.audit.tracking import audited
from disputes.models.disputes import Dispute, Party
from partners.models import ApiKey, payee_of, uuid7


class EvidenceQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows the user may read: of a partner or broker, what it brought itself."""
        if not user.has_perm("disputes.view_dispute"):
            return self.none()
        payee = payee_of(user)
        return self if payee is None else self.filter(party__payee_type=payee.kind, party__payee_id=payee.id)


@audited()
class Evidence(models.Model):
    """A file, or JSON. `party` is whose it is; what the house or the system brought has none."""

    class Source(models.TextChoices):
        CLAIMANT = "claimant"
        RESPONDENT = "respondent"
        HOUSE = "house"
        SYSTEM = "system"

    class Kind(models.TextChoices):
        FILE = "file"
        JSON = "json", "Data"
        JOURNEY = "journey"
        RULE = "rule", "Rule trace"
        DUPLICATES = "duplicates", "Duplicates and overlaps"
        CLICK_IDS = "click_ids", "Click ids"
        EARLIER = "earlier", "Earlier disputes of the lead"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="evidence")
    source = models.CharField(max_length=12, choices=Source)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, null=True, blank=True, related_name="evidence")
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    content = models.JSONField(null=True, blank=True, help_text="Of JSON; files lie in the evidence folder.")
    path = models.CharField(max_length=200, blank=True, help_text="Of a file, within the evidence folder.")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    added_by_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    added_at = models.DateTimeField(db_default=Now())

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "evidence"
        ordering = ["added_at", "id"]
        indexes = [models.Index(fields=["dispute", "added_at"], name="evidence_by_dispute")]
        constraints = [
            # Who sends a file twice, for want of an answer, has sent it once.
            models.UniqueConstraint(
                fields=["dispute", "party", "kind", "sha256"], name="one_item_a_content", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="evidence_is_a_file_or_data",
                condition=(Q(kind="file") & ~Q(path="") & Q(content__isnull=True))
                | (~Q(kind="file") & Q(path="", content__isnull=False)),
            ),
            models.CheckConstraint(
                name="evidence_of_its_party",
                condition=Q(source__in=["claimant", "respondent"], party__isnull=False)
                | Q(source__in=["house", "system"], party__isnull=True),
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self):
        return self.name
