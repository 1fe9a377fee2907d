from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # What was filed in a period: the report, and the queues' filter.
    atomic = False
    dependencies = [("disputes", "0002_disputes")]

    operations = [
        AddIndexConcurrently(
            model_name="dispute", index=models.Index(fields=["filed_at"], name="dispute_by_filing")
        ),
    ]
