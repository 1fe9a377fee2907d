"""A list of the back office as somebody likes to see it: their own, under a name they gave it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SavedFilter(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    list = models.CharField(max_length=100, help_text="As app.model.")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, help_text="What stands in the address behind the question mark.")
    created_at = models.DateTimeField(db_default=Now())

    objects = models.Manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "list", "name"], name="one_filter_a_name"),
            models.CheckConstraint(name="saved_filter_named", condition=~Q(name="")),
        ]

    def __str__(self):
        return self.name
