from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # What the front page counts and adds up for finance, without a look at the other records.
    atomic = False
    dependencies = [("attribution", "0014_audit")]

    operations = [
        AddIndexConcurrently(
            model_name="attributionrecord",
            index=models.Index(
                fields=["occurred_at"],
                include=["currency", "commission_amount"],
                name="record_to_approve",
                condition=models.Q(
                    ("payable", True), ("status", "calculated"), models.Q(("payee_type", "house"), _negated=True)
                ),
            ),
        ),
    ]
