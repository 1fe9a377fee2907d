from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

OPEN = ["open", "needs_information", "under_review"]


class Migration(migrations.Migration):
    # The queues: whose work it is, what was filed in a period, in which of them a party had the last word.
    atomic = False
    dependencies = [("disputes", "0002_disputes")]

    operations = [
        AddIndexConcurrently(
            model_name="dispute",
            index=models.Index(
                fields=["assigned_to", "due_at", "id"], name="dispute_by_assignee", condition=Q(status__in=OPEN)
            ),
        ),
        AddIndexConcurrently(
            model_name="dispute", index=models.Index(fields=["filed_at"], name="dispute_by_filing")
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                fields=["dispute", "-sent_at", "-id"],
                include=["is_from_house"],
                name="message_last",
                condition=Q(party__isnull=False),
            ),
        ),
    ]
