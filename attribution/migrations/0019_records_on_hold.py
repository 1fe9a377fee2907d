from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Which records wait for the end of their hold, the oldest first. Of old tables it holds nothing."""

    atomic = False

    dependencies = [("attribution", "0018_touches_given_back")]

    operations = [
        AddIndexConcurrently(
            model_name="attributionrecord",
            index=models.Index(fields=["occurred_at"], name="record_pending", condition=Q(status="pending")),
        ),
    ]
