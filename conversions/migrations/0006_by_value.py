from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversions", "0005_audit")]

    operations = [
        AddIndexConcurrently(
            model_name="conversion",
            index=models.Index(fields=["value", "id"], name="conversion_by_value"),
        ),
    ]
