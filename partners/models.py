"""Who can earn: partners and brokers, known by the ids that the platform gave them."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Length

models.CharField.register_lookup(Length)

opaque_id = RegexValidator(r"^[^\x00-\x1f\x7f]{1,64}\Z", "Give 1 to 64 printable characters.")


class PayeeQuerySet(models.QuerySet):
    def active(self):
        return self.filter(status=Payee.Status.ACTIVE)

    def visible_to(self, user):
        """Rows the user may read. A user we cannot place sees nothing."""
        return self if user.has_perm(f"partners.view_{self.model._meta.model_name}") else self.none()


class Payee(models.Model):
    """What a partner and a broker have in common. Records name a payee by its kind and id."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    id = models.CharField(primary_key=True, max_length=64, validators=[opaque_id])
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    contact_name = models.CharField(max_length=200, blank=True)
    contact_email = models.EmailField(blank=True)
    contact_phone = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PayeeQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name", "id"], name="%(class)s_by_name")]
        constraints = [
            models.CheckConstraint(
                name="%(class)s_status_known",
                condition=models.Q(status__in=["active", "suspended", "closed"]),
            ),
            models.CheckConstraint(name="%(class)s_id_not_blank", condition=models.Q(id__length__gte=1)),
        ]

    def __str__(self):
        return self.name


class Partner(Payee):
    pass


class Broker(Payee):
    pass
