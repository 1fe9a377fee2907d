from django.db import migrations


class Migration(migrations.Migration):
    """Numbers that people call disputes by."""

    initial = True
    dependencies = []

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE disputes_number AS bigint START WITH 1001", "DROP SEQUENCE disputes_number"
        )
    ]
