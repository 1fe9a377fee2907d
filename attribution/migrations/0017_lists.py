from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Each serves a filter of the list of records in the list's own order.
    atomic = False
    dependencies = [("attribution", "0016_audit_of_settlements")]

    operations = [
        AddIndexConcurrently(
            model_name="attributionrecord",
            index=models.Index(fields=["lead_id", "id"], name="record_by_lead"),
        ),
        AddIndexConcurrently(
            model_name="attributionrecord",
            index=models.Index(
                fields=["status", "id"],
                name="record_by_status",
                condition=models.Q(("status__in", ["approved", "disputed", "paid"])),
            ),
        ),
        AddIndexConcurrently(
            model_name="attributionrecord",
            index=models.Index(
                fields=["campaign_id", "id"],
                name="record_by_campaign",
                condition=models.Q(("campaign_id__isnull", False)),
            ),
        ),
    ]
