from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # What a partner or broker asks for most: its own records, the latest first.
    atomic = False
    dependencies = [("attribution", "0009_adjustments")]

    operations = [
        AddIndexConcurrently(
            model_name="attributionrecord",
            index=models.Index(
                fields=["payee_type", "payee_id", "id"],
                name="record_by_payee",
                condition=models.Q(("payee_type", "house"), _negated=True),
            ),
        ),
    ]
